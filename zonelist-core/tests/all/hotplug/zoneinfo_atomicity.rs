//! Reads of zone information race with a block that goes online and offline.
//!
//! In a real kernel 24 of 16,799 such reads had rows of two states. A read here returns one state, and each state that
//! is read must be one that the machine had. A machine that replaces a state in two stores shows that the test would
//! notice a mixture.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use zonelist_core::{
    hotplug::{OnlineTo, Operation, State, ZoneInfo},
    sync::{Locked, Spin},
    topology::{Watermarks, ZoneSize},
};

use super::{Running, offline, online, running, state, support::Puppet};

/// The contents of `/proc/zoneinfo` for one state.
type Table = Vec<(ZoneSize, Watermarks, Vec<u64>)>;

fn table(state: &State) -> Table {
    state.zones().map(|info| (*info.size, info.watermarks, info.reserve.to_vec())).collect()
}

/// A machine whose state can be read while it changes.
trait ChangingMachine: Sync {
    fn apply(&self, operation: &Operation);
    fn read(&self) -> Arc<State>;
}

impl ChangingMachine for Running {
    fn apply(&self, operation: &Operation) {
        Self::apply(self, operation).unwrap();
    }

    fn read(&self) -> Arc<State> {
        self.state()
    }
}

/// Stores the sizes first, and then the watermarks and reserves that belong to them.
struct TwoStores(Locked<Arc<State>>);

impl ChangingMachine for TwoStores {
    fn apply(&self, operation: &Operation) {
        let before = self.read();
        let (after, _) = before.after(operation).unwrap();
        let recorded = |info: ZoneInfo<'_>| (info.watermarks, info.reserve.to_vec());
        let half =
            after.clone().with_watermarks(|zone| before.zones().find(|info| info.size.zone == zone).map(recorded));
        self.0.with(|state| *state = Arc::new(half));
        thread::yield_now();
        self.0.with(|state| *state = Arc::new(after));
    }

    fn read(&self) -> Arc<State> {
        self.0.with(|state| Arc::clone(state))
    }
}

/// Puts a block online and offline: the only one of its zone, on a node that has another zone.
fn toggle() -> [Operation; 2] {
    [online(10, OnlineTo::Movable), offline(10)]
}

/// All tables that occur. Watermarks depend on those before, so the operations repeat until the tables do.
fn tables() -> Vec<Table> {
    let mut state = state();
    let mut tables = vec![table(&state)];
    for operation in toggle().iter().cycle().take(64) {
        state = state.after(operation).unwrap().0;
        let table = table(&state);
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    tables
}

/// Counts the reads of a race.
#[derive(Default, Debug)]
struct Reads {
    all: AtomicUsize,
    /// Reads of another state than the same reader's read before.
    changes: AtomicUsize,
    /// Reads of a state that the machine never had.
    mixed: AtomicUsize,
}

/// Changes the machine for at least `time`, and until the reads are enough.
fn race(machine: &impl ChangingMachine, time: Duration, enough: impl Fn(&Reads) -> bool) -> Reads {
    const TIMEOUT: Duration = Duration::from_secs(120);
    let (tables, stop, reads) = (tables(), AtomicBool::new(false), Reads::default());
    let read = || {
        let mut last = machine.read();
        while !stop.load(Relaxed) {
            let state = machine.read();
            reads.all.fetch_add(1, Relaxed);
            reads.changes.fetch_add(usize::from(!Arc::ptr_eq(&state, &last)), Relaxed);
            reads.mixed.fetch_add(usize::from(!tables.contains(&table(&state))), Relaxed);
            last = state;
        }
    };
    thread::scope(|scope| {
        let _readers = [scope.spawn(read), scope.spawn(read)];
        let begin = Instant::now();
        while begin.elapsed() < time || !enough(&reads) && begin.elapsed() < TIMEOUT {
            toggle().iter().for_each(|operation| machine.apply(operation));
        }
        stop.store(true, Relaxed);
    });
    reads
}

#[test]
fn zone_information_is_of_one_state() {
    let enough = |reads: &Reads| reads.changes.load(Relaxed) > 1000;
    let reads = race(&running(Puppet::new(), ()), Duration::from_secs(3), enough);
    println!("{reads:?}");
    assert!(enough(&reads), "too few reads saw a change");
    assert_eq!(reads.mixed.into_inner(), 0);
}

#[test]
fn a_state_in_two_stores_is_noticed() {
    let machine = TwoStores(Locked::new(Spin::new(), Arc::new(state())));
    let caught = |reads: &Reads| reads.mixed.load(Relaxed) > 0;
    let reads = race(&machine, Duration::ZERO, caught);
    assert!(caught(&reads), "{reads:?}");
}
