//! Short-lived threads, and walks in the destructors of thread-local values.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use zonelist_core::{
    conformance::{
        Sample,
        facts::{PASSED, heap, threads::walks_in_a_destructor},
    },
    publish::{Platform, Published, ReaderSlots},
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};
use zonelist_verify::cases;

use super::{alone::alone, child::verdicts};

/// The work of a short-lived thread with a scheme, and of a publisher meanwhile.
struct Life {
    reads: Box<dyn Fn() + Sync>,
    publishes: Box<dyn Fn(usize) + Sync>,
}

struct ShortLived;

impl Visitor for ShortLived {
    type Output = Life;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Life {
        let Sample { versions, requests } = Sample::default();
        // Only as many reader slots as there are readers at a time.
        let published: &'static Published<S, P> =
            Box::leak(Box::new(Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(2))));
        let reads = move || {
            let (mut reader, filter) = (published.reader().expect("a reader slot"), published.filter(&requests[0].1));
            black_box(reader.enter().walk(requests[0].0, &filter).count());
        };
        let publishes = move |nth: usize| assert!(published.publish(&versions[nth % versions.len()]).is_ok());
        Life { reads: Box::new(reads), publishes: Box::new(publishes) }
    }
}

#[test]
fn threads_that_come_and_go_leave_nothing_behind() {
    alone("threads::threads_that_come_and_go_leave_nothing_behind", || {
        // Each thread registers with each scheme, walks and ends. All schemes together may leave half a byte for each
        // thread.
        let threads = cases(100_000, 5) as usize;
        let left = left_behind_by(threads);
        println!("{left} bytes left behind by {threads} threads");
        assert!(left < threads as i64 / 2, "{left} bytes left behind");
    });
}

/// Bytes that `threads` threads leave behind, beyond those that a hundredth of them leave.
fn left_behind_by(threads: usize) -> i64 {
    let schemes: Vec<Life> = SchemeId::all().into_iter().map(|scheme| scheme.visit(&mut ShortLived)).collect();
    let publish = |nth| schemes.iter().for_each(|scheme| (scheme.publishes)(nth));
    let left_by = |threads: usize| {
        let end = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| (0..).take_while(|_| !end.load(SeqCst)).for_each(publish));
            for _ in 0..threads {
                let life = || schemes.iter().for_each(|scheme| (scheme.reads)());
                thread::scope(|scope| scope.spawn(life).join()).expect("a reader slot for each thread");
            }
            end.store(true, SeqCst);
        });
        // Publishes free what the last threads left for later.
        (0..1000).for_each(publish);
        heap::kept_by_all()
    };
    let before = left_by(threads / 100);
    left_by(threads) - before
}

struct Destructor;

impl Visitor for Destructor {
    type Output = ();

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) {
        walks_in_a_destructor::<S, P>(|| S::build(self.capacity()), &Sample::default());
    }
}

#[test]
fn a_walk_in_the_destructor_of_a_local_ends_where_the_scheme_says_so() {
    let test = "threads::a_walk_in_the_destructor_of_a_local_ends_where_the_scheme_says_so";
    for (scheme, verdict) in verdicts(test, |scheme| scheme.visit(&mut Destructor)) {
        assert_eq!(scheme.facts().tls_destructor, verdict == PASSED, "{}: {verdict}", scheme.name());
    }
}
