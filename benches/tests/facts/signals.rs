//! A walk in a signal handler that interrupted a publish, or another walk, on its own thread.

use std::{
    cell::{Cell, RefCell},
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

use zonelist_bench::schemes::{Buildable, SchemeId, Visitor};
use zonelist_core::{
    Capacity, Zoneref,
    conformance::Sample,
    publish::{Barrier, Guarantee, Published, Walk},
};

use super::{
    child::{ends, verdicts, watch},
    heap,
    interrupt::{Victim, interruptible},
};

/// Publishes that are interrupted, and walks.
const INTERRUPTED: usize = 3000;

/// Walks under way on the thread when another begins. No more are read without being counted under arc-swap.
const UNDER_WAY: usize = 8;

/// The longest list of the sample.
const LONGEST: usize = 4;

struct Handler;

impl Visitor for Handler {
    type Output = ();

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, B, { UNDER_WAY + 2 }> = Published::new(S::build(self.capacity()));
        published.publish(&versions[0]).unwrap();
        let lists: Vec<Vec<Vec<Zoneref>>> = requests
            .iter()
            .map(|&(node, request)| {
                let list = |lists: zonelist_core::Lists<'_>| {
                    lists.of(node, request.scope).iter().copied().filter(|entry| request.admits(entry.zone())).collect()
                };
                versions.iter().map(|version| list(version.lists())).collect()
            })
            .collect();
        let filters: Vec<_> = requests.iter().map(|(node, request)| (*node, published.filter(request))).collect();
        let reader = RefCell::new(published.reader().unwrap());
        let (at_it, turn) = (Cell::new(false), Cell::new(0));
        let (begun, done, broken, trespasses) =
            (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        // Allocates nothing, and leaves everything as it was.
        let walks = || {
            if !at_it.get() {
                return;
            }
            begun.fetch_add(1, SeqCst);
            turn.set((turn.get() + 1) % filters.len());
            let (node, filter) = &filters[turn.get()];
            let (mut seen, mut told) = ([None; LONGEST], false);
            let mut count = 0;
            let (trespassed, ()) = heap::touches(|| {
                let mut reader = reader.borrow_mut();
                {
                    let guard = reader.enter();
                    let mut walk = guard.walk(*node, filter);
                    for entry in walk.by_ref() {
                        if let Some(place) = seen.get_mut(count) {
                            *place = Some(entry);
                        }
                        count += 1;
                    }
                    told = walk.must_retry();
                }
                reader.quiescent();
            });
            let is = |list: &Vec<Zoneref>| list.iter().copied().eq(seen.iter().copied().map_while(|entry| entry));
            let whole = count <= LONGEST && lists[turn.get()].iter().any(is);
            let fits = match S::FACTS.guarantee {
                Guarantee::Snapshot => whole,
                Guarantee::Detected => whole || told,
                Guarantee::Racy => true,
            };
            broken.fetch_add(usize::from(!fits), SeqCst);
            trespasses.fetch_add(trespassed as usize, SeqCst);
            done.fetch_add(1, SeqCst);
        };
        let (victim, end) = (Victim::here(), AtomicBool::new(false));
        thread::scope(|scope| {
            interruptible(&walks, || {
                scope.spawn(|| watch("hangs in the handler", || begun.load(SeqCst) + done.load(SeqCst)));
                scope.spawn(|| {
                    while !end.load(SeqCst) {
                        victim.interrupt();
                        (0..fastrand::u32(0..3000)).for_each(|_| std::hint::spin_loop());
                    }
                });
                let within = |work: &dyn Fn()| {
                    at_it.set(true);
                    work();
                    at_it.set(false);
                };
                for version in versions.iter().cycle().take_while(|_| done.load(SeqCst) < INTERRUPTED) {
                    within(&|| {
                        published.publish(version).unwrap();
                    });
                }
                let mut others: Vec<_> = (0..UNDER_WAY).map(|_| published.reader().unwrap()).collect();
                let _under_way: Vec<_> = others.iter_mut().map(|other| other.enter()).collect();
                let another = RefCell::new(published.reader().unwrap());
                let (node, filter) = &filters[0];
                while done.load(SeqCst) < 2 * INTERRUPTED {
                    within(&|| {
                        black_box(another.borrow_mut().enter().walk(*node, filter).next());
                    });
                }
                ends(match (broken.load(SeqCst), trespasses.load(SeqCst)) {
                    (0, 0) => WELL.to_string(),
                    (0, trespasses) => format!("reaches for the heap, {trespasses} times"),
                    (broken, _) => format!("breaks its guarantee, {broken} times"),
                });
            });
        });
    }
}

const WELL: &str = "walks well";

#[test]
fn a_walk_in_a_signal_handler_ends_where_the_scheme_says_so() {
    let verdicts = verdicts("signals::a_walk_in_a_signal_handler_ends_where_the_scheme_says_so", |scheme: SchemeId| {
        scheme.visit(&mut Handler);
    });
    for (scheme, verdict) in verdicts {
        assert_eq!(scheme.facts().interrupt_safe, verdict == WELL, "{}: {verdict}", scheme.name());
    }
}
