//! Litmus tests of the modelled membarrier: the outcomes that the axiom of a barrier pair permits, and those without
//! either half.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use zonelist_core::{
    conformance::models::{Bound, explore},
    publish::{Barrier, Membarrier},
    sync::{
        Track,
        atomic::{
            AtomicUsize,
            Ordering::{Relaxed, SeqCst},
            compiler_fence, fence,
        },
        traced::{Event, Log, Step, membarrier},
    },
};

/// Words that two threads store and load. All accesses are Relaxed, so that only the barrier pair orders them.
#[derive(Clone)]
struct Words(Arc<[AtomicUsize; 4]>);

impl Words {
    fn new() -> Self {
        membarrier::begin();
        Self(Arc::new([0; 4].map(AtomicUsize::new)))
    }

    fn set(&self, word: usize) {
        self.0[word].store(1, Relaxed);
    }

    fn get(&self, word: usize) -> usize {
        self.0[word].load(Relaxed)
    }
}

/// Explores a reader, which is the model's own thread, and a writer. Over all interleavings their outcomes are those in
/// `allowed`, no more and no less.
fn sees<R: Ord + Debug + Send + Sync + 'static, W: Ord + Debug + Send + Sync + 'static>(
    name: &str,
    allowed: impl IntoIterator<Item = (R, W)>,
    reader: impl Fn(&Words) -> R + Send + Sync + 'static,
    writer: impl Fn(&Words) -> W + Copy + Send + Sync + 'static,
) {
    let allowed: Arc<BTreeSet<(R, W)>> = Arc::new(allowed.into_iter().collect());
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let (expected, all) = (Arc::clone(&allowed), Arc::clone(&seen));
    explore(&format!("membarrier: {name}"), Bound::Exhaustive, move || {
        let words = Words::new();
        let other = loom::thread::spawn({
            let words = words.clone();
            move || writer(&words)
        });
        let read = reader(&words);
        let both = (read, membarrier::join(other));
        assert!(expected.contains(&both), "{both:?} is seen; expected one of {expected:?}");
        all.lock().unwrap().insert(both);
    });
    assert_eq!(*seen.lock().unwrap(), *allowed, "outcomes that are seen, and those that are allowed");
}

/// The light half, in the reader: pairs with `heavy`.
fn light() {
    compiler_fence(SeqCst);
}

/// The heavy half, in the writer: pairs with `light`.
fn heavy() {
    Membarrier::heavy().unwrap();
}

/// In place of a heavy half: a full fence of the writer alone, which is too little.
fn no_heavy() {
    fence(SeqCst);
}

/// All outcomes of two threads that each load one of two values.
const ALL: [(usize, usize); 4] = [(0, 0), (0, 1), (1, 0), (1, 1)];

/// Store buffering: each thread stores its word and loads the other's.
fn store_buffering(name: &str, allowed: &[(usize, usize)], light: fn(), heavy: fn()) {
    sees(
        &format!("store buffering{name}"),
        allowed.iter().copied(),
        move |words| {
            words.set(0);
            light();
            words.get(1)
        },
        move |words| {
            words.set(1);
            heavy();
            words.get(0)
        },
    );
}

#[test]
fn one_of_two_sees_the_others_store() {
    store_buffering("", &[(0, 1), (1, 0), (1, 1)], light, heavy);
}

/// Shows that the model sees a missing heavy half.
#[test]
fn without_a_heavy_half_both_miss_the_others_store() {
    store_buffering(", no heavy half", &ALL, light, no_heavy);
    store_buffering(", a fence for the light half, no heavy half", &ALL, || fence(SeqCst), || ());
}

/// Without the light half the compiler may load first, and then the fence may come between load and store.
#[test]
fn without_a_light_half_both_miss_the_others_store() {
    sees(
        "store buffering, the reader's steps exchanged",
        ALL,
        |words| {
            let read = words.get(1);
            words.set(0);
            read
        },
        |words| {
            words.set(1);
            heavy();
            words.get(0)
        },
    );
}

/// The pair orders all steps before it: two stores each, which the other thread loads in the reverse sequence.
#[test]
fn the_pair_is_for_all_that_was_done_before() {
    let pairs = || ALL.map(|(first, second)| [first, second]).into_iter();
    let both = pairs().flat_map(|read| pairs().map(move |wrote| (read, wrote)));
    sees(
        "two stores each",
        both.filter(|&(read, wrote)| read == [1, 1] || wrote == [1, 1]),
        |words| {
            [0, 1].into_iter().for_each(|word| words.set(word));
            light();
            [3, 2].map(|word| words.get(word))
        },
        |words| {
            [2, 3].into_iter().for_each(|word| words.set(word));
            heavy();
            [1, 0].map(|word| words.get(word))
        },
    );
}

/// Message passing: two stores of the reader around its half, which the writer loads in the reverse sequence; and two
/// stores of the writer, which the reader loads.
fn messages(name: &str, allowed: &[(usize, usize)], heavy: fn()) {
    sees(
        &format!("message to the writer{name}"),
        allowed.iter().map(|&seen| ((), seen)),
        |words| {
            words.set(0);
            light();
            words.set(1);
        },
        move |words| {
            let second = words.get(1);
            heavy();
            (second, words.get(0))
        },
    );
    sees(
        &format!("message to the reader{name}"),
        allowed.iter().map(|&seen| (seen, ())),
        |words| {
            let second = words.get(1);
            light();
            (second, words.get(0))
        },
        move |words| {
            words.set(0);
            heavy();
            words.set(1);
        },
    );
}

#[test]
fn a_message_is_seen_whole() {
    messages("", &[(0, 0), (0, 1), (1, 1)], heavy);
}

#[test]
fn without_a_heavy_half_a_message_is_torn() {
    messages(", no heavy half", &ALL, no_heavy);
}

/// Rounds of the reader below. Each has three steps: a store, a load of the writer's word, and a read of plain memory.
const ROUNDS: usize = 2;
const STEPS: usize = 3 * ROUNDS;

/// The fence runs before each of the reader's steps, and behind the last; the outcomes are those that this permits.
#[test]
fn the_fence_comes_at_every_point() {
    let mut allowed = BTreeSet::new();
    for fenced_after in 0..=STEPS {
        let (stored, loaded) = (fenced_after.div_ceil(3), (fenced_after + 1) / 3);
        for unseen in 0..=loaded {
            let read: [usize; ROUNDS] = core::array::from_fn(|load| usize::from(load >= unseen));
            allowed.extend((stored..=ROUNDS).map(|wrote| (read, wrote)));
        }
    }
    let points = Arc::new(Mutex::new(BTreeSet::new()));
    let into = Arc::clone(&points);
    sees(
        "a fence at every point",
        allowed,
        move |words| {
            let plain = Track::new();
            let read = core::array::from_fn(|round| {
                words.0[0].store(round + 1, Relaxed);
                light();
                let read = words.get(1);
                plain.read();
                Log::say(TOUCHED);
                read
            });
            // One more step, so that the fence can run behind the last of the others.
            words.get(2);
            into.lock().unwrap().extend(fenced_after());
            read
        },
        |words| {
            words.set(1);
            heavy();
            words.get(0)
        },
    );
    assert_eq!(*points.lock().unwrap(), (0..=STEPS).collect());
}

const TOUCHED: &str = "touched plain memory";

/// The number of steps of the first thread before its fence.
fn fenced_after() -> Option<usize> {
    let is_step = |event: &&Event| match &event.step {
        Step::Load { .. } | Step::Store { .. } => true,
        Step::Said(what) => **what == *TOUCHED,
        _ => false,
    };
    Log::read(|log| {
        let own = || log.events.iter().filter(|event| event.actor == 0);
        let fence = own().position(|event| matches!(&event.step, Step::Said(what) if what.contains("full fence")))?;
        Some(own().take(fence).filter(is_step).count())
    })
}

/// Each of two heavy halves waits for the other's fence, and neither waits for ever.
#[test]
fn two_heavy_halves_meet() {
    let step = |own: usize, other: usize| {
        move |words: &Words| {
            words.set(own);
            heavy();
            words.get(other)
        }
    };
    sees("two heavy halves", [(0, 1), (1, 0), (1, 1)], step(0, 1), step(1, 0));
}

/// A heavy half needs no fence of a thread that has ended, that joins another, or that has not begun.
#[test]
fn a_heavy_half_waits_for_no_thread_that_stands_still() {
    explore("membarrier: three threads, each with an end", Bound::Preemptions(3), || {
        let words = Words::new();
        let reader = loom::thread::spawn({
            let words = words.clone();
            move || {
                words.set(0);
                light();
                words.get(1)
            }
        });
        let writer = loom::thread::spawn({
            let words = words.clone();
            move || {
                words.set(1);
                heavy();
                (words.get(0), words.get(2))
            }
        });
        words.set(2);
        light();
        let read = words.get(1);
        let (reader, (first, second)) = (membarrier::join(reader), membarrier::join(writer));
        assert!(read == 1 || second == 1, "the first reader and the writer miss each other");
        assert!(reader == 1 || first == 1, "the second reader and the writer miss each other");
    });
}
