//! Criterion suites of schemes: `cargo xtask bench`.
//!
//! A suite is a function of a [`Subject`]: a scheme, of this workspace or of another crate. The programs in `benches/`
//! run one suite each for all registered schemes; `foreign` runs all suites for a scheme that is not registered, which
//! joins by one line:
//!
//! ```ignore
//! zonelist_suites::ALL.iter().for_each(|suite| suite(criterion, &Subject::of(|_| Locked::default())));
//! ```
//!
//! | suite | what is timed |
//! |---|---|
//! | [`reads`](suites::reads) | first zones of lists of eight, walks of 64 |
//! | [`publishes`](suites::publishes) | two versions in turn |
//! | [`reads_under_publishing`](suites::reads_under_publishing) | first zones, at 1000 publishes a second |
//! | [`grace_periods`](suites::grace_periods) | a wait for a grace period, beside a reader between walks |
//! | [`allocation`](suites::allocation) | an allocation and its free, of orders 0 and 4 |
//! | [`hotplug`](suites::hotplug) | a memory block goes online and offline |
//!
//! The programs `fallback_order`, `reads` and `publish` time more: the computation of the lists, reads by hand, and
//! publishes by the number of reader slots.

mod hotplug;
mod subject;
pub mod suites;

pub use subject::Subject;

/// A suite of one scheme.
pub type Suite = fn(&mut criterion::Criterion, &Subject);

/// All suites.
pub const ALL: [Suite; 6] = [
    suites::reads,
    suites::publishes,
    suites::reads_under_publishing,
    suites::grace_periods,
    suites::allocation,
    suites::hotplug,
];

/// The main function of a program that runs suites for every registered scheme.
#[macro_export]
macro_rules! suite_main {
    ($($suite:ident),*) => {
        fn every_scheme(criterion: &mut criterion::Criterion) {
            for subject in $crate::Subject::all() {
                $($crate::suites::$suite(criterion, &subject);)*
            }
        }
        criterion::criterion_group!(benches, every_scheme);
        criterion::criterion_main!(benches);
    };
}
