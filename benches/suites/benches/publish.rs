//! Times of a publish by the number of reader slots that readers have had. One has a reader, which is offline.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use zonelist_core::{
    publish::{Platform, Published, ReaderSlots},
    sync::Spin,
    table::Capacity,
    zonelist::ZonelistsRef,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor, workload::synthetic};

/// Times publishes of two versions in turn.
struct Publishes<'c, 'l> {
    criterion: &'c mut Criterion,
    name: &'static str,
    versions: [ZonelistsRef<'l>; 2],
}

impl Visitor for Publishes<'_, '_> {
    type Output = ();
    const TIMED: bool = true;
    const MAX_ZONES: usize = 8;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.versions[0])
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) {
        let mut group = self.criterion.benchmark_group("publish by reader slots");
        for slots in [1, 64, 256, 1024, 4096] {
            let published: Published<S, P> =
                Published::with_platform(S::build(Capacity::of(self.versions[0])), ReaderSlots::boxed(slots));
            // The count of readers that there were at a time.
            drop((0..slots).filter_map(|_| published.reader().ok()).collect::<Vec<_>>());
            let Ok(mut reader) = published.reader() else { continue };
            let mut nth = 0;
            group.bench_function(BenchmarkId::new(self.name, slots), |bench| {
                bench.iter(|| {
                    nth += 1;
                    reader.offline(|| published.publish(self.versions[nth % 2]))
                });
            });
        }
        group.finish();
    }
}

fn by_slots(criterion: &mut Criterion) {
    let (longer, shorter) = (synthetic(8), synthetic(7));
    let versions = [longer.lists(), shorter.lists()];
    for scheme in SchemeId::all() {
        scheme.visit(&mut Publishes { criterion, name: scheme.name(), versions });
    }
}

criterion_group!(benches, by_slots);
criterion_main!(benches);
