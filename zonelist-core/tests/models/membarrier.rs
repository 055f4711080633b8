//! Litmus tests of the modelled membarrier: what the axiom of a barrier pair promises, and what there is without each half.

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

/// Words that two threads store to and load: all relaxed, so that only the pair orders them.
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

/// What two threads see, in all interleavings: the model's own thread, which is the reader, and another.
fn outcomes<R: Ord + Debug + Send + 'static, W: Ord + Debug + Send + 'static>(
    name: &str,
    reader: impl Fn(&Words) -> R + Send + Sync + 'static,
    writer: impl Fn(&Words) -> W + Copy + Send + Sync + 'static,
) -> BTreeSet<(R, W)> {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let all = Arc::clone(&seen);
    explore(&format!("membarrier: {name}"), Bound::Exhaustive, move || {
        let words = Words::new();
        let other = loom::thread::spawn({
            let words = words.clone();
            move || writer(&words)
        });
        let read = reader(&words);
        let wrote = membarrier::join(other);
        all.lock().unwrap().insert((read, wrote));
    });
    Arc::try_unwrap(seen).unwrap().into_inner().unwrap()
}

/// The reader's half.
fn light() {
    compiler_fence(SeqCst);
}

/// The writer's half.
fn heavy() {
    Membarrier::heavy().unwrap();
}

/// What a writer does that takes a full fence of its own for enough.
fn no_heavy() {
    fence(SeqCst);
}

/// Each stores its word and loads the other's: store buffering.
fn store_buffering(name: &str, light: fn(), heavy: fn()) -> BTreeSet<(usize, usize)> {
    outcomes(
        &format!("store buffering{name}"),
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
    )
}

#[test]
fn one_of_two_sees_the_others_store() {
    assert_eq!(store_buffering("", light, heavy), BTreeSet::from([(0, 1), (1, 0), (1, 1)]));
}

/// The model would see it.
#[test]
fn without_a_heavy_half_both_miss_the_others_store() {
    let all = BTreeSet::from([(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert_eq!(store_buffering(", no heavy half", light, no_heavy), all);
    assert_eq!(store_buffering(", a fence for the light half, no heavy half", || fence(SeqCst), || ()), all);
}

/// Without the light half the compiler may load first, and then the fence may come between load and store.
#[test]
fn without_a_light_half_both_miss_the_others_store() {
    let both = outcomes(
        "store buffering, the reader's steps exchanged",
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
    assert!(both.contains(&(0, 0)), "{both:?}");
}

/// All that one did before its half is seen by the other behind its: two stores each, loaded in the reverse order.
#[test]
fn the_pair_is_for_all_that_was_done_before() {
    let seen = outcomes(
        "two stores each",
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
    assert!(seen.contains(&([1, 1], [0, 0])) && seen.contains(&([0, 0], [1, 1])));
    for (read, wrote) in seen {
        assert!(read == [1, 1] || wrote == [1, 1], "{read:?} and {wrote:?}");
    }
}

/// A reader's two stores, and a writer that sees the second.
fn message_to_the_writer(name: &str, heavy: fn()) -> BTreeSet<((), (usize, usize))> {
    outcomes(
        &format!("message to the writer{name}"),
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
    )
}

/// A writer's two stores, and a reader that sees the second.
fn message_to_the_reader(name: &str, heavy: fn()) -> BTreeSet<((usize, usize), ())> {
    outcomes(
        &format!("message to the reader{name}"),
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
    )
}

#[test]
fn a_message_is_seen_whole() {
    let orders = [(0, 0), (0, 1), (1, 1)];
    assert_eq!(message_to_the_writer("", heavy), orders.map(|seen| ((), seen)).into());
    assert_eq!(message_to_the_reader("", heavy), orders.map(|seen| (seen, ())).into());
}

#[test]
fn without_a_heavy_half_a_message_is_torn() {
    assert!(message_to_the_writer(", no heavy half", no_heavy).contains(&((), (1, 0))));
    assert!(message_to_the_reader(", no heavy half", no_heavy).contains(&((1, 0), ())));
}

/// Rounds of the reader below, and the steps of each: it stores, loads the writer's word, and touches plain memory.
const ROUNDS: usize = 2;
const STEPS: usize = 3 * ROUNDS;

/// The fence runs before each of the reader's steps, and behind the last; and what is seen is what that allows.
#[test]
fn the_fence_comes_at_every_point() {
    let points = Arc::new(Mutex::new(BTreeSet::new()));
    let into = Arc::clone(&points);
    let seen = outcomes(
        "a fence at every point",
        move |words| {
            let plain = Track::new();
            let read: [usize; ROUNDS] = core::array::from_fn(|round| {
                words.0[0].store(round + 1, Relaxed);
                light();
                let read = words.get(1);
                plain.read();
                Log::say(TOUCHED);
                read
            });
            // One step more, for the fence to come before.
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
    let mut allowed = BTreeSet::new();
    for fenced_after in 0..=STEPS {
        let (stored, loaded) = (fenced_after.div_ceil(3), (fenced_after + 1) / 3);
        for unseen in 0..=loaded {
            let read = core::array::from_fn(|load| usize::from(load >= unseen));
            allowed.extend((stored..=ROUNDS).map(|wrote| (read, wrote)));
        }
    }
    assert_eq!(seen, allowed);
}

const TOUCHED: &str = "touched plain memory";

/// How many steps of the first thread were behind when it ran its fence.
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

/// Each waits for the other's fence, and neither for ever.
#[test]
fn two_heavy_halves_meet() {
    let step = |own: usize, other: usize| {
        move |words: &Words| {
            words.set(own);
            heavy();
            words.get(other)
        }
    };
    let seen = outcomes("two heavy halves", step(0, 1), step(1, 0));
    assert_eq!(seen, BTreeSet::from([(0, 1), (1, 0), (1, 1)]));
}

/// A thread that has ended, one that waits for the end of another, and one that has not begun have nothing to do.
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
