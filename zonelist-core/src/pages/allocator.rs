//! The allocator: zones, and the zonelists by which they are found.

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec, vec::Vec};

use super::{
    Class, Local, OrderError, Page, PageCache, PageRequest, SetupError,
    page::Tag,
    pool::{Pool, Store},
};
use crate::{
    Mobility, RawLock, Spin, Zone, ZoneId,
    publish::{Barrier, FullFence, Published, ReaderError, Scheme},
};

/// A page allocator over some zones, which are found by the zonelists that a scheme publishes.
///
/// `SEATS` is how many handles there may be at a time, readers of the lists included.
#[derive(Debug)]
pub struct PageAllocator<'m, S, B = FullFence, L = Spin, const SEATS: usize = 64> {
    published: Published<S, B, SEATS>,
    pub(super) pool: Pool<'m, L>,
}

impl<'m, S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> PageAllocator<'m, S, B, L, SEATS> {
    /// An allocator over these zones, in memory that the caller gives: an `index` with an entry for
    /// each [`ZoneId::index`] up to the highest, and a cache for each seat and zone.
    ///
    /// # Errors
    /// There is no zone, one comes twice, or there is too little memory.
    pub fn new(
        published: Published<S, B, SEATS>,
        zones: &'m [Zone<'m, L>],
        index: &'m mut [u16],
        caches: &'m mut [PageCache],
    ) -> Result<Self, SetupError> {
        Pool::check(zones, index, caches.len(), SEATS)?;
        // Theirs alone, and without what another allocator may have left there.
        caches.iter_mut().for_each(|cache| *cache = PageCache::new());
        let pool = Pool::new(Store::Given(zones), Store::Given(index), Store::Given(caches));
        Ok(Self { published, pool })
    }

    /// The same, with everything on the heap.
    ///
    /// # Errors
    /// There is no zone, or one comes twice.
    #[cfg(feature = "alloc")]
    pub fn boxed(published: Published<S, B, SEATS>, zones: Vec<Zone<'m, L>>) -> Result<Self, SetupError> {
        let mut index = vec![0; zones.iter().map(|zone| zone.id().index() + 1).max().unwrap_or(0)];
        let caches: Box<[PageCache]> = (0..SEATS * zones.len()).map(|_| PageCache::new()).collect();
        Pool::check(&zones, &mut index, caches.len(), SEATS)?;
        let (zones, index) = (Store::Owned(zones.into_boxed_slice()), Store::Owned(index.into_boxed_slice()));
        Ok(Self { published, pool: Pool::new(zones, index, Store::Owned(caches)) })
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
    pub fn published(&self) -> &Published<S, B, SEATS> {
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
        self.pool.slot(zone).map(|slot| &self.pool.zones[slot])
    }

    /// The zone of a page, unless the page is another allocator's.
    #[must_use]
    pub fn zone_of(&self, page: Page) -> Option<&Zone<'m, L>> {
        self.pool.zones.get(page.slot())
    }

    /// The page that begins at a frame, for whoever kept only that: with the order and mobility that
    /// it was asked for. `None` if no zone spans the frame, or there is no such order.
    ///
    /// Takes no lock where only one zone spans the frame. Where several do, that of each is taken to see which of
    /// them has it.
    #[must_use]
    pub fn page(&self, pfn: u64, order: u8, mobility: Mobility) -> Option<Page> {
        let zones = self.pool.zones.iter().enumerate();
        let mut spanning = zones.filter(|(_, zone)| zone.number(pfn).is_some());
        let (first, zone) = spanning.next()?;
        let has = |zone: &Zone<'m, L>| zone.pageblock(pfn).is_some_and(|block| block.managed > 0);
        let slot = match spanning.next() {
            Some(second) if !has(zone) => {
                [second].into_iter().chain(spanning).find(|(_, zone)| has(zone)).map_or(first, |(slot, _)| slot)
            }
            _ => first,
        };
        (order <= crate::MAX_ORDER).then(|| Page::of(pfn, slot, Tag::new(order, mobility)))
    }

    /// A request in the form that allocations take. Make it once for a class of requests.
    ///
    /// # Errors
    /// The order is higher than any zone's.
    pub fn class(&self, request: &PageRequest) -> Result<Class<S>, OrderError> {
        Class::new(|zones| self.published.filter(zones), request)
    }

    /// A handle for a thread or CPU, which holds its reader and its caches.
    ///
    /// # Errors
    /// All seats are taken, or the barrier pair does not work on this system.
    pub fn local(&self) -> Result<Local<'_, 'm, S, B, L, SEATS>, ReaderError> {
        let (reader, seat) = self.published.reader_with_drawer()?;
        Ok(Local::new(self, reader, seat))
    }
}
