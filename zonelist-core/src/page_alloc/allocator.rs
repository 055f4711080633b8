//! The allocator: zones, and the zonelists by which they are found.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::ops::Range;

use super::{
    LocalHandle, OrderError, Page, PageRequest, PerCpuPages, PreparedRequest, SetupError,
    page::Tag,
    zone_pool::{Pool, Store},
};
#[cfg(feature = "alloc")]
use crate::ZoneError;
use crate::{
    MAX_ORDER, Mobility, RangeError, RawLock, Spin, Zone, ZoneId,
    identity::Identity,
    publish::{Barrier, FullFence, Published, ReaderError, Scheme},
};

/// A page allocator over some zones, which are found by the zonelists that a scheme publishes.
///
/// `READERS` is how many handles there may be at a time, readers of the lists included.
#[derive(Debug)]
pub struct PageAllocator<'m, S, B = FullFence, L = Spin, const READERS: usize = 64> {
    published: Published<S, B, READERS>,
    pub(super) pool: Pool<'m, L>,
    identity: Identity,
}

impl<'m, S: Scheme, B: Barrier, L: RawLock, const READERS: usize> PageAllocator<'m, S, B, L, READERS> {
    /// An allocator over these zones, in memory that the caller gives: an `index` with an entry for
    /// each [`ZoneId::index`] up to the highest, and a cache for each seat and zone.
    ///
    /// When it is dropped, pages that leaked handles have left in their caches go back to the zones. The zones stay
    /// borrowed, and together: none of them ever takes a frame that another of them manages.
    ///
    /// ```compile_fail,E0505
    /// # use zonelist_core::{*, publish::{FullFence, Published}};
    /// let (mut words, mut index, mut caches) = ([0; 1000], [0; 8], [const { PerCpuPages::new() }; 4]);
    /// let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// let zones = [Zone::new(id, 0..4096, MAX_ORDER, &mut words, Spin::new())?];
    /// # let published = Published::<_, FullFence, 4>::new(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())));
    /// let allocator = PageAllocator::new(published, &zones, &mut index, &mut caches)?;
    /// drop(allocator);
    /// drop(zones);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// There is no zone, one comes twice, two of them manage one frame, one is in an allocator of others, or there is too
    /// little memory.
    pub fn new(
        published: Published<S, B, READERS>,
        zones: &'m [Zone<'m, L>],
        index: &'m mut [u16],
        caches: &'m mut [PerCpuPages],
    ) -> Result<Self, SetupError> {
        Pool::check(zones, index, caches.len(), READERS)?;
        // Theirs alone, and without what another allocator may have left there.
        caches.iter_mut().for_each(|cache| *cache = PerCpuPages::new());
        let pool = Pool::new(Store::Given(zones), Store::Given(index), Store::Given(caches));
        Ok(Self { published, pool, identity: Identity::new() })
    }

    /// The same, with everything on the heap.
    ///
    /// # Errors
    /// There is no zone, one comes twice, two of them manage one frame, or the heap has no room.
    #[cfg(feature = "alloc")]
    pub fn boxed(published: Published<S, B, READERS>, zones: Vec<Zone<'m, L>>) -> Result<Self, SetupError> {
        let entries = zones.iter().map(|zone| zone.id().index() + 1).max().unwrap_or(0);
        let mut index = filled(entries, || 0)?;
        let caches = filled(READERS.saturating_mul(zones.len()), PerCpuPages::new)?;
        Pool::check(&zones, &mut index, caches.len(), READERS)?;
        let pool = Pool::new(Store::Owned(zones), Store::Owned(index), Store::Owned(caches));
        Ok(Self { published, pool, identity: Identity::new() })
    }

    /// The same, with something to call when a zone's free pages fall below its low mark: with the
    /// zone and the pages that it then has.
    ///
    /// Called by the handle that took them, in its thread and outside its seat, with nothing held but that handle. So
    /// it may do anything but use the handle, which debug builds catch: allocate and free by another one, drain, publish
    /// where the thread might else, do an operation on the machine, panic. What a panic was called for is undone: the
    /// page goes back.
    ///
    /// A request that must not block does not call it, nor does one that an operation on the machine makes for
    /// itself. The call comes then behind the operation, or with the next request that may block and has to
    /// ask a zone, if the zone is still below its mark.
    #[must_use]
    pub fn on_low(mut self, call: fn(ZoneId, usize)) -> Self {
        self.pool.on_low = Some(call);
        self
    }

    /// The zonelists, to publish others.
    #[must_use]
    pub fn published(&self) -> &Published<S, B, READERS> {
        &self.published
    }

    /// The zones, as they were given.
    #[must_use]
    pub fn zones(&self) -> &[Zone<'m, L>] {
        &self.pool.zones
    }

    /// The zone of that name, if it was given.
    #[must_use]
    pub fn zone(&self, zone: ZoneId) -> Option<&Zone<'m, L>> {
        self.pool.zone(zone)
    }

    /// Takes frames into a zone, free, unless another zone has one of them: [`Zone::add`], by the zone's name. One call
    /// waits for another.
    ///
    /// # Errors
    /// See [`Zone::add`]; or there is no such zone. Nothing has changed.
    ///
    /// ```
    /// # use zonelist_core::{*, publish::{FullFence, Published}};
    /// let ids = [ZoneKind::Normal, ZoneKind::Movable].map(|kind| ZoneId::new(NodeId::new(0).unwrap(), kind));
    /// let zones = ids.map(|id| Zone::boxed(id, 0..4096, MAX_ORDER, Spin::new()).unwrap());
    /// # let published = Published::<_, FullFence, 4>::new(StopWorld::new(Slots::boxed(Capacity::new(1, 2).unwrap())));
    /// let allocator = PageAllocator::boxed(published, zones.into())?;
    /// allocator.add(ids[0], 0..700)?;
    /// let taken = allocator.add(ids[1], 512..4096);
    /// assert_eq!(taken, Err(RangeError::Owned { pfn: 512, zone: ids[0] }));
    /// allocator.add(ids[1], 700..4096)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&self, zone: ZoneId, pfns: Range<u64>) -> Result<(), RangeError> {
        self.pool.zone(zone).ok_or(RangeError::NoZone { zone })?.add(pfns)
    }

    /// The zone of a page, unless the page is another allocator's.
    #[must_use]
    pub fn zone_of(&self, page: Page) -> Option<&Zone<'m, L>> {
        self.pool.slot_of(page).map(|(_, zone)| zone)
    }

    /// The page that begins at a frame, for whoever kept only that: with the order and mobility that
    /// it was asked for. `None` if no zone manages all of its frames, or can have a page of that order there.
    ///
    /// Exact to the frame, also where several zones share a pageblock. Takes no lock where the frames are of the longest
    /// run of managed ones that their zone has ([`Zone::manages`]); elsewhere, that of each zone which spans them. That the
    /// page is handed out is for the caller to know.
    #[must_use]
    pub fn page(&self, pfn: u64, order: u8, mobility: Mobility) -> Option<Page> {
        if order > MAX_ORDER || pfn % (1 << order) != 0 {
            return None;
        }
        let spanning = || {
            let zones = self.pool.zones.iter().enumerate().filter(|(_, zone)| order <= zone.max_order());
            zones.filter_map(|(slot, zone)| {
                let (first, last) = (zone.number(pfn)?, zone.number(pfn + (1 << order) - 1)?);
                Some((slot, zone, first..last + 1))
            })
        };
        let at_once = spanning().find(|(_, zone, frames)| zone.watermark_counters().surely_manages(frames));
        let (slot, ..) = at_once.or_else(|| spanning().find(|(_, zone, frames)| zone.manages_all(frames.clone())))?;
        Some(self.pool.page(pfn, slot, Tag::new(order, mobility)))
    }

    /// A request in the form that allocations take. Make it once for a class of requests.
    ///
    /// It is for this allocator, since a scheme may number zones by itself: another one of the same type panics in debug
    /// builds, and else may serve from zones that the request does not admit ([`identity`](crate::identity)).
    ///
    /// # Errors
    /// The order is higher than any zone's.
    pub fn prepare(&self, request: &PageRequest) -> Result<PreparedRequest<S>, OrderError> {
        PreparedRequest::new(|zones| self.published.filter(zones), request, self.identity.mark())
    }

    /// Panics, in debug builds, if another allocator has made the class.
    #[inline(always)]
    #[track_caller]
    pub(super) fn check(&self, class: &PreparedRequest<S>) {
        self.identity.check(class.mark, "a class");
    }

    /// A handle for a thread or CPU, which holds its reader and its caches.
    ///
    /// # Errors
    /// All seats are taken, or the barrier pair does not work on this system.
    pub fn local(&self) -> Result<LocalHandle<'_, 'm, S, B, L, READERS>, ReaderError> {
        let (mut reader, reader_slot) = self.published.reader_with_slot()?;
        let caches = self.pool.caches(reader_slot);
        let Some((zone, cache)) = self.pool.zones.first().zip(caches.first()) else {
            // Not so: there is a zone, and a cache of it for each seat.
            reader.release_own_slot();
            return Err(ReaderError::NoSlot { slots: 0 });
        };
        Ok(LocalHandle::new(self, reader, caches, zone, cache))
    }
}

/// So many of something on the heap.
#[cfg(feature = "alloc")]
fn filled<T>(count: usize, make: impl FnMut() -> T) -> Result<Vec<T>, SetupError> {
    let mut things = Vec::new();
    let bytes = count.saturating_mul(size_of::<T>());
    things.try_reserve_exact(count).map_err(|_| ZoneError::Heap { bytes })?;
    things.extend(core::iter::repeat_with(make).take(count));
    Ok(things)
}
