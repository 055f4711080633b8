//! The handle of a CPU or thread, and its fast path.
//!
//! ```text
//! alloc:  active := 1; light half; if request != 0: slow path
//!         zone := first zone that a walk of the node's list shows
//!         if zone is not the last one: look up its counters and its per-CPU pages
//!         if its free pages are not above the low watermark: slow path
//!         pop a block of the wanted order and mobility, or slow path
//!         active := 0
//! free:   active := 1; light half; if request != 0: slow path
//!         push onto the stack of the last free if it is the block's, or look its stack up
//!         active := 0
//! ```

use core::fmt;

#[cfg(feature = "checked")]
use super::slow_path::Blocking;
use super::{
    Failure, OutOfMemory, Page, PageAllocator, PerCpuPages, PreparedRequest,
    page::Tag,
    per_cpu_pages::{CacheAccess, StackRef},
};
use crate::{
    FreeError, NodeId, RawLock, WatermarkLevel, Zone, Zoneref,
    publish::{Barrier, HandleId, Reader, Scheme},
    sync::Backoff,
    sync::hint::cold_path,
    zone::WatermarkCounters,
};

/// The handle of one CPU or thread: its reader of the zonelists, and its per-CPU pages.
///
/// An allocation of a single page from the first zone of the list is a store that makes the reader active, the load of one
/// list entry, a comparison of the zone's free pages with its watermark, a pop, and a store that makes the reader idle. A
/// free is a store, a push and a store. None of them is an atomic read-modify-write.
///
/// Dropped, it returns its pages to their zones; for that it waits for a drain that has revoked them, and for the zones'
/// locks. Leaked, it keeps its reader slot, but not its pages: they are in the allocator, and [`PageAllocator::drain`]
/// returns them.
///
/// A signal handler or interrupt needs a handle of its own, and [`LocalHandle::try_alloc`] and [`LocalHandle::try_free`]. Debug
/// builds panic where a handle is used from within an operation of its own.
#[repr(C)] // Fields of the fast path come first, within reach of short instructions.
pub struct LocalHandle<'a, 'm, S: Scheme, B: Barrier, L: RawLock, const READERS: usize> {
    /// The zone that the last allocation began with.
    last_zone: LastZone<'a>,
    /// The stack of the last free, which is the prediction for the next one.
    pub(super) freed: StackRef<'a>,
    pub(super) reader: Reader<'a, S, B>,
    pub(super) allocator: &'a PageAllocator<'m, S, B, L, READERS>,
    /// The per-CPU pages of each zone.
    pub(super) caches: &'a [PerCpuPages],
    /// Why the last request that failed did.
    pub(super) failure: Failure,
    /// The refusals of the last walk, which may have been served.
    pub(super) attempt: Failure,
    /// True if calls for zones below their low watermark are deferred: an operation on the machine allocates.
    pub(super) defers_low: bool,
}

/// A page of a bulk that was not freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{page:?}: {error}")]
pub struct NotFreed {
    /// The page.
    pub page: Page,
    /// Why it was not.
    pub error: FreeError,
}

/// The first zone of the last allocation: its counters and per-CPU pages, looked up.
struct LastZone<'a> {
    entry: Option<Zoneref>,
    watch: &'a WatermarkCounters,
    cache: &'a PerCpuPages,
}

impl<'a, 'm, S: Scheme, B: Barrier, L: RawLock, const READERS: usize> LocalHandle<'a, 'm, S, B, L, READERS> {
    pub(super) fn new(
        allocator: &'a PageAllocator<'m, S, B, L, READERS>,
        reader: Reader<'a, S, B>,
        caches: &'a [PerCpuPages],
        zone: &'a Zone<'m, L>,
        cache: &'a PerCpuPages,
    ) -> Self {
        let last_zone = LastZone { entry: None, watch: zone.watermark_counters(), cache };
        let (freed, failure, attempt) = (cache.stack_ref(Tag::NONE), Failure::none(), Failure::none());
        let local = Self { allocator, reader, caches, last_zone, freed, failure, attempt, defers_low: false };
        with_cache_access(&local.reader, allocator.zones(), caches, |slot, zone, access| {
            access.set_zone(|tag| allocator.pool.page(zone.span().start, slot, tag), zone.spanned());
        });
        local
    }

    /// For an operation on the machine: calls for zones that fall below their low watermark come after it.
    #[cfg(feature = "alloc")]
    pub(crate) fn deferring_low(mut self) -> Self {
        self.defers_low = true;
        self
    }

    /// The identity of the handle, for [`PageAllocator::after_fork`].
    #[must_use]
    pub fn id(&self) -> HandleId {
        self.reader.slot_id()
    }

    /// Allocates a block: from the first zone of the node's list that has one above its low watermark, or else above its
    /// min watermark as the urgency reduces it.
    ///
    /// If no zone has one and the request may block, the per-CPU pages of all handles are drained, and the second walk is
    /// repeated. A walk that a publish has torn is repeated until one is not torn.
    ///
    /// Served from the per-CPU pages it waits for nothing, unless a publish has stopped the readers. Otherwise it waits for
    /// the zone's lock; before it fails, also for operations of other handles that have begun. Never for a plain reader's
    /// guard.
    ///
    /// A request of [`Urgency::NON_BLOCKING`](crate::Urgency::NON_BLOCKING) drains nothing. For a lock or a publish it tries
    /// up to 64 times, and then passes the zone over or fails: [`Failure::would_block`]. Only the walk itself may wait, if
    /// the scheme is not
    /// [`interrupt_safe`](crate::publish::Facts::interrupt_safe): in a signal handler use [`LocalHandle::try_alloc`].
    ///
    /// Debug builds panic if another allocator has prepared the request.
    ///
    /// # Errors
    /// No zone has such a block to spare: [`LocalHandle::failure`] has the zones that were tried, and why each refused.
    #[inline(always)]
    pub fn alloc(&mut self, node: NodeId, request: &PreparedRequest<S>) -> Result<Page, OutOfMemory> {
        self.allocator.check(request);
        let _in_use = self.reader.in_use();
        #[cfg(feature = "checked")]
        if request.blocking() == Blocking::Forbidden {
            return self.alloc_slowly(node, request, Blocking::Forbidden);
        }
        match self.alloc_from_cache(node, request) {
            Some(page) => self.note_allocated(page),
            None => self.alloc_slowly(node, request, request.blocking()),
        }
    }

    /// Pops a block from the per-CPU pages of the first zone, if the zone is above its low watermark.
    #[inline(always)]
    pub(super) fn alloc_from_cache(&mut self, node: NodeId, request: &PreparedRequest<S>) -> Option<Page> {
        let entered = self.reader.try_enter_slot()?;
        let first = entered.guard.walk(node, &request.filter).next()?;
        // A right prediction saves two dependent loads: the zone's index, and its address.
        if self.last_zone.entry != Some(first) {
            cold_path();
            self.last_zone = predict_zone(self.allocator, self.caches, first)?;
        }
        if !self.last_zone.watch.allows_beyond(request.further, request.highest, WatermarkLevel::Low) {
            return None;
        }
        // SAFETY: we are active in our slot, and its per-CPU pages are not revoked: no drain touches them.
        unsafe { CacheAccess::on(self.last_zone.cache) }.pop(request.tag, request.start)
    }

    /// Frees a block: onto this handle's per-CPU pages, or if those are full or revoked, into the zone.
    ///
    /// Waits for the zone's lock at most: for no publish, no guard and no drain. So a page may be freed within a guard.
    ///
    /// # Errors
    /// The page is another allocator's ([`Page`]), of no zone, or of frames or an order that its zone cannot have;
    /// nothing has changed.
    ///
    /// The caller promises that the page is allocated. A page among the per-CPU pages is checked only when it returns to
    /// its zone. So a page that is freed twice, with another order than it was allocated with, or made up from a word
    /// ([`Page::from_word`]) may be allocated twice before the zone finds it and counts it as
    /// [misdirected](super::ZoneStats::misdirected). With the feature `checked` each of these is an error here.
    #[inline(always)]
    pub fn free(&mut self, page: Page) -> Result<(), FreeError> {
        let _in_use = self.reader.in_use();
        #[cfg(feature = "checked")]
        self.note_freed(page)?;
        if self.free_to_cache(page) {
            return Ok(());
        }
        self.free_waiting(page)
    }

    /// Pushes a block onto the stack of the last free, or onto its own stack of the same zone.
    #[inline(always)]
    pub(super) fn free_to_cache(&mut self, page: Page) -> bool {
        let Some(_critical_section) = self.reader.try_enter_caches() else { return false };
        // SAFETY: we are active in our slot, and its per-CPU pages are not revoked: no drain touches them.
        if unsafe { self.freed.push(page) } {
            return true;
        }
        // A wrong prediction: another order or mobility. Another zone is left to the slow path.
        cold_path();
        self.freed = self.freed.cache.stack_ref(page.tag());
        // SAFETY: we are still active in our slot, and its per-CPU pages are not revoked: no drain touches them.
        unsafe { self.freed.push(page) }
    }

    /// Records that a user frees a block.
    #[cfg(feature = "checked")]
    pub(super) fn note_freed(&self, page: Page) -> Result<(), FreeError> {
        let zone = self.allocator.zone_of(page).ok_or(FreeError::NoSuchZone)?;
        zone.note_freed(zone.number(page.pfn()).ok_or(FreeError::NoSuchFrame)?, page.order())
    }

    /// Allocates blocks until `pages` is full or no more are to be had. Returns their number.
    ///
    /// # Errors
    /// Not one block was to be had.
    pub fn alloc_bulk(
        &mut self,
        node: NodeId,
        request: &PreparedRequest<S>,
        pages: &mut [Option<Page>],
    ) -> Result<usize, OutOfMemory> {
        for (taken, room) in pages.iter_mut().enumerate() {
            match self.alloc(node, request) {
                Ok(page) => *room = Some(page),
                Err(error) => return if taken == 0 { Err(error) } else { Ok(taken) },
            }
        }
        Ok(pages.len())
    }

    /// Frees blocks.
    ///
    /// # Errors
    /// The first block that can't have been allocated. Such blocks are left alone, and the others are free.
    pub fn free_bulk(&mut self, pages: impl IntoIterator<Item = Page>) -> Result<(), NotFreed> {
        let mut outcome = Ok(());
        for page in pages {
            outcome = outcome.and(self.free(page).map_err(|error| NotFreed { page, error }));
        }
        outcome
    }

    /// Returns the per-CPU pages of this handle to their zones. Waits for a drain that has revoked them, and for the zones'
    /// locks.
    pub fn drain(&mut self) {
        let _in_use = self.reader.in_use();
        with_cache_access(&self.reader, self.allocator.zones(), self.caches, |_, zone, access| {
            access.empty_into(zone);
        });
    }

    /// Why the last request that failed did: for each zone of the allocator, the reason of its last walk.
    ///
    /// It stays until another request fails; requests that are served neither change it nor pay for it. A request that
    /// fails reads the allocator's zones once more for it, without a lock.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.failure
    }
}

/// Calls `act` with the per-CPU pages of each zone, once no drain has them revoked.
fn with_cache_access<'m, S: Scheme, B: Barrier, L>(
    reader: &Reader<'_, S, B>,
    zones: &[Zone<'m, L>],
    caches: &[PerCpuPages],
    mut act: impl FnMut(usize, &Zone<'m, L>, &mut CacheAccess<'_>),
) {
    let mut backoff = Backoff::default();
    loop {
        if let Some(_critical_section) = reader.enter_caches() {
            for (slot, (zone, cache)) in zones.iter().zip(caches).enumerate() {
                // SAFETY: we are active in our slot, and its per-CPU pages are not revoked: no drain touches them.
                act(slot, zone, &mut unsafe { CacheAccess::on(cache) });
            }
            return;
        }
        backoff.wait();
    }
}

/// Looks up what the fast path needs of a zone, as the prediction for the next allocation.
#[inline]
fn predict_zone<'a, S: Scheme, B: Barrier, L: RawLock, const READERS: usize>(
    allocator: &'a PageAllocator<'_, S, B, L, READERS>,
    caches: &'a [PerCpuPages],
    entry: Zoneref,
) -> Option<LastZone<'a>> {
    let slot = allocator.pool.slot(entry.zone())?;
    let (watch, cache) = (allocator.pool.zones.get(slot)?.watermark_counters(), caches.get(slot)?);
    Some(LastZone { entry: Some(entry), watch, cache })
}

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> Drop for LocalHandle<'_, '_, S, B, L, READERS> {
    fn drop(&mut self) {
        /// Frees the slot, also out of a panic of a zone's lock. A later drain returns the pages that are left then.
        struct ReleaseSlot<'l, 'a, S: Scheme, B: Barrier>(&'l mut Reader<'a, S, B>);
        impl<S: Scheme, B: Barrier> Drop for ReleaseSlot<'_, '_, S, B> {
            fn drop(&mut self) {
                self.0.release_own_slot();
            }
        }
        let Self { allocator, reader, caches, .. } = self;
        let release = ReleaseSlot(reader);
        with_cache_access(release.0, allocator.zones(), caches, |_, zone, access| {
            access.empty_into(zone);
        });
    }
}

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> fmt::Debug for LocalHandle<'_, '_, S, B, L, READERS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cached: usize = self.caches.iter().map(PerCpuPages::pages).sum();
        f.debug_struct("LocalHandle").field("cached", &cached).finish_non_exhaustive()
    }
}
