//! Measurements under load: counts add up, waits show, and every run ends.

mod blocked;
mod schemes;
mod stalled;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use zonelist_contenders::load::{BATCH, Clock, Load, Rate};
use zonelist_core::{NodeId, Zonelists, table::Capacity};
use zonelist_schemes::workload::synthetic;

/// A lock for tests that load all CPUs: if several ran at a time, none would make progress.
fn alone() -> MutexGuard<'static, ()> {
    static LOAD: Mutex<()> = Mutex::new(());
    LOAD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lists, nodes and a clock for short loads.
struct Setup {
    versions: [Zonelists; 2],
    nodes: Vec<NodeId>,
    clock: Clock,
}

impl Setup {
    fn new() -> Self {
        let versions = [synthetic(4), synthetic(3)];
        Self { versions, nodes: vec![NodeId::new(0).unwrap(); BATCH], clock: Clock::new() }
    }

    fn load(&self, rate: Rate, ms: u64) -> Load<'_> {
        let Self { versions, nodes, clock } = self;
        Load { versions, nodes, readers: 1, time: Duration::from_millis(ms), rate, clock }
    }

    fn capacity(&self) -> Capacity {
        Capacity::of(self.versions[0].lists())
    }
}
