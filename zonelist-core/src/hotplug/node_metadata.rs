//! The metadata of removed nodes' zones: freed after a grace period, or kept.
//!
//! A reader may still walk an old list that names such a zone. An allocation from it finds under the zone's lock that
//! the zone has no metadata, and continues with the next zone.
//!
//! ```text
//! remove_node(node), for the zones of the node:
//!     without grace periods: count the metadata as kept
//!     detach the metadata; wait for a grace period
//!     it ended:  free this metadata and all that was deferred
//!     it failed: defer this metadata to the next removal, and let the next publish or drain report the failure
//! ```

use core::mem;

use super::allocator_provider::{AllocatorProvider, Attachments};
use crate::{
    ZoneKind,
    publish::{Platform, Published, Reclaim, Scheme, WaitError},
    sync::atomic::Ordering::Relaxed,
    zone::ZoneMetadata,
};

/// [`Published::synchronize`], where the scheme has it.
pub(super) type Synchronize<S, P> = fn(&Published<S, P>) -> Result<(), WaitError>;

/// Counts the metadata of zones whose nodes were removed, by what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct MetadataStatistics {
    /// Freed.
    pub freed: usize,
    /// Kept until the node is added again.
    pub kept: usize,
    /// Not freed yet, since the barrier pair failed: freed when the next node is removed.
    pub deferred: usize,
}

impl<'m, S: Scheme, P: Platform, A: Attachments> AllocatorProvider<'m, S, P, A> {
    /// The same, except that the metadata of a removed node's zones is freed after a grace period.
    #[must_use]
    pub fn reclaiming(mut self) -> Self
    where
        S: Reclaim,
    {
        self.synchronize = Some(Published::synchronize);
        self
    }

    /// Counts the metadata of zones whose nodes were removed, by what became of it.
    #[must_use]
    pub fn metadata_statistics(&self) -> MetadataStatistics {
        let [freed, kept] = &self.metadata_counts;
        let deferred = self.deferred.with(|metadata| metadata.len());
        MetadataStatistics { freed: freed.load(Relaxed), kept: kept.load(Relaxed), deferred }
    }

    /// Frees the metadata of a node's zones, at most one of each kind, after a grace period. If the grace period fails,
    /// defers the metadata.
    pub(super) fn free_after_grace_period(
        &self,
        synchronize: Synchronize<S, P>,
        metadata: [Option<ZoneMetadata<'m>>; ZoneKind::COUNT],
    ) {
        let [freed, kept] = &self.metadata_counts;
        let count = metadata.iter().flatten().count();
        let Err(error) = synchronize(self.allocator.published()) else {
            let deferred = self.deferred.with(mem::take);
            freed.fetch_add(count + deferred.len(), Relaxed);
            // Both drop here, outside the lock.
            return;
        };
        self.deferred.with(|deferred| {
            // Without room to record the metadata it is leaked, since a walk may still reach its zones.
            if deferred.try_reserve(count).is_err() {
                kept.fetch_add(count, Relaxed);
                return mem::forget(metadata);
            }
            for metadata in metadata.into_iter().flatten() {
                // SAFETY: the longer lifetime is never used. The metadata is only dropped, at the latest with the
                // allocator, whose type has `'m`; the drop frees heap memory and does not access borrowed memory.
                deferred.push(unsafe { mem::transmute::<ZoneMetadata<'m>, ZoneMetadata<'static>>(metadata) });
            }
        });
        // The node is removed all the same, so the next publish or drain reports the failure.
        self.allocator.published().defer_report(error);
    }
}
