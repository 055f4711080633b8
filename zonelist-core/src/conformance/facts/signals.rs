//! A walk in a signal handler that interrupted a publish, or another walk, on its own thread.

use core::{
    cell::{Cell, RefCell},
    hint::spin_loop,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};
use std::{
    format,
    hint::black_box,
    string::{String, ToString},
    thread,
    vec::Vec,
};

use super::{
    cases,
    child::{ends, watch},
    heap,
    interrupt::{Victim, interruptible},
    random,
};
use crate::{
    NodeId, Request, ZonelistsRef, Zoneref,
    conformance::Sample,
    publish::{Barrier, Guarantee, Published, Reader, Scheme, Walk},
};

/// Publishes that are interrupted, and walks; a tenth of them in the short set, where nothing should come of it.
const INTERRUPTED: u32 = 3000;

/// Walks under way on the thread when another begins. No more are read without being counted under arc-swap.
const UNDER_WAY: usize = 8;

/// The longest list of the sample.
const LONGEST: usize = 4;

/// What walks in a handler came to, for other threads to watch.
#[derive(Default)]
struct Record {
    begun: AtomicUsize,
    done: AtomicUsize,
    broken: AtomicUsize,
    trespasses: AtomicUsize,
}

impl Record {
    /// How many of them are done.
    fn done(&self) -> usize {
        self.done.load(SeqCst)
    }

    fn verdict(&self) -> String {
        match (self.broken.load(SeqCst), self.trespasses.load(SeqCst)) {
            (0, 0) => super::WELL.to_string(),
            (0, trespasses) => format!("reaches for the heap, {trespasses} times"),
            (broken, _) => format!("breaks its guarantee, {broken} times"),
        }
    }
}

/// What a thread's handler walks with.
struct Handler<'p, S: Scheme, B: Barrier> {
    reader: RefCell<Reader<'p, S, B>>,
    filters: Vec<(NodeId, S::Filter)>,
    /// Of each filter, what it admits of every version.
    lists: Vec<Vec<Vec<Zoneref>>>,
    turn: Cell<usize>,
    /// Whether the thread is where it is to be interrupted.
    at_it: Cell<bool>,
}

impl<'p, S: Scheme, B: Barrier> Handler<'p, S, B> {
    fn new<const READERS: usize>(
        published: &'p Published<S, B, READERS>,
        Sample { versions, requests }: &Sample,
    ) -> Self {
        let admitted = |(node, request): &(NodeId, Request), lists: ZonelistsRef<'_>| {
            let list = lists.of(*node, request.scope).iter().copied();
            list.filter(|entry| request.admits(entry.zone())).collect::<Vec<_>>()
        };
        let of_all = |request| versions.iter().map(|version| admitted(request, version.lists())).collect();
        Self {
            reader: RefCell::new(published.reader().expect("a reader slot")),
            filters: requests.iter().map(|(node, request)| (*node, published.filter(request))).collect(),
            lists: requests.iter().map(of_all).collect(),
            turn: Cell::new(0),
            at_it: Cell::new(false),
        }
    }

    /// Does something that is to be interrupted.
    fn within(&self, work: impl FnOnce()) {
        self.at_it.set(true);
        work();
        self.at_it.set(false);
    }

    /// The handler: walks a list, and records what came of it. Allocates nothing itself.
    fn interrupt(&self, record: &Record) {
        if !self.at_it.get() {
            return;
        }
        record.begun.fetch_add(1, SeqCst);
        self.turn.set((self.turn.get() + 1) % self.filters.len());
        let (touches, fits) = heap::touches(|| self.walk());
        record.broken.fetch_add(usize::from(!fits), SeqCst);
        record.trespasses.fetch_add(touches as usize, SeqCst);
        record.done.fetch_add(1, SeqCst);
    }

    /// Walks a list; whether it shows what the guarantee allows.
    fn walk(&self) -> bool {
        let (node, filter) = &self.filters[self.turn.get()];
        let (mut seen, mut count) = ([None; LONGEST], 0);
        let mut reader = self.reader.borrow_mut();
        let guard = reader.enter();
        let mut walk = guard.walk(*node, filter);
        for entry in walk.by_ref() {
            if let Some(place) = seen.get_mut(count) {
                *place = Some(entry);
            }
            count += 1;
        }
        let told = walk.must_retry();
        drop(walk);
        drop(guard);
        reader.quiescent();
        let is = |list: &Vec<Zoneref>| list.iter().copied().eq(seen.iter().copied().map_while(|entry| entry));
        let whole = count <= LONGEST && self.lists[self.turn.get()].iter().any(is);
        match S::FACTS.guarantee {
            Guarantee::Snapshot => whole,
            Guarantee::Detected => whole || told,
            Guarantee::Racy => true,
        }
    }
}

/// Walks in a signal handler that has interrupted a publish, or other walks, on its own thread; then ends the process
/// with [`WELL`](super::WELL), or with what went wrong.
///
/// # Panics
/// The lists do not fit, or the heap is not counted.
pub fn walks_in_a_handler<S: Scheme, B: Barrier>(make: impl Fn() -> S, sample: &Sample) {
    heap::expect_counting();
    let published: Published<S, B, { UNDER_WAY + 2 }> = Published::new(make());
    published.publish(&sample.versions[0]).expect("room");
    let (handler, record) = (Handler::new(&published, sample), Record::default());
    let tenth = if S::FACTS.interrupt_safe { 10 } else { 1 };
    let interrupted = cases(INTERRUPTED, tenth) as usize;
    let victim = Victim::here();
    thread::scope(|scope| {
        interruptible(&|| handler.interrupt(&record), || {
            scope.spawn(|| watch("hangs in the handler", || record.begun.load(SeqCst) + record.done()));
            scope.spawn(|| {
                loop {
                    victim.interrupt();
                    (0..random(3000)).for_each(|_| spin_loop());
                    // The victim may want this CPU.
                    thread::yield_now();
                }
            });
            for version in sample.versions.iter().cycle().take_while(|_| record.done() < interrupted) {
                handler.within(|| assert!(published.publish(version).is_ok()));
            }
            let mut others: Vec<_> = (0..UNDER_WAY).map(|_| published.reader().expect("a reader slot")).collect();
            let _under_way: Vec<_> = others.iter_mut().map(|other| other.enter()).collect();
            let mut another = published.reader().expect("a reader slot");
            let (node, filter) = &handler.filters[0];
            while record.done() < 2 * interrupted {
                handler.within(|| {
                    black_box(another.enter().walk(*node, filter).next());
                });
            }
            ends(record.verdict());
        });
    });
}
