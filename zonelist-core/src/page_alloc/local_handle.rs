//! A CPU's or thread's handle, and its fast path.

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

/// The handle of one CPU or thread: its reader of the zonelists, and the pages it keeps at hand.
///
/// An allocation of a single page from the first zone of the list, with a page at hand, is: a flag
/// that says we are inside, one slot of the list, the zone's free pages against its mark, a pop, the
/// flag again. To free is a flag, a push, a flag. No atomic read-modify-write is among them.
///
/// Dropped, it gives its pages back to their zones; for that it waits for a drain that has its caches, and for the
/// zones' locks. Leaked, it keeps its seat, but not its pages: they are in the allocator, and
/// [`PageAllocator::drain`] takes them.
///
/// A signal handler or interrupt needs a handle of its own, and [`LocalHandle::try_alloc`] and [`LocalHandle::try_free`]. Debug
/// builds panic where a handle is used from within an operation of its own.
#[repr(C)] // What the fast path needs comes first, within reach of short instructions.
pub struct LocalHandle<'a, 'm, S: Scheme, B: Barrier, L: RawLock, const READERS: usize> {
    /// The zone that the last allocation began with.
    met: LastZone<'a>,
    /// Where the last page was freed to, which is where the next one goes for the most part.
    pub(super) freed: StackRef<'a>,
    pub(super) reader: Reader<'a, S, B>,
    pub(super) allocator: &'a PageAllocator<'m, S, B, L, READERS>,
    /// One for each zone.
    pub(super) caches: &'a [PerCpuPages],
    /// Of the last request that was refused.
    pub(super) failure: Failure,
    /// Of the last walk, which may have been served.
    pub(super) attempt: Failure,
    /// Whether calls for zones that fell below their low marks are put off: an operation on the machine allocates.
    pub(super) puts_off_low: bool,
}

/// A page that was not freed among many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{page:?}: {error}")]
pub struct NotFreed {
    /// The page.
    pub page: Page,
    /// Why not.
    pub error: FreeError,
}

/// A zone that was looked up, so that it need not be again.
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
        let met = LastZone { entry: None, watch: zone.watermark_counters(), cache };
        let (freed, failure, attempt) = (cache.stack_ref(Tag::NONE), Failure::none(), Failure::none());
        let local = Self { allocator, reader, caches, met, freed, failure, attempt, puts_off_low: false };
        with_cache_access(&local.reader, allocator.zones(), caches, |slot, zone, hands| {
            hands.settle_in(|tag| allocator.pool.page(zone.span().start, slot, tag), zone.spanned());
        });
        local
    }

    /// For an operation on the machine: calls for zones that fall below their low marks come behind it.
    #[cfg(feature = "alloc")]
    pub(crate) fn putting_off_low(mut self) -> Self {
        self.puts_off_low = true;
        self
    }

    /// Which handle it is, for [`PageAllocator::after_fork`].
    #[must_use]
    pub fn id(&self) -> HandleId {
        self.reader.slot_id()
    }

    /// Takes a block: from the first zone of the node's list that has one above its low mark, or
    /// else above its min mark as the urgency reduces it.
    ///
    /// Where both are in vain and the request may block, all handles' caches are drained, and the
    /// second walk is made once more. A walk that a publish has torn is made again until one is not.
    ///
    /// With a page at hand it waits for nobody, unless a publish has the readers stopped. Else it waits for the zone's
    /// lock; refused, also for operations of other handles that have begun. Never for a plain reader's guard.
    ///
    /// A request of [`Urgency::NON_BLOCKING`](crate::Urgency::NON_BLOCKING) drains nothing, and where it would
    /// have to wait, for a lock or a publish, it tries up to 64 times and then passes the zone over, or gives up:
    /// [`Failure::would_block`]. Only the walk itself may wait where the scheme is not
    /// [`interrupt_safe`](crate::publish::Facts::interrupt_safe): in a signal handler use [`LocalHandle::try_alloc`].
    ///
    /// Debug builds panic where the class is another allocator's.
    ///
    /// # Errors
    /// No zone has such a block to spare: [`LocalHandle::failure`] says which zones were asked, and why
    /// each refused.
    #[inline(always)]
    pub fn alloc(&mut self, node: NodeId, class: &PreparedRequest<S>) -> Result<Page, OutOfMemory> {
        self.allocator.check(class);
        let _in_use = self.reader.in_use();
        #[cfg(feature = "checked")]
        if class.blocking() == Blocking::Forbidden {
            return self.alloc_slowly(node, class, Blocking::Forbidden);
        }
        match self.alloc_from_cache(node, class) {
            Some(page) => self.handed_out(page),
            None => self.alloc_slowly(node, class, class.blocking()),
        }
    }

    /// Takes the block on top of the first zone's cache, if the zone is above its low mark.
    #[inline(always)]
    pub(super) fn alloc_from_cache(&mut self, node: NodeId, class: &PreparedRequest<S>) -> Option<Page> {
        let seated = self.reader.try_enter_slot()?;
        let first = seated.guard.walk(node, &class.filter).next()?;
        if self.met.entry != Some(first) {
            cold_path();
            self.met = predict_zone(self.allocator, self.caches, first)?;
        }
        if !self.met.watch.allows_beyond(class.further, class.highest, WatermarkLevel::Low) {
            return None;
        }
        // SAFETY: we are in our seat, and what is kept there is ours.
        unsafe { CacheAccess::on(self.met.cache) }.pop(class.tag, class.start)
    }

    /// Gives a block back.
    ///
    /// Into this handle's cache, or where that is full or taken away into the zone, for whose lock it waits: for no
    /// publish, no guard and no drain. So a page may be freed within a guard.
    ///
    /// # Errors
    /// The page is another allocator's ([`Page`]), of no zone, or of frames or an order that its zone cannot have;
    /// nothing has changed.
    ///
    /// That the page is handed out is the caller's promise. What is freed into a cache is only looked at later: a page
    /// that is freed twice, with another order than it was handed out with, or made up from a word
    /// ([`Page::from_word`]) may be handed out to two before the zone finds it and counts it as a
    /// [`stray`](super::ZoneStats::strays). With the feature `checked` each of these is an error here.
    #[inline(always)]
    pub fn free(&mut self, page: Page) -> Result<(), FreeError> {
        let _in_use = self.reader.in_use();
        #[cfg(feature = "checked")]
        self.handed_in(page)?;
        if self.free_to_cache(page) {
            return Ok(());
        }
        self.free_waiting(page)
    }

    /// Puts a block on top of the cache that the last one went to, or of another of its zone.
    #[inline(always)]
    pub(super) fn free_to_cache(&mut self, page: Page) -> bool {
        let Some(_critical_section) = self.reader.try_enter_caches() else { return false };
        // SAFETY: we are in our seat, and what is kept there is ours.
        if unsafe { self.freed.push(page) } {
            return true;
        }
        cold_path();
        self.freed = self.freed.cache.stack_ref(page.tag());
        // SAFETY: we are still in our seat, and what is kept there is ours.
        unsafe { self.freed.push(page) }
    }

    /// Notes that a block comes from its user.
    #[cfg(feature = "checked")]
    pub(super) fn handed_in(&self, page: Page) -> Result<(), FreeError> {
        let zone = self.allocator.zone_of(page).ok_or(FreeError::NoSuchZone)?;
        zone.note_freed(zone.number(page.pfn()).ok_or(FreeError::NoSuchFrame)?, page.order())
    }

    /// Takes blocks until all of `pages` are filled or there are no more. Returns how many there were.
    ///
    /// # Errors
    /// There was not one.
    pub fn alloc_bulk(
        &mut self,
        node: NodeId,
        class: &PreparedRequest<S>,
        pages: &mut [Option<Page>],
    ) -> Result<usize, OutOfMemory> {
        for (taken, room) in pages.iter_mut().enumerate() {
            match self.alloc(node, class) {
                Ok(page) => *room = Some(page),
                Err(error) => return if taken == 0 { Err(error) } else { Ok(taken) },
            }
        }
        Ok(pages.len())
    }

    /// Gives blocks back.
    ///
    /// # Errors
    /// The first that cannot have been handed out. Such blocks are left alone, the others are free.
    pub fn free_bulk(&mut self, pages: impl IntoIterator<Item = Page>) -> Result<(), NotFreed> {
        let mut outcome = Ok(());
        for page in pages {
            outcome = outcome.and(self.free(page).map_err(|error| NotFreed { page, error }));
        }
        outcome
    }

    /// Gives the pages that this handle keeps at hand back to their zones. Waits for a drain that has its caches, and for
    /// the zones' locks.
    pub fn drain(&mut self) {
        let _in_use = self.reader.in_use();
        with_cache_access(&self.reader, self.allocator.zones(), self.caches, |_, zone, hands| {
            hands.empty_into(zone);
        });
    }

    /// Why the last request that was refused was: for each zone of the allocator, as its last walk met it.
    ///
    /// It stays until another request is refused; requests that are served neither change it nor pay for it. A refused
    /// one goes through the allocator's zones once more for it, without a lock.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.failure
    }
}

/// Does something to each zone's cache of a handle, as soon as nobody has borrowed them.
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
                // SAFETY: we are in our seat, and what is kept there is ours.
                act(slot, zone, &mut unsafe { CacheAccess::on(cache) });
            }
            return;
        }
        backoff.wait();
    }
}

/// Looks a zone up.
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
        /// Gives the slot up, also out of a panic of a zone's lock: what is in the caches then, another drain takes.
        struct GivesUp<'l, 'a, S: Scheme, B: Barrier>(&'l mut Reader<'a, S, B>);
        impl<S: Scheme, B: Barrier> Drop for GivesUp<'_, '_, S, B> {
            fn drop(&mut self) {
                self.0.release_own_slot();
            }
        }
        let Self { allocator, reader, caches, .. } = self;
        let gives_up = GivesUp(reader);
        with_cache_access(gives_up.0, allocator.zones(), caches, |_, zone, hands| {
            hands.empty_into(zone);
        });
    }
}

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> fmt::Debug for LocalHandle<'_, '_, S, B, L, READERS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cached: usize = self.caches.iter().map(PerCpuPages::pages).sum();
        f.debug_struct("Local").field("cached", &cached).finish_non_exhaustive()
    }
}
