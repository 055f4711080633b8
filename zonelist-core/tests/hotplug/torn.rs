//! Readers of zone information race with a block that comes and goes.
//!
//! A real kernel tore 24 of 16,799 such reads: rows of one state beside rows of another. A reader
//! here takes one state, and every state that is read must be one that there was. That the test
//! would notice is shown by a machine that publishes each state in two stores.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
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

/// Toggles for a while and counts reads: all, those that saw another state than the read before, and the mixed.
fn race(machine: &impl Toggled, time: Duration) -> (u64, u64, u64) {
    let tables = tables();
    let stop = AtomicBool::new(false);
    let read = || {
        let (mut reads, mut changes, mut mixed) = (0, 0, 0);
        let mut last = machine.read();
        while !stop.load(Relaxed) {
            let state = machine.read();
            reads += 1;
            mixed += u64::from(!tables.contains(&table(&state)));
            changes += u64::from(!Arc::ptr_eq(&state, &last));
            last = state;
        }
        (reads, changes, mixed)
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        let end = Instant::now() + time;
        while Instant::now() < end {
            toggle().iter().for_each(|operation| machine.apply(operation));
        }
        stop.store(true, Relaxed);
        let counts = readers.map(|reader| reader.join().unwrap());
        counts.into_iter().fold((0, 0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1, sum.2 + next.2))
    })
}

#[test]
fn zone_information_is_of_one_state() {
    let (reads, changes, mixed) = race(&running(Puppet::new(), ()), Duration::from_secs(3));
    println!("{reads} reads of zone information, {changes} of a state that was new to the reader, {mixed} mixed");
    assert!(changes > 100, "there was no race to speak of: {changes} changes were seen");
    assert_eq!(mixed, 0);
}

#[test]
fn two_stores_are_caught() {
    let machine = TwoStores(Locked::new(Spin::new(), Arc::new(state())));
    let (reads, _, mixed) = race(&machine, Duration::from_secs(1));
    assert!(mixed > 0, "none of {reads} reads was mixed");
}
