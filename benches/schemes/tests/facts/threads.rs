//! Threads that come and go, and walks when a thread's locals are destroyed.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use zonelist_core::{
    Capacity,
    conformance::{
        Sample,
        facts::{WELL, heap, threads::walks_in_a_destructor},
    },
    publish::{Barrier, Published},
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};
use zonelist_verify::cases;

use super::{alone::alone, child::verdicts};

/// What a thread does with a scheme in its short life, and what a publisher does meanwhile.
struct Life {
    lives: Box<dyn Fn() + Sync>,
    publishes: Box<dyn Fn(usize) + Sync>,
}

struct ShortLived;

impl Visitor for ShortLived {
    type Output = Life;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> Life {
        let Sample { versions, requests } = Sample::default();
        // Slots for threads that live at the same time, and no more.
        let published: &'static Published<S, B, 2> = Box::leak(Box::new(Published::new(S::build(self.capacity()))));
        let lives = move || {
            let (mut reader, filter) = (published.reader().expect("a slot"), published.filter(&requests[0].1));
            black_box(reader.enter().walk(requests[0].0, &filter).count());
        };
        let publishes = move |turn: usize| assert!(published.publish(&versions[turn % versions.len()]).is_ok());
        Life { lives: Box::new(lives), publishes: Box::new(publishes) }
    }
}

#[test]
fn threads_that_come_and_go_leave_nothing_behind() {
    alone("threads::threads_that_come_and_go_leave_nothing_behind", || {
        // This number of threads register with each scheme, walk and end; all together may leave half a byte each behind.
        let threads = cases(100_000, 5) as usize;
        let left = left_behind_by(threads);
        println!("{left} bytes left behind by {threads} threads");
        assert!(left < threads as i64 / 2, "{left} bytes left behind");
    });
}

/// Bytes that this number of threads leaves behind, beyond what a hundredth of them does.
fn left_behind_by(threads: usize) -> i64 {
    let schemes: Vec<Life> = SchemeId::all().into_iter().map(|scheme| scheme.visit(&mut ShortLived)).collect();
    let publish = |turn| schemes.iter().for_each(|scheme| (scheme.publishes)(turn));
    let left_by = |threads: usize| {
        let end = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| (0..).take_while(|_| !end.load(SeqCst)).for_each(publish));
            for _ in 0..threads {
                let life = || schemes.iter().for_each(|scheme| (scheme.lives)());
                thread::scope(|scope| scope.spawn(life).join()).expect("a slot for each");
            }
            end.store(true, SeqCst);
        });
        // What the last of them left to be freed later is freed by and by.
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

    fn visit<S: Buildable, B: Barrier>(&mut self) {
        walks_in_a_destructor::<S, B>(|| S::build(self.capacity()), &Sample::default());
    }
}

#[test]
fn a_walk_in_the_destructor_of_a_local_ends_where_the_scheme_says_so() {
    let test = "threads::a_walk_in_the_destructor_of_a_local_ends_where_the_scheme_says_so";
    for (scheme, verdict) in verdicts(test, |scheme| scheme.visit(&mut Destructor)) {
        assert_eq!(scheme.facts().tls_destructor, verdict == WELL, "{}: {verdict}", scheme.name());
    }
}
