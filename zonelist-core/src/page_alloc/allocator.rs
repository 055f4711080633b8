//! The page allocator: zones, and the published zonelists that order them.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::{fmt, ops::Range};

use super::{
    LocalHandle, OrderError, Page, PageRequest, PerCpuPages, PreparedRequest, SetupError,
    page::Tag,
    zone_pool::{Pool, Store},
};
#[cfg(feature = "alloc")]
use crate::zone::ZoneError;
use crate::{
    Mobility, Zone, ZoneId,
    chunks::Chunk,
    identity::Identity,
    publish::{Platform, Published, ReaderError, ReaderSlots, Scheme, Standard},
    zone::{MAX_ORDER, RangeError},
};

/// A page allocator over zones, which it finds by the zonelists that a scheme publishes.
///
/// The reader slots of the lists ([`ReaderSlots`](crate::publish::ReaderSlots)) are the maximum of handles and plain
/// readers at a time; [`add_handles`](Self::add_handles) adds more.
pub struct PageAllocator<'m, S, P: Platform = Standard> {
    published: Published<S, P>,
    pub(super) pool: Pool<'m, P::Lock>,
    identity: Identity,
}

impl<'m, S: Scheme, P: Platform> PageAllocator<'m, S, P> {
    /// Creates an allocator over zones, in memory of the caller: an `index` with an entry for each [`ZoneId::index`] up
    /// to the highest, and in `caches` the per-CPU pages of each reader slot and zone.
    ///
    /// The drop returns pages that leaked handles have left in their per-CPU pages to the zones. The zones stay
    /// borrowed, and stay one set: none of them ever adds a frame that another of them manages.
    ///
    /// ```compile_fail,E0505
    /// # use zonelist_core::{
    /// #     *,
    /// #     page_alloc::PerCpuPages,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::MAX_ORDER,
    /// # };
    /// let (mut words, mut index, mut caches) = ([0; 1000], [0; 8], [const { PerCpuPages::new() }; 4]);
    /// let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// let zones = [Zone::new(id, 0..4096, MAX_ORDER, &mut words, Spin::new())?];
    /// # let published = Published::new(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())));
    /// let allocator = PageAllocator::new(published, &zones, &mut index, &mut caches)?;
    /// drop(allocator);
    /// drop(zones);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// There is no zone, a zone occurs twice, two zones manage one frame, a zone is in an allocator of other zones, or
    /// there is too little memory.
    pub fn new(
        published: Published<S, P>,
        zones: &'m [Zone<'m, P::Lock>],
        index: &'m mut [u16],
        caches: &'m mut [PerCpuPages],
    ) -> Result<Self, SetupError> {
        let needed = Pool::check(zones, index, caches.len(), published.slots())?;
        let caches = caches.get_mut(..needed).unwrap_or_default();
        // The memory may be another allocator's of before, with pages and counts of other zones.
        caches.iter_mut().for_each(|cache| *cache = PerCpuPages::new());
        let pool = Pool::new(Store::Given(zones), Store::Given(index), Chunk::given(caches));
        Ok(Self { published, pool, identity: Identity::new() })
    }

    /// Creates an allocator over zones, with everything on the heap.
    ///
    /// # Errors
    /// There is no zone, a zone occurs twice, two zones manage one frame, or the heap has no room.
    #[cfg(feature = "alloc")]
    pub fn boxed(published: Published<S, P>, zones: Vec<Zone<'m, P::Lock>>) -> Result<Self, SetupError> {
        // Without zones the index is empty, and `Pool::check` refuses them.
        let entries = zones.iter().map(|zone| zone.id().index() + 1).max().unwrap_or(0);
        let mut index = filled(entries, || 0)?;
        let caches = filled(published.slots().saturating_mul(zones.len()), PerCpuPages::new)?;
        Pool::check(&zones, &mut index, caches.len(), published.slots())?;
        let pool = Pool::new(Store::Owned(zones), Store::Owned(index), Chunk::owned(caches));
        Ok(Self { published, pool, identity: Identity::new() })
    }

    /// Sets a function that is called when a zone's free pages fall below its low watermark, with the zone and its
    /// number of free pages.
    ///
    /// The handle whose allocation took the pages makes the call, in its thread, outside its critical section, with
    /// nothing else held. So the function may do anything except use that handle, which debug builds detect. It may
    /// allocate and free through another handle, drain, publish where the thread might do so otherwise, start a hotplug
    /// operation, or panic. After a panic the allocated page is freed again.
    ///
    /// A request that must not block does not make the call, nor does a request of a hotplug operation. The call is
    /// deferred: to the end of the operation, or to the next request that may block and needs a zone, if the zone is
    /// still below its low watermark.
    #[must_use]
    pub fn on_low(mut self, call: fn(ZoneId, usize)) -> Self {
        self.pool.on_low = Some(call);
        self
    }

    /// The published zonelists, for readers and for publishes.
    #[must_use]
    pub fn published(&self) -> &Published<S, P> {
        &self.published
    }

    /// The zones, in the order in which the caller passed them.
    #[must_use]
    pub fn zones(&self) -> &[Zone<'m, P::Lock>] {
        &self.pool.zones
    }

    /// The zone of that name, if the allocator has it.
    #[must_use]
    pub fn zone(&self, zone: ZoneId) -> Option<&Zone<'m, P::Lock>> {
        self.pool.zone(zone)
    }

    /// Adds free frames to a zone, unless another zone manages one of them: [`Zone::add`], by the zone's name.
    /// Concurrent calls wait for each other.
    ///
    /// # Errors
    /// The errors of [`Zone::add`]; or the allocator does not have the zone. Nothing has changed.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::{MAX_ORDER, RangeError},
    /// # };
    /// let ids = [ZoneKind::Normal, ZoneKind::Movable].map(|kind| ZoneId::new(NodeId::new(0).unwrap(), kind));
    /// let zones = ids.map(|id| Zone::boxed(id, 0..4096, MAX_ORDER, Spin::new()).unwrap());
    /// # let published = Published::new(StopWorld::new(Slots::boxed(Capacity::new(1, 2).unwrap())));
    /// let allocator = PageAllocator::boxed(published, zones.into())?;
    /// allocator.add(ids[0], 0..700)?;
    /// let added = allocator.add(ids[1], 512..4096);
    /// assert_eq!(added, Err(RangeError::Owned { pfn: 512, zone: ids[0] }));
    /// allocator.add(ids[1], 700..4096)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&self, zone: ZoneId, pfns: Range<u64>) -> Result<(), RangeError> {
        self.pool.zone(zone).ok_or(RangeError::NoZone { zone })?.add(pfns)
    }

    /// The zone of a page; `None` if the page is another allocator's.
    #[must_use]
    pub fn zone_of(&self, page: &Page) -> Option<&Zone<'m, P::Lock>> {
        self.pool.zone_of_page(page.word()).map(|(_, zone)| zone)
    }

    /// The page that begins at a frame, with the order and mobility of its request: for callers that keep only the
    /// frame. `None` if no zone manages all of its frames, or the zone can't have a page of that order there.
    ///
    /// The result is exact to the frame, also where zones share a pageblock. The call takes no lock if the frames are
    /// in the longest range of managed frames of their zone ([`Zone::manages`]); otherwise it takes the lock of each
    /// zone that spans them.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::MAX_ORDER,
    /// #     zonelist::{NodeSpan, ZonelistsRef},
    /// # };
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zone = Zone::boxed(normal, 0..4096, MAX_ORDER, Spin::new())?;
    /// # zone.add(0..4096)?;
    /// # let zonerefs = [Zoneref::new(normal)];
    /// # let lists = ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len: 1, own: 1 }])?;
    /// # let published = Published::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
    /// # published.publish(lists)?;
    /// # let allocator = PageAllocator::boxed(published, vec![zone])?;
    /// # let mut local = allocator.local()?;
    /// let request = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal).order(3))?;
    /// let page = local.alloc(normal.node(), &request)?;
    /// let pfn = page.pfn();
    /// let _ = page.into_raw(); // The caller keeps only the frame.
    /// // SAFETY: the block was allocated with order 3 above, and its page has ended without a free.
    /// let page = unsafe { allocator.page(pfn, 3, Mobility::Unmovable) }.unwrap();
    /// local.free(page)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Safety
    /// The block is allocated, with that order, and no other [`Page`] has one of its frames.
    /// [What that protects](Page#safety).
    pub unsafe fn page(&self, pfn: u64, order: u8, mobility: Mobility) -> Option<Page> {
        if order > MAX_ORDER || pfn % (1 << order) != 0 {
            return None;
        }
        // Spans may overlap, so several zones may be candidates.
        let spanning = || {
            let zones = self.pool.zones.iter().enumerate().filter(|(_, zone)| order <= zone.max_order());
            zones.filter_map(|(number, zone)| {
                let (first, last) = (zone.number(pfn)?, zone.number(pfn + (1 << order) - 1)?);
                Some((number, zone, first..last + 1))
            })
        };
        // Without a lock first: each zone publishes its longest managed range, which has nearly all frames of most
        // zones.
        let unlocked = spanning().find(|(_, zone, frames)| zone.watermark_counters().surely_manages(frames));
        let (number, ..) =
            unlocked.or_else(|| spanning().find(|(_, zone, frames)| zone.manages_all(frames.clone())))?;
        Some(Page::new(self.pool.page(pfn, number, Tag::new(order, mobility))))
    }

    /// Prepares a request for allocations. The result serves any number of allocations.
    ///
    /// It is for this allocator alone, since a scheme may number zones in its own way. Another allocator of the same
    /// type panics in debug builds; in other builds it may allocate from zones that the request does not admit
    /// ([`identity`](crate::identity)).
    ///
    /// # Errors
    /// The order is higher than that of any zone.
    pub fn prepare(&self, request: &PageRequest) -> Result<PreparedRequest<S>, OrderError> {
        PreparedRequest::new(|zones| self.published.filter(zones), request, self.identity.mark())
    }

    /// Panics, in debug builds, if another allocator has prepared the request.
    #[inline(always)]
    #[track_caller]
    pub(super) fn check(&self, request: &PreparedRequest<S>) {
        self.identity.check(request.mark, "a prepared request");
    }

    /// Adds handles, with a reader slot and per-CPU pages each, while others go on. Waits for publishes and drains: the
    /// caller holds no guard, and no reader of it is online.
    ///
    /// Slots that [`Published::add_slots`] has added before get the per-CPU pages first, since pages are of the first slots
    /// that have none; a plain reader may have such a slot.
    ///
    /// The memory is borrowed for good: a shared reference to the allocator may name a shorter lifetime than that of the
    /// allocator's own memory, and the pages are used for as long as the allocator lives.
    ///
    /// ```compile_fail,E0597
    /// # use zonelist_core::{PageAllocator, Scheme, page_alloc::PerCpuPages, publish::ReaderSlots};
    /// fn grow<S: Scheme>(allocator: &PageAllocator<'_, S>, slots: ReaderSlots) {
    ///     let mut caches = [const { PerCpuPages::new() }; 4];
    ///     allocator.add_handles(slots, &mut caches).unwrap();
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SetupError::Caches`]: there are not enough `caches`, one for each new slot and zone. Nothing has changed.
    pub fn add_handles(&self, slots: ReaderSlots, caches: &'static mut [PerCpuPages]) -> Result<(), SetupError> {
        let (count, needed) = (caches.len(), slots.len().saturating_mul(self.pool.zones.len()));
        let caches = caches.get_mut(..needed).ok_or(SetupError::Caches { caches: count, needed })?;
        // The memory may be another allocator's of before, with pages and counts of other zones.
        caches.iter_mut().for_each(|cache| *cache = PerCpuPages::new());
        self.add_chunks(slots, Chunk::given(caches));
        Ok(())
    }

    /// The same, with `handles` slots and their per-CPU pages on the heap.
    ///
    /// # Errors
    /// The heap has no room. Nothing has changed.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     publish::ReaderSlots,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::MAX_ORDER,
    /// # };
    /// # let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zone = Zone::boxed(id, 0..4096, MAX_ORDER, Spin::new())?;
    /// # let table = StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap()));
    /// let allocator = PageAllocator::boxed(Published::with_slots(table, ReaderSlots::boxed(1)), vec![zone])?;
    /// let first = allocator.local()?;
    /// assert!(allocator.local().is_err());
    /// allocator.add_boxed_handles(100)?;
    /// let second = allocator.local()?;
    /// # drop((first, second));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "alloc")]
    pub fn add_boxed_handles(&self, handles: usize) -> Result<(), SetupError> {
        let heap = || {
            SetupError::from(ZoneError::Heap { bytes: handles.saturating_mul(size_of::<crate::publish::ReaderSlot>()) })
        };
        let slots = ReaderSlots::try_boxed(handles).ok_or_else(heap)?;
        let caches = filled(handles.saturating_mul(self.pool.zones.len()), PerCpuPages::new)?;
        self.add_chunks(slots, Chunk::owned(caches));
        Ok(())
    }

    fn add_chunks(&self, slots: ReaderSlots, caches: Chunk<'static, PerCpuPages>) {
        // The per-CPU pages first: from the moment that a handle can claim a new slot, they are there.
        self.published.add_slots_after(slots, || self.pool.add_caches(caches));
    }

    /// Creates a handle for a thread or CPU, with its reader and its per-CPU pages. Of the free reader slots it has the
    /// first, so the handles of CPUs that are created in sequence have the per-CPU pages in the sequence of their memory.
    ///
    /// A handle does not outlive its allocator:
    ///
    /// ```compile_fail,E0505
    /// # use zonelist_core::{PageAllocator, Scheme};
    /// fn outlives<S: Scheme>(allocator: PageAllocator<'_, S>) {
    ///     let local = allocator.local().unwrap();
    ///     drop(allocator);
    ///     drop(local);
    /// }
    /// ```
    ///
    /// # Errors
    /// All reader slots are taken, or the barrier pair does not work on this system.
    pub fn local(&self) -> Result<LocalHandle<'_, 'm, S, P>, ReaderError> {
        let (mut reader, reader_slot) = self.published.reader_with_slot(self.pool.slots())?;
        let caches = self.pool.caches(reader_slot);
        let Some((zone, cache)) = self.pool.zones.first().zip(caches.first()) else {
            // Unreachable: `Pool::check` has found a zone, and the slot is one of those that have per-CPU pages.
            reader.release_own_slot();
            return Err(ReaderError::NoSlot { slots: self.pool.slots() });
        };
        Ok(LocalHandle::new(self, reader, caches, zone, cache))
    }
}

impl<S: fmt::Debug, P: Platform> fmt::Debug for PageAllocator<'_, S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { published, pool, .. } = self;
        f.debug_struct("PageAllocator").field("published", published).field("pool", pool).finish_non_exhaustive()
    }
}

/// A vector of `count` values on the heap, or an error if the heap has no room.
#[cfg(feature = "alloc")]
fn filled<T>(count: usize, make: impl FnMut() -> T) -> Result<Vec<T>, SetupError> {
    // Exact, and fallible: an allocator below the program's heap must not end the process.
    let mut values = Vec::new();
    let bytes = count.saturating_mul(size_of::<T>());
    values.try_reserve_exact(count).map_err(|_| ZoneError::Heap { bytes })?;
    values.extend(core::iter::repeat_with(make).take(count));
    Ok(values)
}
