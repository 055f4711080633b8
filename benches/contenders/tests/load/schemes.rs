//! Schemes and peers under load: the counts of reads, publishes and grace periods.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use zonelist_contenders::{
    contender::{ContenderError, Publication, ReadList},
    load::{BATCH, Contestant, GracePeriods, Loaded, Nothing, Pacer, Rate, Reads, Rounds, UnderLoad, under_load},
};
use zonelist_core::{NodeId, Zoneref, zonelist::ZonelistsRef};
use zonelist_schemes::SchemeId;

use crate::{Setup, alone};

/// Reads come in pairs of batches: one timed read by read, one timed as a whole.
fn assert_pairs_of_batches(reads: &Reads) {
    assert_eq!(reads.single.count(), reads.batches.count() * BATCH as u64);
    assert_eq!(reads.count(), 2 * reads.single.count());
    assert!(reads.count() > 0);
}

#[test]
fn every_scheme_is_read_and_published_at_no_more_than_the_rate() {
    let _alone = alone();
    let setup = Setup::new();
    for scheme in SchemeId::all() {
        for rate in Rate::ALL {
            let load = setup.load(rate, 10);
            let loaded = scheme.visit(&mut UnderLoad { load, capacity: setup.capacity() }).unwrap();
            assert_pairs_of_batches(&loaded.reads);
            let due = Pacer::due_within(rate, loaded.updates.elapsed).unwrap_or(u64::MAX);
            assert!(loaded.updates.times.count() <= due, "{} at {rate}: {loaded:?}", scheme.name());
        }
    }
}

/// A publication that counts reads and publishes.
#[derive(Default)]
struct Counting {
    reads: AtomicU64,
    publishes: AtomicU64,
}

struct CountingReader<'p>(&'p Counting);

impl ReadList for CountingReader<'_> {
    fn first(&mut self, _: NodeId) -> Option<Zoneref> {
        self.0.reads.fetch_add(1, Relaxed);
        None
    }

    fn all(&mut self, _: NodeId) -> u32 {
        unreachable!("only first zones are read")
    }
}

impl Publication for Counting {
    type Reader<'p> = CountingReader<'p>;

    fn reader(&self) -> Result<CountingReader<'_>, ContenderError> {
        Ok(CountingReader(self))
    }

    fn publish(&self, _: ZonelistsRef<'_>) -> Result<(), ContenderError> {
        self.publishes.fetch_add(1, Relaxed);
        Ok(())
    }
}

#[test]
fn every_read_and_every_publish_is_counted() {
    let _alone = alone();
    let setup = Setup::new();
    let (counting, mut load) = (Counting::default(), setup.load(Rate::Unpaced, 10));
    load.readers = 2;
    let loaded = under_load(&counting, &load).unwrap();
    assert_eq!(loaded.reads.count(), counting.reads.load(Relaxed));
    // The first version is published before the load.
    assert_eq!(loaded.updates.times.count() + 1, counting.publishes.load(Relaxed));
    assert!(loaded.updates.elapsed >= load.time);
}

#[test]
fn rounds_add_up_for_every_contestant_and_rate() {
    let _alone = alone();
    let setup = Setup::new();
    let (counting, scheme) = (Counting::default(), SchemeId::all()[0]);
    // A reference to a publication can't be one, so each run has a new one that adds to the same count.
    struct Adding<'c>(&'c Counting);
    impl Publication for Adding<'_> {
        type Reader<'p>
            = CountingReader<'p>
        where
            Self: 'p;
        fn reader(&self) -> Result<CountingReader<'_>, ContenderError> {
            self.0.reader()
        }
        fn publish(&self, lists: ZonelistsRef<'_>) -> Result<(), ContenderError> {
            self.0.publish(lists)
        }
    }
    let mut rounds = Rounds::new(vec![
        Contestant::publication("nothing", || Nothing),
        Contestant::publication("counting", || Adding(&counting)),
        Contestant::scheme(scheme, setup.capacity()),
    ]);
    let mut ticks = 0;
    for _ in 0..2 {
        rounds.round(&setup.load(Rate::Unpaced, 5), &mut || ticks += 1).unwrap();
    }
    assert_eq!(ticks, 2 * 3 * Rate::ALL.len());
    let names: Vec<_> = rounds.contestants().iter().map(Contestant::name).collect();
    assert_eq!(names, ["nothing", "counting", scheme.name()]);
    let loaded = |contestant: &Contestant<'_>, rate| Loaded::sum(&contestant.loaded()[&rate]).unwrap();
    for contestant in rounds.contestants() {
        assert_eq!(contestant.loaded().keys().copied().collect::<Vec<_>>(), Rate::ALL);
        assert!(contestant.loaded().values().all(|rounds| rounds.len() == 2));
        Rate::ALL.into_iter().for_each(|rate| assert_pairs_of_batches(&loaded(contestant, rate).reads));
        assert_eq!(loaded(contestant, Rate::PerSecond(0)).updates.times.count(), 0);
    }
    let counted = Rate::ALL.map(|rate| loaded(&rounds.contestants()[1], rate).reads.count());
    assert_eq!(counted.iter().sum::<u64>(), counting.reads.load(Relaxed));
}

#[test]
fn schemes_that_retire_have_grace_periods() {
    let _alone = alone();
    let setup = Setup::new();
    for scheme in SchemeId::all() {
        // Longer and longer, until one was measured, however busy the machine is.
        for ms in std::iter::successors(Some(10), |ms| Some(2 * ms)) {
            let (load, capacity) = (setup.load(Rate::Unpaced, ms), setup.capacity());
            let loaded = scheme.visit(&mut GracePeriods { load, capacity });
            assert_eq!(loaded.is_some(), scheme.facts().retires, "{}", scheme.name());
            if loaded.is_none_or(|loaded| loaded.unwrap().updates.times.count() > 0) {
                break;
            }
        }
    }
}
