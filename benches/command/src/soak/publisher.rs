//! The publisher: the thread that publishes, and drains per-CPU pages while their owners run.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use zonelist_core::{
    publish::{BarrierError, Platform},
    sync::Spin,
};
use zonelist_schemes::{Buildable, allocator::AllocatorError};

use super::{fixture::Fixture, outcome::Counts};

/// Publishes between two drains.
const PUBLISHES: usize = 16;

/// A pause after each drain. Without it, workers would make little progress under a scheme that stops the world.
const PAUSE: Duration = Duration::from_micros(50);

/// Publishes and drains until `stop` is set.
pub(super) fn run<S: Buildable, P: Platform<Lock = Spin>>(
    fixture: &Fixture<S, P>,
    mut rng: fastrand::Rng,
    stop: &AtomicBool,
) -> Result<Counts, AllocatorError> {
    let Fixture { allocator, versions, .. } = fixture;
    let mut counts = Counts::default();
    for step in 0.. {
        // Relaxed, with the store in `Soak::run_jobs`.
        if stop.load(Relaxed) {
            break;
        }
        allocator.published().publish(&versions[rng.usize(..versions.len())])?;
        counts.publishes += 1;
        if step % PUBLISHES == 0 {
            drain(fixture, step / PUBLISHES, &mut rng, &mut counts)?;
            thread::sleep(PAUSE);
        }
    }
    Ok(counts)
}

/// Empties per-CPU pages, in three ways in turn: keeps a zone out of them, drains all zones, drains one zone.
fn drain<S: Buildable, P: Platform<Lock = Spin>>(
    fixture: &Fixture<S, P>,
    round: usize,
    rng: &mut fastrand::Rng,
    counts: &mut Counts,
) -> Result<(), BarrierError> {
    let allocator = &fixture.allocator;
    let zone = allocator.zones()[rng.usize(..allocator.zones().len())].id();
    if round.is_multiple_of(3) {
        counts.uncached += 1;
        let cached = allocator.without_caches(zone, || allocator.stats(zone).map(|stats| stats.cached))?;
        counts.uncached_failed += u64::from(cached != Some(0));
    } else {
        counts.drains += 1;
        counts.pages_drained += if round % 3 == 1 { allocator.drain() } else { allocator.drain_zone(zone) }? as u64;
    }
    Ok(())
}
