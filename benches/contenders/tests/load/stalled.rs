//! A stalled reader: the run ends under every scheme, and shows which publishes return meanwhile.

use std::time::Duration;

use zonelist_contenders::load::{Load, Pacer, Rate, Stalled, StalledRun};
use zonelist_core::publish::Progress;
use zonelist_schemes::SchemeId;

use crate::{Setup, alone};

fn run(scheme: SchemeId, setup: &Setup, ms: u64) -> StalledRun {
    let load = setup.load(Rate::PerSecond(1000), ms);
    scheme.visit(&mut Stalled { load, capacity: setup.capacity() }).unwrap()
}

#[test]
fn the_run_ends_under_every_scheme_and_counts_what_returned() {
    let _alone = alone();
    let setup = Setup::new();
    for scheme in SchemeId::all() {
        let (name, mut ms) = (scheme.name(), 10);
        loop {
            let StalledRun { returned, loaded, bytes_kept } = run(scheme, &setup, ms);
            assert_eq!(bytes_kept, None, "this program's allocator counts nothing");
            let made = loaded.updates.times.count();
            assert!(returned <= made, "{name}: {returned} of {made}");
            let due = Pacer::due_within(Rate::PerSecond(1000), loaded.updates.elapsed);
            assert!(made <= due.unwrap(), "{name}: {made} of {due:?}");
            if scheme.facts().scheme == "StopWorld" {
                assert_eq!(returned, 0, "a publish returned within a walk");
            }
            // A publish that waits for nothing returns, if the threads run long enough.
            if scheme.facts().writer == Progress::Blocking || returned > 0 {
                break;
            }
            ms *= 2;
        }
    }
}

#[test]
fn two_buffers_take_one_publish_beside_a_stalled_reader() {
    let _alone = alone();
    let setup = Setup::new();
    for name in ["AsymmetricEpoch", "Qsbr"] {
        let StalledRun { returned, .. } = run(name.parse().unwrap(), &setup, 20);
        assert!(returned <= 2, "{name}: {returned}");
    }
}

#[test]
fn a_run_of_no_time_ends() {
    let setup = Setup::new();
    for scheme in SchemeId::all() {
        let load = Load { time: Duration::ZERO, ..setup.load(Rate::Unpaced, 0) };
        let run = scheme.visit(&mut Stalled { load, capacity: setup.capacity() }).unwrap();
        assert_eq!((run.returned, run.loaded.updates.times.count()), (0, 0), "{}", scheme.name());
    }
}
