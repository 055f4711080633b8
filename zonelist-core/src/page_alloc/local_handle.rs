//! The handle of a CPU or thread, and the fast paths of allocation and free.
//!
//! ```text
//! alloc(node, request):
//!   active := true; barrier                  # the slot's flag; a drain or a stop then sees it, or is seen here
//!   if any request of a publish or a drain: leave, slow path
//!   stamp := the stamp of the lists          # changes with each publish, before and after
//!   zone := the first zone that is remembered for (node, request) at this stamp
//!           none: the first of a walk, with its counters and per-CPU pages; remember it, if stamp is even
//!   if the zone's free pages are not above low watermark + reserve + the block's further pages: slow path
//!   pop the stack of (order, mobility); empty: slow path
//!   active := false                          # also on each exit to the slow path, which enters again
//!
//! free(page):
//!   active := true; barrier; any request: slow path
//!   push to the stack of the last free       # predicted; it checks that the page is of that zone, order and mobility
//!   refused: push to the stack of the page's order and mobility of the same zone
//!   active := false
//!   refused again: slow path
//! ```

use core::fmt;

#[cfg(feature = "checked")]
use super::slow_path::Blocking;
use super::{
    Failure, OutOfMemory, Page, PageAllocator, PerCpuPages, PreparedRequest,
    first_zones::{FirstZone, FirstZones},
    page::{PageWord, Tag},
    per_cpu_pages::{CacheAccess, StackRef},
};
use crate::{
    NodeId, Zone,
    publish::{CriticalSection, HandleId, Platform, Reader, Scheme, remembered_at},
    sync::{Backoff, hint::cold_path},
    zone::{FreeError, WatermarkLevel},
};

/// The handle of one CPU or thread: its reader of the zonelists, and its per-CPU pages.
///
/// An allocation from the first zone of the list, with a block in the per-CPU pages, takes these steps: set the slot's
/// `active` flag, compare the stamp of the lists with that of the zone it remembers, compare the zone's free pages with its low watermark, pop, clear the flag. A free
/// sets the flag, pushes, and clears the flag. Neither has an atomic read-modify-write.
///
/// A drop returns the pages to their zones. The drop waits for a drain that has revoked the per-CPU pages, and for the
/// zones' locks. A leaked handle keeps its reader slot, but not its pages: they are in the allocator, and
/// [`PageAllocator::drain`] returns them to their zones.
///
/// Any thread may create a handle and send it to the one that uses it. So the first CPU of a kernel creates those of all
/// CPUs, in statics ([`TakeCell`](crate::sync::TakeCell)): see the example `per_cpu`.
///
/// A signal handler or interrupt needs a handle of its own, [`LocalHandle::try_alloc`] and [`LocalHandle::try_free`].
/// Debug builds panic if a handle is used from within one of its own operations.
#[repr(C)] // The fields of the fast path come first, where short instructions reach them.
pub struct LocalHandle<'a, 'm, S: Scheme, P: Platform> {
    /// The stack of the last free: the prediction for the next free.
    pub(super) freed: StackRef<'a>,
    pub(super) reader: Reader<'a, S, P>,
    pub(super) allocator: &'a PageAllocator<'m, S, P>,
    /// The per-CPU pages of this handle, by the number of the zone in the allocator.
    pub(super) caches: &'a [PerCpuPages],
    /// The report of the last request that was refused.
    pub(super) failure: Failure,
    /// The report of the last walk, which becomes `failure` if the request is refused.
    pub(super) attempt: Failure,
    /// True if calls of `on_low` are deferred, since a hotplug operation allocates through this handle.
    pub(super) defers_low: bool,
    /// The first zones of walks, for the allocations until the next publish: a kilobyte.
    first_zones: FirstZones<'a>,
}

/// A page that was not freed, with the reason. The page is the caller's again.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
#[error("{page:?}: {error}")]
pub struct NotFreed {
    /// The page.
    pub page: Page,
    /// The reason.
    pub error: FreeError,
}

impl<'a, 'm, S: Scheme, P: Platform> LocalHandle<'a, 'm, S, P> {
    pub(super) fn new(
        allocator: &'a PageAllocator<'m, S, P>,
        reader: Reader<'a, S, P>,
        caches: &'a [PerCpuPages],
        zone: &'a Zone<'m, P::Lock>,
        cache: &'a PerCpuPages,
    ) -> Self {
        let first_zones = FirstZones::new(FirstZone { counters: zone.watermark_counters(), cache });
        let (freed, failure, attempt) = (cache.stack_ref(Tag::FIRST), Failure::none(), Failure::none());
        let local = Self { allocator, reader, caches, freed, failure, attempt, defers_low: false, first_zones };
        // The slot's last handle may have been of another thread, so even this needs the access of `with_cache_access`.
        with_cache_access(&local.reader, allocator.zones(), caches, |number, zone, access| {
            access.set_zone(|tag| allocator.pool.page(zone.span().start, number, tag), zone.spanned());
        });
        local
    }

    /// The same handle, with calls of `on_low` deferred until the hotplug operation that uses it has ended.
    #[cfg(feature = "alloc")]
    pub(crate) fn deferring_low(mut self) -> Self {
        self.defers_low = true;
        self
    }

    /// The allocator of the handle, for code that keeps only the handle.
    #[must_use]
    pub fn allocator(&self) -> &'a PageAllocator<'m, S, P> {
        self.allocator
    }

    /// The identity of the handle, for [`PageAllocator::after_fork`].
    #[must_use]
    pub fn id(&self) -> HandleId {
        self.reader.slot_id()
    }

    /// Allocates a block from the first zone of the node's list that allows it.
    ///
    /// The first walk compares each zone's free pages with its low watermark. A second walk compares them with the min
    /// watermark, reduced by the urgency. If both walks fail and the request may block, the per-CPU pages of all
    /// handles are drained, and the second walk is repeated once. A torn walk is repeated until one is not torn.
    ///
    /// With a block in the per-CPU pages of the first zone, that zone above its low watermark, and no drain that has
    /// revoked the pages, the call waits for nothing except for a publish that has stopped readers. Otherwise it waits for the zone's lock; before it is refused, also for operations of other handles that have
    /// begun. It never waits for a plain reader's guard.
    ///
    /// A request of [`Urgency::NON_BLOCKING`](crate::zone::Urgency::NON_BLOCKING) drains nothing. Where it would wait for a
    /// lock or a publish, it tries up to 64 times; then it passes over the zone, or gives up: [`Failure::would_block`].
    /// Only the walk itself may wait, if the scheme is not [`interrupt_safe`](crate::publish::Facts::interrupt_safe): a
    /// signal handler uses [`LocalHandle::try_alloc`].
    ///
    /// Debug builds panic if another allocator prepared the request.
    ///
    /// # Errors
    /// No zone has such a block to spare. [`LocalHandle::failure`] lists the zones that were tried, each with its
    /// reason.
    #[inline(always)]
    pub fn alloc(&mut self, node: NodeId, request: &PreparedRequest<S>) -> Result<Page, OutOfMemory> {
        self.allocator.check(request);
        let _in_use = self.reader.in_use();
        // To note an allocation takes the zone's lock, for which such a request must not wait: the slow path tries it.
        #[cfg(feature = "checked")]
        if request.blocking() == Blocking::Forbidden {
            return self.alloc_slow(node, request, Blocking::Forbidden);
        }
        match self.alloc_from_cache(node, request) {
            Some(page) => self.note_allocated(page),
            None => self.alloc_slow(node, request, request.blocking()),
        }
    }

    /// Pops a block of the first zone's per-CPU pages, if the zone stays above its low watermark.
    #[inline(always)]
    pub(super) fn alloc_from_cache(&mut self, node: NodeId, request: &PreparedRequest<S>) -> Option<Page> {
        let Self { reader, allocator, caches, first_zones, .. } = self;
        // One flag serves the walk and the stack. Any request of a writer makes this fail: the slow path answers it.
        let (critical_section, stamp) = reader.try_enter_stamped()?;
        let key = request.class.at(node);
        let FirstZone { counters, cache } = match first_zones.get(key, stamp) {
            Some(zone) => zone,
            None => {
                let walked = walk_to_first(allocator, caches, reader, &critical_section, node, request);
                let (zone, torn) = walked?;
                // Never of a torn walk, and never that there is none.
                if !torn && request.class.is_unique() {
                    first_zones.set(key, remembered_at(stamp), zone);
                }
                zone
            }
        };
        // Pages on stacks are not free pages, yet a zone below its watermark must not serve: the next zone may.
        if !counters.allows_beyond(request.further, request.highest, WatermarkLevel::Low) {
            return None;
        }
        // SAFETY: the slot is active and its per-CPU pages are not revoked, so this thread alone accesses them.
        unsafe { CacheAccess::on(cache) }.pop(request.tag, request.start)
    }

    /// Frees a block.
    ///
    /// The block goes to this handle's per-CPU pages. If these are full or revoked, it goes to the zone, and the call
    /// waits for the zone's lock. The call waits for no publish, no guard and no drain, so a page may be freed within a
    /// guard.
    ///
    /// # Errors
    /// The page is another allocator's ([`Page`]), of no zone, or of frames or an order that its zone cannot have.
    /// Nothing has changed, and the error has the page.
    ///
    /// # Panics
    /// If the lock of the zone does. The page is leaked then.
    ///
    /// A page that unsafe code made against [its contract](Page#safety) may be freed twice, freed with another order, or
    /// not be allocated. A free to the per-CPU pages is checked only later, so the block may be allocated twice before
    /// the zone detects it and counts a [misdirected free](super::ZoneStats::misdirected). With the feature `checked`
    /// each of these is an error here. The allocator itself accesses no frame and stays consistent.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     page_alloc::NotFreed,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::{FreeError, Order},
    /// #     zonelist::{NodeSpan, ZonelistsRef},
    /// # };
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zonerefs = [Zoneref::new(normal)];
    /// # let lists = ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len: 1, own: 1 }])?;
    /// # let allocator = || {
    /// #     let zone = Zone::boxed(normal, Pfn::range(0..4096), Order::MAX, Spin::new()).unwrap();
    /// #     zone.add(Pfn::range(0..4096)).unwrap();
    /// #     let published = Published::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
    /// #     published.publish(lists).unwrap();
    /// #     PageAllocator::boxed(published, vec![zone]).unwrap()
    /// # };
    /// let (ours, theirs) = (allocator(), allocator());
    /// let (mut local, mut other) = (ours.local()?, theirs.local()?);
    /// let page = local.alloc(normal.node(), &ours.prepare(&PageRequest::up_to(ZoneKind::Normal)))?;
    /// // The wrong allocator: the page comes back.
    /// let NotFreed { page, error } = other.free(page).unwrap_err();
    /// assert_eq!(error, FreeError::NoSuchZone);
    /// local.free(page)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn free(&mut self, page: Page) -> Result<(), NotFreed> {
        let _in_use = self.reader.in_use();
        #[cfg(feature = "checked")]
        let page = self.note_freed(page)?;
        if self.free_to_cache(page.word()) {
            return Ok(());
        }
        self.free_waiting(page)
    }

    /// Pushes a block to the stack of the last free, or to another stack of the same zone.
    #[inline(always)]
    pub(super) fn free_to_cache(&mut self, page: PageWord) -> bool {
        let Some(_critical_section) = self.reader.try_enter_caches() else { return false };
        // The stack checks whether the page is its own. So the page's zone need not be looked up.
        // SAFETY: the slot is active and its per-CPU pages are not revoked, so this thread alone accesses them.
        if unsafe { self.freed.push(page) } {
            return true;
        }
        cold_path();
        // The stack of another order, mobility or zone.
        let Some(cache) = self.caches.get(self.allocator.pool.number_of_page(page)) else { return false };
        self.freed = cache.stack_ref(page.tag());
        // SAFETY: the critical section has not ended, so this thread alone accesses the per-CPU pages.
        unsafe { self.freed.push(page) }
    }

    /// Notes in the zone that a block is freed, and checks that it was allocated. Waits for the zone's lock.
    #[cfg(feature = "checked")]
    pub(super) fn note_freed(&self, page: Page) -> Result<Page, NotFreed> {
        let zone = self.allocator.zone_of(&page).ok_or(FreeError::NoSuchZone);
        let frame = zone.and_then(|zone| Ok((zone, zone.number(page.pfn()).ok_or(FreeError::NoSuchFrame)?)));
        match frame.and_then(|(zone, frame)| zone.note_freed(frame, page.order())) {
            Ok(()) => Ok(page),
            Err(error) => Err(NotFreed { page, error }),
        }
    }

    /// Allocates blocks until all of `pages` are filled or a request is refused. Returns the number of blocks that it
    /// has allocated. An entry that has a page keeps it.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::Order,
    /// #     zonelist::{NodeSpan, ZonelistsRef},
    /// # };
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zone = Zone::boxed(normal, Pfn::range(0..4096), Order::MAX, Spin::new())?;
    /// # zone.add(Pfn::range(0..4096))?;
    /// # let zonerefs = [Zoneref::new(normal)];
    /// # let lists = ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len: 1, own: 1 }])?;
    /// # let published = Published::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
    /// # published.publish(lists)?;
    /// # let allocator = PageAllocator::boxed(published, vec![zone])?;
    /// let request = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
    /// let mut local = allocator.local()?;
    /// let mut pages = [const { None }; 3];
    /// pages[1] = Some(local.alloc(normal.node(), &request)?);
    /// assert_eq!(local.alloc_bulk(normal.node(), &request, &mut pages), Ok(2));
    /// local.free_bulk(pages.into_iter().flatten())?;
    /// drop(local);
    /// assert_eq!(allocator.zones()[0].free_pages(), 4096);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The first request was refused.
    pub fn alloc_bulk(
        &mut self,
        node: NodeId,
        request: &PreparedRequest<S>,
        pages: &mut [Option<Page>],
    ) -> Result<usize, OutOfMemory> {
        let mut count = 0;
        // An overwritten page would leak.
        for entry in pages.iter_mut().filter(|entry| entry.is_none()) {
            match self.alloc(node, request) {
                Ok(page) => *entry = Some(page),
                // A part is a success: the caller has to see those blocks, or they leak.
                Err(error) => return if count == 0 { Err(error) } else { Ok(count) },
            }
            count += 1;
        }
        Ok(count)
    }

    /// Frees blocks, up to the first that is not freed.
    ///
    /// # Errors
    /// The first block that [`LocalHandle::free`] refuses, with the reason. The iterator still has the blocks after it:
    /// a caller that passes `&mut` an iterator loses none.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     page_alloc::NotFreed,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::{FreeError, Order},
    /// #     zonelist::{NodeSpan, ZonelistsRef},
    /// # };
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zonerefs = [Zoneref::new(normal)];
    /// # let lists = ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len: 1, own: 1 }])?;
    /// # let allocator = || {
    /// #     let zone = Zone::boxed(normal, Pfn::range(0..4096), Order::MAX, Spin::new()).unwrap();
    /// #     zone.add(Pfn::range(0..4096)).unwrap();
    /// #     let published = Published::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
    /// #     published.publish(lists).unwrap();
    /// #     PageAllocator::boxed(published, vec![zone]).unwrap()
    /// # };
    /// let (ours, theirs) = (allocator(), allocator());
    /// let request = ours.prepare(&PageRequest::up_to(ZoneKind::Normal));
    /// let (mut local, mut other) = (ours.local()?, theirs.local()?);
    /// let theirs = other.alloc(normal.node(), &theirs.prepare(&PageRequest::up_to(ZoneKind::Normal)))?;
    /// let pages = [local.alloc(normal.node(), &request)?, theirs, local.alloc(normal.node(), &request)?];
    ///
    /// let mut pages = pages.into_iter();
    /// let NotFreed { page, error } = local.free_bulk(&mut pages).unwrap_err();
    /// assert_eq!(error, FreeError::NoSuchZone);
    /// other.free(page)?;
    /// local.free_bulk(pages)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn free_bulk(&mut self, pages: impl IntoIterator<Item = Page>) -> Result<(), NotFreed> {
        pages.into_iter().try_for_each(|page| self.free(page))
    }

    /// Returns the per-CPU pages of this handle to their zones. Waits for a drain that has revoked them, and for the
    /// zones' locks.
    pub fn drain(&mut self) {
        let _in_use = self.reader.in_use();
        with_cache_access(&self.reader, self.allocator.zones(), self.caches, |_, zone, access| {
            access.drain_into(zone);
        });
    }

    /// The report of the last refused request: for each zone of the allocator, why its last walk got no block there.
    ///
    /// The report stays until another request is refused; requests that succeed neither change it nor pay for it. A
    /// refused request visits the allocator's zones once more for the report, without a lock.
    ///
    /// What to do about each reason: [the guide](crate::guide::failures).
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.failure
    }
}

/// Calls `act` with the per-CPU pages of each zone. Waits while a drain has them revoked.
fn with_cache_access<'m, S: Scheme, P: Platform>(
    reader: &Reader<'_, S, P>,
    zones: &[Zone<'m, P::Lock>],
    caches: &[PerCpuPages],
    mut act: impl FnMut(usize, &Zone<'m, P::Lock>, &mut CacheAccess<'_>),
) {
    let mut backoff = Backoff::default();
    loop {
        if let Some(_critical_section) = reader.enter_caches() {
            for (number, (zone, cache)) in zones.iter().zip(caches).enumerate() {
                // SAFETY: the slot is active and its per-CPU pages are not revoked, so this thread alone accesses them.
                act(number, zone, &mut unsafe { CacheAccess::on(cache) });
            }
            return;
        }
        // A drain has revoked them. The flag is clear here: that drain may wait for it.
        backoff.wait();
    }
}

/// The first zone of a walk, and whether the walk is torn. `None` if the list has none for the request, or one that
/// the allocator does not have.
#[cold]
#[inline(never)]
fn walk_to_first<'a, S: Scheme, P: Platform>(
    allocator: &'a PageAllocator<'_, S, P>,
    caches: &'a [PerCpuPages],
    reader: &Reader<'_, S, P>,
    critical_section: &CriticalSection<'_>,
    node: NodeId,
    request: &PreparedRequest<S>,
) -> Option<(FirstZone<'a>, bool)> {
    let guard = reader.guard_within(critical_section);
    let (first, torn) = guard.first(node, &request.filter);
    let number = allocator.pool.zone_number(first?.zone())?;
    let (counters, cache) = (allocator.pool.zones.get(number)?.watermark_counters(), caches.get(number)?);
    Some((FirstZone { counters, cache }, torn))
}

impl<S: Scheme, P: Platform> Drop for LocalHandle<'_, '_, S, P> {
    fn drop(&mut self) {
        /// Frees a slot that the drop of the reader does not free, also if a zone's lock panics. Pages that remain are
        /// then left to the next drain.
        struct FreeSlot<'l, 'a, S: Scheme, P: Platform>(&'l mut Reader<'a, S, P>);
        impl<S: Scheme, P: Platform> Drop for FreeSlot<'_, '_, S, P> {
            fn drop(&mut self) {
                self.0.release_own_slot();
            }
        }
        let Self { allocator, reader, caches, .. } = self;
        let free_slot = FreeSlot(reader);
        // Before the slot is free: its next handle may be of another thread.
        with_cache_access(free_slot.0, allocator.zones(), caches, |_, zone, access| {
            access.drain_into(zone);
        });
    }
}

impl<S: Scheme, P: Platform> fmt::Debug for LocalHandle<'_, '_, S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cached: usize = self.caches.iter().map(PerCpuPages::pages).sum();
        f.debug_struct("LocalHandle").field("cached", &cached).finish_non_exhaustive()
    }
}
