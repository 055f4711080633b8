//! All suites for a scheme that is not registered: the smallest one, of the library's documentation.

use criterion::{Criterion, criterion_group, criterion_main};
use zonelist_suites::Subject;

#[expect(unreachable_pub, reason = "the source is that of the documentation")]
#[path = "../../../zonelist-core/src/publish/smallest.rs"]
mod smallest;

fn foreign(criterion: &mut Criterion) {
    zonelist_suites::ALL.iter().for_each(|suite| suite(criterion, &Subject::of(|_| smallest::Locked::default())));
}

criterion_group!(benches, foreign);
criterion_main!(benches);
