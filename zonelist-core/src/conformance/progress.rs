//! Progress of all threads, by random schedules: exists under `--cfg shuttle` only.
//!
//! loom explores few steps to the end; whether readers and publishers of a longer run ever stand still
//! is asked of [shuttle](https://docs.rs/shuttle) instead, which draws schedules by a seed. Its atomics
//! are all sequentially consistent, so that it says nothing of orderings: those are loom's.
//!
//! The seed is in the environment variable `ZONELIST_SEED`, or 0. A run that stands still prints its
//! schedule; with that in `ZONELIST_SCHEDULE` the same is run once more.

use std::{env, println, sync::Arc, vec::Vec};

use shuttle::{Config, MaxSteps, Runner, scheduler::PctScheduler, scheduler::RandomScheduler, thread};

use crate::{
    NodeId, NodeSpan, Request, ZoneId, ZoneKind, ZonelistsRef, Zoneref,
    publish::{FullFence, Published, Scheme, Walk},
};

/// Readers and publishers at once.
const READERS: usize = 2;
const PUBLISHERS: usize = 2;
/// What each of them does.
const WALKS: usize = 4;
const PUBLISHES: usize = 3;
/// Schedules drawn at random, and as many with few preemptions, placed at random.
const SCHEDULES: usize = 300;
const PREEMPTIONS: usize = 3;
/// Steps of a run of which fewer than a tenth are needed.
const FOR_EVER: usize = 20_000;

type Shared<S> = Published<S, FullFence, { READERS + 1 }>;

/// All threads end all their walks and publishes, in every schedule that is drawn, within a bounded number of steps.
///
/// Readers walk until they have an answer: a walk that reports that it may be torn is repeated.
///
/// # Panics
/// A thread waits for ever; the message has the schedule.
pub fn all_threads_progress<S: Scheme + Send + 'static>(make: impl Fn() -> S + Send + Sync + Copy + 'static) {
    let name = S::FACTS.scheme;
    let run = move || all::<S>(make);
    if let Ok(schedule) = env::var("ZONELIST_SCHEDULE") {
        shuttle::replay(run, &schedule);
        return;
    }
    let seed = env::var("ZONELIST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let config = || {
        let mut config = Config::new();
        config.max_steps = MaxSteps::FailAfter(FOR_EVER);
        config.silence_warnings = true;
        config
    };
    let drawn = Runner::new(RandomScheduler::new_from_seed(seed, SCHEDULES), config()).run(run)
        + Runner::new(PctScheduler::new_from_seed(seed, PREEMPTIONS, SCHEDULES), config()).run(run);
    println!("progress {name}: {drawn} schedules by seed {seed}: all threads progress");
    assert_eq!(drawn, 2 * SCHEDULES);
}

fn all<S: Scheme + Send + 'static>(make: impl Fn() -> S) {
    let published: Arc<Shared<S>> = Arc::new(Published::new(make()));
    let publishers = (0..PUBLISHERS).map(|first| {
        let published = Arc::clone(&published);
        thread::spawn(move || (0..PUBLISHES).for_each(|turn| publish(&published, (first + turn) % 2 == 0)))
    });
    let publishers: Vec<_> = publishers.collect();
    let readers = (0..READERS).map(|_| {
        let published = Arc::clone(&published);
        thread::spawn(move || read(&published))
    });
    let readers: Vec<_> = readers.collect();
    for thread in publishers.into_iter().chain(readers) {
        thread.join().expect("a thread of the run");
    }
}

fn publish<S: Scheme>(published: &Shared<S>, both: bool) {
    let zone = |kind| Zoneref::new(ZoneId::new(node(), kind));
    let zonerefs = [zone(ZoneKind::Movable), zone(ZoneKind::Normal)];
    let zonerefs = if both { &zonerefs[..] } else { &zonerefs[1..] };
    let rows = [NodeSpan { start: 0, len: zonerefs.len() as u32, own: 0 }];
    published.publish(ZonelistsRef::new(zonerefs, &rows).expect("one list")).expect("room for it");
}

fn read<S: Scheme>(published: &Shared<S>) {
    let filter = published.filter(&Request::up_to(ZoneKind::Movable));
    let mut reader = published.reader().expect("a slot");
    for _ in 0..WALKS {
        loop {
            let guard = reader.enter();
            let mut walk = guard.walk(node(), &filter);
            walk.by_ref().for_each(drop);
            let torn = walk.must_retry();
            drop(walk);
            drop(guard);
            reader.quiescent();
            if !torn {
                break;
            }
            // A reader that walks again yields: on one CPU, no other thread progresses meanwhile.
            thread::yield_now();
        }
    }
}

fn node() -> NodeId {
    NodeId::new(0).expect("a node")
}
