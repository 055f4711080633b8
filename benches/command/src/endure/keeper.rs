//! The thread that publishes, and drains caches under their owners.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use zonelist_core::publish::{Barrier, BarrierError};
use zonelist_schemes::{Buildable, allocator::AllocatorError};

use super::{Counts, ground::Ground};

/// Publishes between two drains.
const PUBLISHES: usize = 16;

/// For so long the others are left alone after each drain, or else a scheme that stops the world
/// would do little else.
const PAUSE: Duration = Duration::from_micros(50);

/// Publishes and drains until it is told to stop.
pub(super) fn keep<S: Buildable, B: Barrier>(
    ground: &Ground<S, B>,
    mut draw: fastrand::Rng,
    stop: &AtomicBool,
) -> Result<Counts, AllocatorError> {
    let Ground { allocator, versions, .. } = ground;
    let mut counts = Counts::default();
    for turn in 0.. {
        if stop.load(Relaxed) {
            break;
        }
        allocator.published().publish(&versions[draw.usize(..versions.len())])?;
        counts.publishes += 1;
        if turn % PUBLISHES == 0 {
            drain(ground, turn / PUBLISHES, &mut draw, &mut counts)?;
            thread::sleep(PAUSE);
        }
    }
    Ok(counts)
}

/// Takes pages out of caches: in turn keeps a zone's out of them for a while, drains all, drains one zone's.
fn drain<S: Buildable, B: Barrier>(
    ground: &Ground<S, B>,
    turn: usize,
    draw: &mut fastrand::Rng,
    counts: &mut Counts,
) -> Result<(), BarrierError> {
    let allocator = &ground.allocator;
    let zone = allocator.zones()[draw.usize(..allocator.zones().len())].id();
    if turn.is_multiple_of(3) {
        counts.uncached += 1;
        let cached = allocator.without_caches(zone, || allocator.stats(zone).map(|stats| stats.cached))?;
        counts.uncached_in_vain += u64::from(cached != Some(0));
    } else {
        counts.drains += 1;
        counts.pages_drained += if turn % 3 == 1 { allocator.drain() } else { allocator.drain_zone(zone) }? as u64;
    }
    Ok(())
}
