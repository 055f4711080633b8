//! Published, readers and guards: the baseline's behaviour, and what a scheme of one's own can count on.

mod asks;
mod callers;
mod find;
mod readers;
mod rolled_back;
mod versions;
mod waiting;

use super::support;
use std::thread;

use zonelist_core::{
    Capacity, NodeId, Request, Slot, Slots, StopWorld, StopWorldPreempted, ZoneKind, Zonelists,
    conformance::Sample,
    publish::{FullFence, Published},
};

/// Turns in which another thread could have done what it must not.
const TURNS: usize = 2000;

fn stop_world<const READERS: usize>(capacity: Capacity) -> Published<StopWorld<Box<[Slot]>>, FullFence, READERS> {
    Published::new(StopWorld::new(Slots::boxed(capacity)))
}

fn preempted<const READERS: usize>(
    capacity: Capacity,
) -> Published<StopWorldPreempted<Box<[Slot]>>, FullFence, READERS> {
    Published::new(StopWorldPreempted::new(Slots::boxed(capacity)))
}

/// Four zones in the first version, three in the next two.
fn versions() -> Vec<Zonelists> {
    Sample::default().versions
}

/// Node 0, and whatever is there: see [`versions`].
fn node() -> NodeId {
    NodeId::new(0).unwrap()
}

const ANY: Request = Request::up_to(ZoneKind::Movable);

/// Lets others run for a while, in which something must stay true.
fn meanwhile(holds: impl Fn() -> bool, what: &str) {
    for _ in 0..TURNS {
        thread::yield_now();
        assert!(holds(), "{what}");
    }
}
