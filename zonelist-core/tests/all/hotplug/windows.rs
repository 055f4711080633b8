//! No moment in which a free page is in a zone that no list names, or a listed zone has no marks.
//!
//! The scheme and the allocator are the only ones that are told of the steps of an operation, so
//! they look around each time they are.

use std::{
    ops::Range,
    sync::{Arc, Mutex, Weak},
};

use zonelist_core::{
    Request, ZoneId, ZoneKind,
    hotplug::{FramesError, OnlineTo},
};

use super::{Hook, PAGES, Running, node, offline, online, running, support::Puppet, zone};

/// What was seen when: the zones listed, those with marks, the blocks whose pages are in reach.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    at: &'static str,
    listed: bool,
    marked: bool,
    in_reach: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
struct Watch {
    machine: Arc<Mutex<Option<Weak<Running<Self>>>>>,
    in_reach: Arc<Mutex<Vec<u64>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// The zone that comes and goes.
const ZONE: (u16, ZoneKind) = (1, ZoneKind::Movable);

impl Watch {
    fn look(&self, at: &'static str) {
        let Some(running) = self.machine.lock().unwrap().as_ref().and_then(Weak::upgrade) else { return };
        let any = running.frames().published.filter(&Request::up_to(ZoneKind::Movable));
        let mut reader = running.frames().published.reader().unwrap();
        let listed = reader.enter().walk(node(0), &any).any(|entry| entry.zone() == zone(ZONE.0, ZONE.1));
        let state = running.state();
        let marked = state.zones().any(|info| info.size.zone == zone(ZONE.0, ZONE.1) && info.marks.min > 0);
        let in_reach = self.in_reach.lock().unwrap().clone();
        self.seen.lock().unwrap().push(Seen { at, listed, marked, in_reach });
    }
}

impl Hook for Watch {
    fn take(&self, _: ZoneId, frames: Range<u64>) -> Result<(), FramesError> {
        self.look("take");
        self.in_reach.lock().unwrap().retain(|&block| block != frames.start / PAGES);
        Ok(())
    }

    fn give(&self, _: ZoneId, frames: Range<u64>) {
        self.look("give");
        self.in_reach.lock().unwrap().push(frames.start / PAGES);
    }
}

#[test]
fn pages_are_in_reach_only_of_a_listed_zone_and_a_listed_zone_has_marks() {
    let watch = Watch::default();
    let publishes = watch.clone();
    // A publish is the moment before and the moment after: the puppet has not changed its list yet.
    let scheme = Puppet::on_publish(move |_| {
        publishes.look("publish");
        Ok(())
    });
    let running = Arc::new(running(scheme, watch.clone()));
    *watch.machine.lock().unwrap() = Some(Arc::downgrade(&running));
    for operation in [online(10, OnlineTo::Movable), online(11, OnlineTo::Movable), offline(10), offline(11)] {
        running.apply(&operation).unwrap();
    }
    let seen = |at, listed, marked, in_reach: &[u64]| Seen { at, listed, marked, in_reach: in_reach.to_vec() };
    assert_eq!(
        *watch.seen.lock().unwrap(),
        [
            seen("publish", false, true, &[]),
            seen("give", true, true, &[]),
            seen("give", true, true, &[10]),
            seen("take", true, true, &[10, 11]),
            seen("take", true, true, &[11]),
            seen("publish", true, true, &[]),
        ]
    );
    watch.look("end");
    assert_eq!(watch.seen.lock().unwrap().last(), Some(&seen("end", false, false, &[])));
}
