//! Published, readers and guards: the behaviour of the baseline, and what other schemes may rely on.

mod callers;
mod find;
mod grace_periods;
mod growth;
mod readers;
mod rolled_back;
mod versions;
mod waiting;

use super::support;
use std::thread;

use zonelist_core::{
    NodeId, Request, ZoneKind, Zonelists,
    conformance::Sample,
    publish::{Published, ReaderSlots},
    stop_world::{StopWorld, StopWorldPreempted},
    table::{Capacity, Slot, Slots},
};

/// The number of times that another thread gets to run, and could do what it must not.
const YIELDS: usize = 2000;

fn stop_world<const READERS: usize>(capacity: Capacity) -> Published<StopWorld<Box<[Slot]>>> {
    Published::with_slots(StopWorld::new(Slots::boxed(capacity)), ReaderSlots::boxed(READERS))
}

fn preempted<const READERS: usize>(capacity: Capacity) -> Published<StopWorldPreempted<Box<[Slot]>>> {
    Published::with_slots(StopWorldPreempted::new(Slots::boxed(capacity)), ReaderSlots::boxed(READERS))
}

/// Four zones in the first version, three in the next two.
fn versions() -> Vec<Zonelists> {
    Sample::default().versions
}

/// Node 0, which each of [`versions`] has a list of.
fn node() -> NodeId {
    NodeId::new(0).unwrap()
}

const ANY: Request = Request::up_to(ZoneKind::Movable);

/// Lets other threads run for a while. Panics if `holds` is false meanwhile.
fn meanwhile(holds: impl Fn() -> bool, what: &str) {
    for _ in 0..YIELDS {
        thread::yield_now();
        assert!(holds(), "{what}");
    }
}
