//! A walk in a signal handler that interrupted a publish, or another walk, on its own thread.

use std::{
    cell::{Cell, RefCell},
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use zonelist_core::{
    Capacity, Lists, NodeId, Request, Zoneref,
    conformance::Sample,
    publish::{Barrier, Guarantee, Published, Reader, Walk},
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

use super::{
    child::{ends, verdicts, watch},
    heap,
    interrupt::{Victim, interruptible},
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
            (0, 0) => WELL.to_string(),
            (0, trespasses) => format!("reaches for the heap, {trespasses} times"),
            (broken, _) => format!("breaks its guarantee, {broken} times"),
        }
    }
}

/// What a thread's handler walks with.
struct Handler<'p, S: Buildable, B: Barrier> {
    reader: RefCell<Reader<'p, S, B>>,
    filters: Vec<(NodeId, S::Filter)>,
    /// Of each filter, what it admits of every version.
    lists: Vec<Vec<Vec<Zoneref>>>,
    turn: Cell<usize>,
    /// Whether the thread is where it is to be interrupted.
    at_it: Cell<bool>,
}

impl<'p, S: Buildable, B: Barrier> Handler<'p, S, B> {
    fn new<const SEATS: usize>(published: &'p Published<S, B, SEATS>, Sample { versions, requests }: &Sample) -> Self {
        let admitted = |(node, request): &(NodeId, Request), lists: Lists<'_>| {
            let list = lists.of(*node, request.scope).iter().copied();
            list.filter(|entry| request.admits(entry.zone())).collect::<Vec<_>>()
        };
        let of_all = |request| versions.iter().map(|version| admitted(request, version.lists())).collect();
        Self {
            reader: RefCell::new(published.reader().unwrap()),
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

struct Interrupted;

impl Visitor for Interrupted {
    type Output = ();

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) {
        let sample = Sample::default();
        let published: Published<S, B, { UNDER_WAY + 2 }> = Published::new(S::build(self.capacity()));
        published.publish(&sample.versions[0]).unwrap();
        let (handler, record) = (Handler::new(&published, &sample), Record::default());
        let tenth = if S::FACTS.interrupt_safe { 10 } else { 1 };
        let interrupted = zonelist_verify::cases(INTERRUPTED, tenth) as usize;
        let victim = Victim::here();
        thread::scope(|scope| {
            interruptible(&|| handler.interrupt(&record), || {
                scope.spawn(|| watch("hangs in the handler", || record.begun.load(SeqCst) + record.done()));
                scope.spawn(|| {
                    loop {
                        victim.interrupt();
                        (0..fastrand::u32(0..3000)).for_each(|_| std::hint::spin_loop());
                        // The victim may want this CPU.
                        thread::yield_now();
                    }
                });
                for version in sample.versions.iter().cycle().take_while(|_| record.done() < interrupted) {
                    handler.within(|| assert!(published.publish(version).is_ok()));
                }
                let mut others: Vec<_> = (0..UNDER_WAY).map(|_| published.reader().unwrap()).collect();
                let _under_way: Vec<_> = others.iter_mut().map(|other| other.enter()).collect();
                let mut another = published.reader().unwrap();
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
}

const WELL: &str = "walks well";

#[test]
fn a_walk_in_a_signal_handler_ends_where_the_scheme_says_so() {
    let verdicts = verdicts("signals::a_walk_in_a_signal_handler_ends_where_the_scheme_says_so", |scheme: SchemeId| {
        scheme.visit(&mut Interrupted);
    });
    for (scheme, verdict) in verdicts {
        assert_eq!(scheme.facts().interrupt_safe, verdict == WELL, "{}: {verdict}", scheme.name());
    }
}
