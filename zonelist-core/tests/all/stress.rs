//! The baselines under load on real threads, and the verdicts on schemes that are broken on purpose.

#[cfg(target_os = "linux")]
use zonelist_core::publish::{Barrier, Membarrier, Parts};
use zonelist_core::{
    conformance::{Load, Sample, Stress, StressError, Tally, run_stress},
    publish::{Platform, PublishError, Published, ReaderError, ReaderSlots, Scheme, Standard},
    stop_world::{StopWorld, StopWorldPreempted},
    table::{Capacity, Slot, Slots},
};

use super::support::{Detected, Puppet, Racy, Snapshot};

fn stop_world<P: Platform>() -> Published<StopWorld<Box<[Slot]>>, P> {
    Published::with_platform(StopWorld::new(Slots::boxed(Sample::CAPACITY)), ReaderSlots::boxed(2))
}

/// Bursts of ten walks by one reader and of publishes by one publisher, until there were `bursts` publishes.
fn burst<S: Scheme>(scheme: S, bursts: usize) -> Tally {
    let Sample { versions, requests } = Sample::default();
    let published: Published<S> = Published::with_slots(scheme, ReaderSlots::boxed(1));
    let load = Load { readers: 1, publishers: 1, walks: 10, versions: &versions, requests: &requests };
    let mut stress = Stress::new(&published, load).unwrap();
    while stress.publishes() < bursts as u64 {
        stress.burst().unwrap();
    }
    stress.tally()
}

#[test]
fn stop_world_keeps_its_guarantee_under_load() {
    assert_eq!(run_stress(&stop_world::<Standard>(), 1).violations, 0);
    assert_eq!(run_stress(&stop_world::<Standard>(), 2).violations, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn stop_world_keeps_its_guarantee_by_membarrier() {
    if Membarrier::prepare() {
        assert_eq!(run_stress(&stop_world::<Parts<Membarrier>>(), 1).violations, 0);
    } else {
        println!("skipped: this system has no membarrier");
    }
}

#[test]
fn stop_world_preempted_keeps_its_guarantee_under_load() {
    let scheme = StopWorldPreempted::new(Slots::boxed(Sample::CAPACITY));
    assert_eq!(run_stress(&Published::with_slots(scheme, ReaderSlots::boxed(2)), 1).violations, 0);
}

#[test]
fn a_scheme_that_keeps_its_guarantee_passes() {
    assert_eq!(burst(Puppet::<Snapshot>::new(), 100).violations, 0);
}

#[test]
fn a_scheme_that_always_shows_an_old_version_fails() {
    let stale = burst(Puppet::<Snapshot> { forgets: true, ..Puppet::new() }, 100);
    assert_eq!((stale.torn, stale.violations), (stale.walks, stale.walks), "every walk shows V0");
}

#[test]
fn a_scheme_that_reports_torn_walks_passes() {
    let forgetful = |torn| burst(Puppet::<Detected> { forgets: true, torn, ..Puppet::new() }, 100);
    let reported = forgetful(usize::MAX);
    assert_eq!((reported.torn, reported.reported, reported.violations), (reported.walks, reported.walks, 0));
    let unreported = forgetful(0);
    assert_eq!((unreported.torn, unreported.reported, unreported.violations), (unreported.walks, 0, unreported.walks));
}

#[test]
fn a_walk_that_does_not_end_fails_under_every_guarantee() {
    let endless = burst(Puppet::<Racy> { endless: true, ..Puppet::new() }, 10);
    assert!(endless.violations > 0 && endless.repeated > 0 && endless.phantom == 0, "{endless}");
}

#[test]
#[should_panic(expected = "a publish that panics")]
fn a_panic_in_a_publish_ends_the_burst() {
    burst(
        Puppet::<Snapshot>::on_publish(|writer| {
            if writer.version().number() > 5 { panic!("a publish that panics") } else { Ok(()) }
        }),
        10,
    );
}

#[test]
fn a_burst_reports_why_it_failed() {
    let Sample { versions, requests } = Sample::default();
    let load = Load { readers: 2, publishers: 1, walks: 10, versions: &versions, requests: &requests };

    let published = stop_world::<Standard>();
    for idle in [Load { versions: &[], ..load }, Load { requests: &[], ..load }] {
        assert!(matches!(Stress::new(&published, idle), Err(StressError::Idle)));
    }
    let small: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(Capacity::new(3, 3).unwrap())), ReaderSlots::boxed(2));
    assert!(matches!(Stress::new(&small, load), Err(StressError::Publish(PublishError::Capacity(_)))));

    let readers = [published.reader().unwrap(), published.reader().unwrap()];
    let mut stress = Stress::new(&published, load).unwrap();
    assert_eq!(stress.burst(), Err(StressError::Reader(ReaderError::NoSlot { slots: 2 })));
    drop(readers);

    let mut stress = Stress::new(&published, load).unwrap();
    published.publish(&versions[1]).unwrap();
    let error = loop {
        match stress.burst() {
            Ok(()) => assert_eq!(stress.publishes(), 0, "the next publish of a burst reports one from outside"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StressError::History(_)), "{error}");
}
