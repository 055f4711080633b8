//! The sequence of publishes: at no time is a free page in an unlisted zone, or a listed zone without watermarks.
//!
//! The scheme and the page provider are called at each step of an operation, and record what is visible then.

use std::{
    ops::Range,
    sync::{Arc, Mutex, Weak},
};

use zonelist_core::{
    Pfn, Request, ZoneId, ZoneKind,
    hotplug::{OnlineTo, ProviderError},
};

use super::{Hook, Running, node, offline, online, running, support::Puppet, zone};

/// What is visible at a step: is the zone listed, has it watermarks, and which blocks have pages to allocate.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Observation {
    step: &'static str,
    listed: bool,
    has_watermarks: bool,
    available: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
struct Observer {
    machine: Arc<Mutex<Option<Weak<Running<Self>>>>>,
    available: Arc<Mutex<Vec<u64>>>,
    observations: Arc<Mutex<Vec<Observation>>>,
}

/// The zone that gets its first page and loses its last.
const ZONE: (u16, ZoneKind) = (1, ZoneKind::Movable);

impl Observer {
    fn record(&self, step: &'static str) {
        let Some(running) = self.machine.lock().unwrap().as_ref().and_then(Weak::upgrade) else { return };
        let any = running.provider().published.filter(&Request::up_to(ZoneKind::Movable));
        let mut reader = running.provider().published.reader().unwrap();
        let listed = reader.enter().walk(node(0), &any).any(|entry| entry.zone() == zone(ZONE.0, ZONE.1));
        let state = running.state();
        let has_watermarks =
            state.zones().any(|info| info.size.zone == zone(ZONE.0, ZONE.1) && info.watermarks.min > 0);
        let available = self.available.lock().unwrap().clone();
        self.observations.lock().unwrap().push(Observation { step, listed, has_watermarks, available });
    }
}

impl Hook for Observer {
    fn isolate(&self, _: ZoneId, frames: Range<Pfn>) -> Result<(), ProviderError> {
        self.record("isolate");
        self.available.lock().unwrap().retain(|&block| block != super::block_of(&frames));
        Ok(())
    }

    fn finish_online(&self, _: ZoneId, frames: Range<Pfn>) {
        self.record("finish_online");
        self.available.lock().unwrap().push(super::block_of(&frames));
    }
}

#[test]
fn pages_are_available_only_in_listed_zones_and_these_have_watermarks() {
    let observer = Observer::default();
    let publishes = observer.clone();
    // Called within a publish, before the scheme replaces its list: the sample shows the list before.
    let scheme = Puppet::on_publish(move |_| {
        publishes.record("publish");
        Ok(())
    });
    let running = Arc::new(running(scheme, observer.clone()));
    *observer.machine.lock().unwrap() = Some(Arc::downgrade(&running));
    for operation in [online(10, OnlineTo::Movable), online(11, OnlineTo::Movable), offline(10), offline(11)] {
        running.apply(&operation).unwrap();
    }
    let expected = |step, listed, has_watermarks, available: &[u64]| {
        let available = available.to_vec();
        Observation { step, listed, has_watermarks, available }
    };
    assert_eq!(
        *observer.observations.lock().unwrap(),
        [
            expected("publish", false, true, &[]),
            expected("finish_online", true, true, &[]),
            expected("finish_online", true, true, &[10]),
            expected("isolate", true, true, &[10, 11]),
            expected("isolate", true, true, &[11]),
            expected("publish", true, true, &[]),
        ]
    );
    observer.record("end");
    assert_eq!(observer.observations.lock().unwrap().last(), Some(&expected("end", false, false, &[])));
}
