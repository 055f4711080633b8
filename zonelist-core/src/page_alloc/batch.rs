//! Batches: the number of blocks that move between a zone and the per-CPU pages under one lock.

use super::{page::Tag, per_cpu_pages::CacheAccess, slow_path::Blocking, stack_layout::depth};
use crate::{Zone, locking::RawLock, sync::atomic::Ordering::Relaxed};

/// Returns a batch of a full stack to the zone. If the zone's lock is held, defers that while the stack has depth left.
pub(super) fn make_room<L: RawLock>(
    zone: &Zone<'_, L>,
    access: &mut CacheAccess<'_>,
    tag: Tag,
    batch: usize,
    blocking: Blocking,
) {
    let order = tag.order();
    // Another thread is at the zone: a few more blocks on the stack are cheaper than to wait for it.
    let deferred = batch > 0
        && !access.return_lowest(tag, batch, |blocks| zone.try_return_blocks(order, blocks))
        && access.raise_limit(tag);
    // The stack is at its full depth, or keeps nothing now (batch 0): at least one block has to go.
    if !deferred && access.is_full(tag) && blocking == Blocking::Allowed {
        access.return_lowest(tag, batch.max(1), |blocks| {
            zone.return_blocks(order, blocks);
            true
        });
    }
}

/// Whether batches grow, as they do with each refill or return, or shrink, as they do while the zone is low.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trend {
    /// The batch doubles.
    Up,
    /// The batch is halved.
    Down,
}

/// The number of pages of the first batch.
const FIRST: usize = 16;

/// The share of a zone's managed pages that a batch has at most: one in this number.
const SHARE: usize = 128;

/// Computes and stores the number of blocks of the next refill or return; 0 if pages of the zone must not be cached.
///
/// A batch is at most half of the stack's depth for order 0, which a zone allocates by words of the free bitmap, and a
/// quarter for other orders. Four batches of a zone are at most a 32nd of its pages, so that the per-CPU pages do not
/// hold all of a small zone.
pub(super) fn next_batch<L: RawLock>(
    zone: &Zone<'_, L>,
    access: &mut CacheAccess<'_>,
    tag: Tag,
    trend: Trend,
) -> usize {
    // Read within the critical section: `without_caches` has set it before its drain revokes the per-CPU pages.
    let most = if zone.uncached().load(Relaxed) > 0 {
        0
    } else {
        (zone.watermark_counters().managed() / SHARE) >> tag.order()
    };
    let most = most.min(if tag.order() == 0 { depth(tag) / 2 } else { depth(tag) / 4 });
    let batch = match trend {
        Trend::Up => (2 * access.batch(tag)).max(FIRST >> tag.order()),
        Trend::Down => access.batch(tag) / 2,
    };
    // One or more, or a batch of 0 could never grow again; but none if `most` says so.
    let batch = batch.max(1).min(most);
    access.set_batch(tag, batch);
    batch
}
