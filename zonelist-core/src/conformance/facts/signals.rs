//! Walks in a signal handler that has interrupted a publish, or another walk, on its own thread.

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
    NodeId, Request, Zoneref,
    conformance::Sample,
    publish::{Guarantee, Platform, Published, Reader, ReaderSlots, Scheme, Walk},
    zonelist::ZonelistsRef,
};

/// Publishes that are interrupted, and as many walks. A tenth of them in the short set, for a scheme that declares the
/// fact.
const INTERRUPTED: u32 = 3000;

/// Guards that are alive on the thread when another walk begins: as many as arc-swap has debt slots for a thread.
const UNDER_WAY: usize = 8;

/// The longest list of the sample.
const LONGEST: usize = 4;

/// The results of walks in a handler, which other threads read.
#[derive(Default)]
struct Record {
    begun: AtomicUsize,
    done: AtomicUsize,
    /// Walks that broke the guarantee.
    broken: AtomicUsize,
    /// Uses of the heap.
    trespasses: AtomicUsize,
}

impl Record {
    /// The number of walks that have ended.
    fn done(&self) -> usize {
        self.done.load(SeqCst)
    }

    fn verdict(&self) -> String {
        match (self.broken.load(SeqCst), self.trespasses.load(SeqCst)) {
            (0, 0) => super::PASSED.to_string(),
            (0, trespasses) => format!("uses the heap, {trespasses} times"),
            (broken, _) => format!("breaks its guarantee, {broken} times"),
        }
    }
}

/// The handler of a thread: its reader, and the lists that a walk may show.
struct Handler<'p, S: Scheme, P: Platform> {
    reader: RefCell<Reader<'p, S, P>>,
    filters: Vec<(NodeId, S::Filter)>,
    /// For each filter, and each version, the zonerefs that the filter admits.
    lists: Vec<Vec<Vec<Zoneref>>>,
    /// The filter of the current walk.
    current: Cell<usize>,
    /// True while the thread runs code that is to be interrupted.
    may_interrupt: Cell<bool>,
}

impl<'p, S: Scheme, P: Platform> Handler<'p, S, P> {
    fn new(published: &'p Published<S, P>, Sample { versions, requests }: &Sample) -> Self {
        let admitted = |(node, request): &(NodeId, Request), lists: ZonelistsRef<'_>| {
            let list = lists.of(*node, request.scope).iter().copied();
            list.filter(|entry| request.admits(entry.zone())).collect::<Vec<_>>()
        };
        let of_all = |request| versions.iter().map(|version| admitted(request, version.lists())).collect();
        Self {
            reader: RefCell::new(published.reader().expect("a reader slot")),
            filters: requests.iter().map(|(node, request)| (*node, published.filter(request))).collect(),
            lists: requests.iter().map(of_all).collect(),
            current: Cell::new(0),
            may_interrupt: Cell::new(false),
        }
    }

    /// Runs code that is to be interrupted.
    fn within(&self, work: impl FnOnce()) {
        self.may_interrupt.set(true);
        work();
        self.may_interrupt.set(false);
    }

    /// The handler: walks a list, and records the result. Allocates nothing itself.
    fn interrupt(&self, record: &Record) {
        if !self.may_interrupt.get() {
            return;
        }
        record.begun.fetch_add(1, SeqCst);
        self.current.set((self.current.get() + 1) % self.filters.len());
        let (touches, fits) = heap::touches(|| self.walk());
        record.broken.fetch_add(usize::from(!fits), SeqCst);
        record.trespasses.fetch_add(touches as usize, SeqCst);
        record.done.fetch_add(1, SeqCst);
    }

    /// Walks a list. True if the walk shows what the guarantee permits.
    fn walk(&self) -> bool {
        let (node, filter) = &self.filters[self.current.get()];
        // On the stack: the walk is counted, and must not use the heap.
        let (mut seen, mut count) = ([None; LONGEST], 0);
        let mut reader = self.reader.borrow_mut();
        let guard = reader.enter();
        let mut walk = guard.walk(*node, filter);
        for entry in walk.by_ref() {
            if let Some(slot) = seen.get_mut(count) {
                *slot = Some(entry);
            }
            count += 1;
        }
        let may_be_torn = walk.must_retry();
        drop(walk);
        drop(guard);
        reader.quiescent();
        let is = |list: &Vec<Zoneref>| list.iter().copied().eq(seen.iter().copied().map_while(|entry| entry));
        let whole = count <= LONGEST && self.lists[self.current.get()].iter().any(is);
        match S::FACTS.guarantee {
            Guarantee::Snapshot => whole,
            Guarantee::Detected => whole || may_be_torn,
            Guarantee::Racy => true,
        }
    }
}

/// Walks in a signal handler that has interrupted a publish, or other walks, on its own thread. Then ends the process
/// with [`PASSED`](super::PASSED), or with the failure as the verdict.
///
/// # Panics
/// If the lists do not fit, or if the heap is not counted.
pub fn walks_in_a_handler<S: Scheme, P: Platform>(make: impl Fn() -> S, sample: &Sample) {
    heap::expect_counting();
    let published: Published<S, P> = Published::with_platform(make(), ReaderSlots::boxed(UNDER_WAY + 2));
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
                    // The thread may need this CPU to receive the signal.
                    thread::yield_now();
                }
            });
            // First publishes are interrupted; then walks, while `UNDER_WAY` guards are alive.
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
