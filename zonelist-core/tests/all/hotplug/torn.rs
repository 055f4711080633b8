//! Readers of zone information race with a block that comes and goes.
//!
//! A real kernel tore 24 of 16,799 such reads: rows of one state beside rows of another. A reader
//! here takes one state, and every state that is read must be one that there was. That the test
//! would notice is shown by a machine that publishes each state in two stores.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use zonelist_core::{
    Locked, Spin, Watermarks, ZoneSize,
    hotplug::{OnlineTo, Operation, State, ZoneInfo},
};

use super::{Running, offline, online, running, state, support::Puppet};

/// All that `/proc/zoneinfo` would print of one state.
type Table = Vec<(ZoneSize, Watermarks, Vec<u64>)>;

fn table(state: &State) -> Table {
    state.zones().map(|info| (*info.size, info.marks, info.reserve.to_vec())).collect()
}

/// A machine whose information can be read while it changes.
trait Toggled: Sync {
    fn apply(&self, operation: &Operation);
    fn read(&self) -> Arc<State>;
}

impl Toggled for Running {
    fn apply(&self, operation: &Operation) {
        Self::apply(self, operation).unwrap();
    }

    fn read(&self) -> Arc<State> {
        self.state()
    }
}

/// Publishes the sizes, and then the marks and reserves that go with them.
struct TwoStores(Locked<Arc<State>>);

impl Toggled for TwoStores {
    fn apply(&self, operation: &Operation) {
        let before = self.read();
        let (after, _) = before.after(operation).unwrap();
        let marks = |info: ZoneInfo<'_>| (info.marks, info.reserve.to_vec());
        let half = after.clone().with_marks(|zone| before.zones().find(|info| info.size.zone == zone).map(marks));
        self.0.with(|state| *state = Arc::new(half));
        thread::yield_now();
        self.0.with(|state| *state = Arc::new(after));
    }

    fn read(&self) -> Arc<State> {
        self.0.with(|state| Arc::clone(state))
    }
}

/// Comes, and goes: a block of a zone that it empties, in a node that has another.
fn toggle() -> [Operation; 2] {
    [online(10, OnlineTo::Movable), offline(10)]
}

/// Every table there can be: until they repeat, since the marks also depend on the marks before.
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

/// Reads of a race.
#[derive(Default, Debug)]
struct Reads {
    all: AtomicUsize,
    /// Those that saw another state than the same reader's read before.
    changes: AtomicUsize,
    mixed: AtomicUsize,
}

/// Toggles for a while, and on until the reads are enough.
fn race(machine: &impl Toggled, time: Duration, enough: impl Fn(&Reads) -> bool) -> Reads {
    const NEVER: Duration = Duration::from_secs(120);
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
        while begin.elapsed() < time || !enough(&reads) && begin.elapsed() < NEVER {
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
    assert!(enough(&reads), "there was no race to speak of");
    assert_eq!(reads.mixed.into_inner(), 0);
}

#[test]
fn two_stores_are_caught() {
    let machine = TwoStores(Locked::new(Spin::new(), Arc::new(state())));
    let caught = |reads: &Reads| reads.mixed.load(Relaxed) > 0;
    let reads = race(&machine, Duration::ZERO, caught);
    assert!(caught(&reads), "{reads:?}");
}
