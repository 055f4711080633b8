//! A reader that a publisher blocks: the wait is in the histogram of reads, and in no other.

use std::{
    sync::{
        Mutex, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use zonelist_contenders::{
    contender::{ContenderError, Publication, ReadList},
    load::{BATCH, Rate, Times, under_load},
};
use zonelist_core::{NodeId, Zoneref, zonelist::ZonelistsRef};

use crate::{Setup, alone};

/// The time for which a publish goes on when it knows that a reader waits.
const WAIT: Duration = Duration::from_millis(5);

/// The time after which a publish no longer expects a reader to wait: the readers may have ended.
const GIVE_UP: Duration = Duration::from_millis(200);

/// Lists behind a lock, which readers take or, if `BLOCKS` is false, pass by.
#[derive(Default)]
struct Lock<const BLOCKS: bool> {
    lock: Mutex<()>,
    /// Reads that found the lock taken.
    reads_met: AtomicU64,
    /// Publishes for which a reader came before they ended.
    publishes_met: AtomicU64,
}

struct LockReader<'p, const BLOCKS: bool>(&'p Lock<BLOCKS>);

impl<const BLOCKS: bool> ReadList for LockReader<'_, BLOCKS> {
    fn first(&mut self, _: NodeId) -> Option<Zoneref> {
        if let Err(TryLockError::WouldBlock) = self.0.lock.try_lock() {
            self.0.reads_met.fetch_add(1, SeqCst);
            if BLOCKS {
                drop(self.0.lock.lock().unwrap_or_else(PoisonError::into_inner));
            }
        }
        None
    }

    fn all(&mut self, _: NodeId) -> u32 {
        unreachable!("only first zones are read")
    }
}

impl<const BLOCKS: bool> Publication for Lock<BLOCKS> {
    type Reader<'p> = LockReader<'p, BLOCKS>;

    fn reader(&self) -> Result<LockReader<'_, BLOCKS>, ContenderError> {
        Ok(LockReader(self))
    }

    fn publish(&self, _: ZonelistsRef<'_>) -> Result<(), ContenderError> {
        let (before, begin) = (self.reads_met.load(SeqCst), Instant::now());
        let _locked = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while begin.elapsed() < GIVE_UP {
            if self.reads_met.load(SeqCst) > before {
                self.publishes_met.fetch_add(1, SeqCst);
                thread::sleep(WAIT);
                break;
            }
            thread::yield_now();
        }
        Ok(())
    }
}

/// The counts of a run.
#[derive(Debug)]
struct Counts {
    /// Publishes that a reader met.
    publishes_met: u64,
    /// Reads that met a publish.
    reads_met: u64,
    /// Times in the histograms that are as long as a wait: of single reads, and of batches.
    long: u64,
}

/// Runs one reader under load, for longer and longer, until a few publishes were met.
fn run<const BLOCKS: bool>() -> Counts {
    let setup = Setup::new();
    let mut ms = 100;
    loop {
        let lock = Lock::<BLOCKS>::default();
        let reads = under_load(&lock, &setup.load(Rate::PerSecond(100), ms)).unwrap().reads;
        let count = |times: &Times, limit| (times.share_above(limit).unwrap() * times.count() as f64).round() as u64;
        // Half of a wait, since the two clocks differ a little. Batches are means in picoseconds.
        let limit = WAIT.as_nanos() as u64 / 2;
        let long = count(&reads.single, limit) + count(&reads.batches, limit * 1000 / BATCH as u64);
        let (publishes_met, reads_met) = (lock.publishes_met.load(SeqCst), lock.reads_met.load(SeqCst));
        if publishes_met >= 3 {
            return Counts { publishes_met, reads_met, long };
        }
        ms *= 2;
    }
}

#[test]
fn the_wait_of_a_blocked_reader_is_in_the_histogram() {
    let _alone = alone();
    let blocked = run::<true>();
    // Each waits for the publish that it met. Several waits in one batch are one long time.
    assert!(blocked.long > 0, "{blocked:?}");
    assert!(blocked.reads_met <= blocked.publishes_met + 1, "{blocked:?}");
    // Reads that do not wait go on during a publish.
    let free = run::<false>();
    assert!(free.reads_met > 10 * free.publishes_met, "{free:?}");
}
