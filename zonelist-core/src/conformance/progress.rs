//! Checks by random schedules that all threads make progress: exists under `--cfg shuttle` only.
//!
//! loom explores every interleaving of a few steps. [shuttle](https://docs.rs/shuttle) draws schedules of longer runs
//! by a seed, and finds whether readers or publishers of such a run ever stop. shuttle's atomics are all sequentially
//! consistent, so these runs say nothing of orderings; loom's models do.
//!
//! The environment variable `ZONELIST_SEED` has the seed, which is 0 without it. A run that makes no progress prints
//! its schedule; with this schedule in `ZONELIST_SCHEDULE` the same run is repeated.

use std::{env, println, sync::Arc, vec::Vec};

use shuttle::{Config, MaxSteps, Runner, scheduler::PctScheduler, scheduler::RandomScheduler, thread};

use crate::{
    NodeId, Request, ZoneId, ZoneKind, Zoneref,
    publish::{Published, ReaderSlots, Scheme, Walk},
    zonelist::{NodeSpan, ZonelistsRef},
};

/// Concurrent readers and publishers.
const READERS: usize = 2;
const PUBLISHERS: usize = 2;
/// Walks of each reader, publishes of each publisher.
const WALKS: usize = 4;
const PUBLISHES: usize = 3;
/// Schedules drawn at random; as many more have few preemptions, at random steps.
const SCHEDULES: usize = 300;
const PREEMPTIONS: usize = 3;
/// Steps after which a run counts as stuck: more than ten times those that a run needs.
const STUCK: usize = 20_000;

type Shared<S> = Published<S>;

/// Checks that all walks and publishes end within a bound of steps, in every schedule that is drawn.
///
/// A reader repeats each walk that reports that it may be torn.
///
/// # Panics
/// A thread waits for ever. The message has the schedule.
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
        config.max_steps = MaxSteps::FailAfter(STUCK);
        config.silence_warnings = true;
        config
    };
    let drawn = Runner::new(RandomScheduler::new_from_seed(seed, SCHEDULES), config()).run(run)
        + Runner::new(PctScheduler::new_from_seed(seed, PREEMPTIONS, SCHEDULES), config()).run(run);
    println!("progress {name}: {drawn} schedules by seed {seed}: all threads progress");
    assert_eq!(drawn, 2 * SCHEDULES);
}

fn all<S: Scheme + Send + 'static>(make: impl Fn() -> S) {
    let published: Arc<Shared<S>> = Arc::new(Published::with_slots(make(), ReaderSlots::boxed(READERS + 1)));
    let publishers = (0..PUBLISHERS).map(|first| {
        let published = Arc::clone(&published);
        thread::spawn(move || (0..PUBLISHES).for_each(|nth| publish(&published, (first + nth) % 2 == 0)))
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
    let mut reader = published.reader().expect("a reader slot");
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
            // A reader that repeats its walk yields: on one CPU, no other thread would make progress meanwhile.
            thread::yield_now();
        }
    }
}

fn node() -> NodeId {
    NodeId::new(0).expect("a node")
}
