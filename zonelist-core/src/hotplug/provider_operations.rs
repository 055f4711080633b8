//! The operations of the page allocator as a page provider: frames go online and offline.
//!
//! Frames are isolated by whole pageblocks of a zone. A range that shares a pageblock with other frames that the zone
//! manages is refused, so no other frame is ever isolated with the range.

use core::{array, ops::Range};

use super::{
    allocator_provider::{AllocatorProvider, Attachments},
    backing::Backing,
    deadline::Deadline,
    migration_targets::TargetAllocator,
    provider::PageProvider,
    provider_error::ProviderError,
    state::State,
    undo::Undo,
};
use crate::{
    NodeId, Pfn, Zone, ZoneId, Zonelists,
    ids::Order,
    locking::RawLock,
    page_alloc::MigrationSource,
    publish::{Platform, PublishError, Scheme},
    sync::{Backoff, atomic::Ordering::Relaxed},
    zone::{RangeError, ZoneWatermarks},
};

impl<'m, S: Scheme, P: Platform, A: Attachments> AllocatorProvider<'m, S, P, A> {
    pub(super) fn zone(&self, zone: ZoneId) -> Result<&Zone<'m, P::Lock>, ProviderError> {
        self.allocator.zone(zone).ok_or(ProviderError::NoZone { zone })
    }

    /// Adds frames to a zone, and commits memory behind them. The addition comes first: the zone refuses frames of
    /// another zone, whose memory must not change.
    pub(super) fn add(&self, id: ZoneId, frames: &Range<Pfn>) -> Result<(), ProviderError> {
        let zone = self.zone(id)?;
        zone.add(frames.clone())?;
        let added = Undo::by(|| {
            // Succeeds, since no frame is allocated yet: the frames are isolated, or the machine has no handle yet.
            let _ = zone.remove(frames.clone());
        });
        self.backing.commit(id, frames.clone())?;
        added.keep();
        Ok(())
    }

    /// Migrates movable pages and waits for the other pages, until all of these isolated frames are free.
    fn wait_until_free(
        &self,
        state: &State,
        zone: &Zone<'m, P::Lock>,
        frames: &Range<Pfn>,
        deadline: &mut dyn Deadline,
    ) -> Result<(), ProviderError> {
        let mut targets = TargetAllocator::new(&self.allocator, state, zone.id().node())?;
        let mut backoff = Backoff::default();
        loop {
            // Repeated in each round: a page may have become movable, or its user may have unpinned it.
            let migrated = self.source.move_away(frames, &mut targets);
            migrated.map_err(|pinned| ProviderError::Pinned { pfn: pinned.pfn })?;
            let Some(pfn) = zone.first_in_use(frames.clone())? else { return Ok(()) };
            deadline.check().map_err(|why| ProviderError::InUse { pfn, why })?;
            // A longer wait each time, since the users of pages need the CPU to free them.
            backoff.wait();
        }
    }
}

impl<S: Scheme, P: Platform, A: Attachments> PageProvider for AllocatorProvider<'_, S, P, A> {
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        self.allocator.published().publish(lists).map(drop)
    }

    fn set_watermarks(&self, state: &State) {
        let kinds = &state.memory().kinds;
        for info in state.zones() {
            let Some(zone) = self.allocator.zone(info.size.zone) else { continue };
            let mut watermarks = ZoneWatermarks {
                min: info.watermarks.min,
                low: info.watermarks.low,
                high: info.watermarks.high,
                ..ZoneWatermarks::default()
            };
            // The state has a reserve for each of the machine's kinds, and the zone has one for every kind.
            for (kind, &pages) in kinds.iter().zip(info.reserve) {
                watermarks.reserve[kind.index()] = pages;
            }
            zone.set_watermarks(&watermarks);
        }
    }

    fn prepare_online(&self, id: ZoneId, frames: Range<Pfn>) -> Result<(), ProviderError> {
        let zone = self.allocator.zone(id);
        let room = zone.map(|zone| (zone.span().start, zone.span().end));
        let fits = room.is_some_and(|(start, end)| start <= frames.start && frames.end <= end);
        let Some(zone) = zone.filter(|_| fits) else {
            return Err(ProviderError::NoRoom { zone: id, frames: (frames.start, frames.end), room });
        };
        zone.attach_metadata()?;
        let blocks = own_pageblocks(zone, &frames)?;
        // Isolated before the frames are added: none of them can be allocated before `finish_online`.
        zone.isolate(blocks.clone())?;
        let isolated = Undo::by(|| unisolate(zone, &blocks));
        self.add(id, &frames)?;
        isolated.keep();
        Ok(())
    }

    fn finish_online(&self, zone: ZoneId, frames: Range<Pfn>) {
        if let Ok(zone) = self.zone(zone) {
            unisolate(zone, &pageblocks(zone, &frames));
        }
    }

    fn isolate(
        &self,
        state: &State,
        id: ZoneId,
        frames: Range<Pfn>,
        deadline: &mut dyn Deadline,
    ) -> Result<(), ProviderError> {
        let zone = self.zone(id)?;
        // A frame that the zone does not manage is reserved: no user can free it, so no wait would end.
        if let Some(pfn) = zone.first_unmanaged(&frames) {
            return Err(ProviderError::Pinned { pfn });
        }
        let blocks = own_pageblocks(zone, &frames)?;
        zone.isolate(blocks.clone())?;
        let isolated = Undo::by(|| unisolate(zone, &blocks));
        // Frames in per-CPU pages are not free: without caches all frees reach the isolated pageblocks.
        self.allocator.without_caches(id, || self.wait_until_free(state, zone, &frames, deadline))??;
        isolated.keep();
        Ok(())
    }

    fn offline(&self, id: ZoneId, frames: Range<Pfn>) {
        let Ok(zone) = self.zone(id) else { return };
        // A guard, for a panic of the backing: without it the pageblocks would stay isolated for good.
        let _unisolated = Undo::by(|| unisolate(zone, &pageblocks(zone, &frames)));
        // Succeeds after `isolate`: the frames are free and isolated, so none has been allocated since.
        if zone.remove(frames.clone()).is_ok() {
            self.backing.release(id, frames.clone());
        }
    }

    fn operation_finished(&self) {
        self.allocator.report_deferred_low();
    }

    /// Under any scheme, a walk over an old list that reaches such a zone finds under the zone's lock that the metadata
    /// is detached.
    fn remove_node(&self, node: NodeId) {
        let [_, kept] = &self.metadata_counts;
        let mut zones = self.allocator.zones().iter().filter(|zone| zone.id().node() == node && zone.has_metadata());
        match self.synchronize {
            Some(synchronize) => {
                self.free_after_grace_period(synchronize, array::from_fn(|_| zones.find_map(Zone::detach_metadata)))
            }
            // Without grace periods the metadata stays attached, as in Linux.
            None => {
                kept.fetch_add(zones.count(), Relaxed);
            }
        }
    }
}

/// The pageblocks that contain the frames, within the zone's span.
fn pageblocks<L: RawLock>(zone: &Zone<'_, L>, frames: &Range<Pfn>) -> Range<Pfn> {
    let span = zone.span();
    let end = frames.end.min(span.end).align_up(Order::PAGEBLOCK);
    frames.start.align_down(Order::PAGEBLOCK).max(span.start)..end.min(span.end)
}

/// The pageblocks that contain the frames.
///
/// # Errors
/// The zone manages other frames of these pageblocks, which would be isolated as well.
fn own_pageblocks<L: RawLock>(zone: &Zone<'_, L>, frames: &Range<Pfn>) -> Result<Range<Pfn>, RangeError> {
    let &Range { start, end } = frames;
    let blocks = pageblocks(zone, frames);
    let others = [blocks.start..start, end..blocks.end];
    if others.iter().any(|others| zone.first_managed(others).is_some()) {
        return Err(RangeError::Unaligned { start, end });
    }
    Ok(blocks)
}

/// Ends the isolation of those pageblocks of a range that are isolated.
fn unisolate<L: RawLock>(zone: &Zone<'_, L>, blocks: &Range<Pfn>) {
    if zone.unisolate(blocks.clone()).is_ok() {
        return;
    }
    // The range differs from the one that was isolated, and some pageblocks are not isolated: one by one.
    let mut start = blocks.start;
    while start < blocks.end {
        let end = (start + 1).align_up(Order::PAGEBLOCK).min(blocks.end);
        let _ = zone.unisolate(start..end);
        start = end;
    }
}
