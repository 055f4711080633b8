//! A CPU's or thread's handle, and its fast path.

use core::fmt;

#[cfg(feature = "checked")]
use super::slow::Blocking;
use super::{
    Class, Failure, OutOfMemory, Page, PageAllocator, PageCache,
    cache::{Hands, Spot},
    page::Tag,
};
use crate::{
    Against, FreeError, NodeId, RawLock, Zone, Zoneref,
    hint::cold_path,
    publish::{Barrier, HandleId, Reader, Scheme},
    sync::Backoff,
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
/// A signal handler or interrupt needs a handle of its own, and [`Local::try_alloc`] and [`Local::try_free`]. Debug
/// builds panic where a handle is used from within an operation of its own.
#[repr(C)] // What the fast path needs comes first, within reach of short instructions.
pub struct Local<'a, 'm, S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> {
    /// The zone that the last allocation began with.
    met: Met<'a>,
    /// Where the last page was freed to, which is where the next one goes for the most part.
    pub(super) freed: Spot<'a>,
    pub(super) reader: Reader<'a, S, B>,
    pub(super) allocator: &'a PageAllocator<'m, S, B, L, SEATS>,
    /// One for each zone.
    pub(super) caches: &'a [PageCache],
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
struct Met<'a> {
    entry: Option<Zoneref>,
    watch: &'a WatermarkCounters,
    cache: &'a PageCache,
}

impl<'a, 'm, S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> Local<'a, 'm, S, B, L, SEATS> {
    pub(super) fn new(
        allocator: &'a PageAllocator<'m, S, B, L, SEATS>,
        reader: Reader<'a, S, B>,
        caches: &'a [PageCache],
        zone: &'a Zone<'m, L>,
        cache: &'a PageCache,
    ) -> Self {
        let met = Met { entry: None, watch: zone.watermark_counters(), cache };
        let (freed, failure, attempt) = (cache.spot(Tag::NONE), Failure::none(), Failure::none());
        let local = Self { allocator, reader, caches, met, freed, failure, attempt, puts_off_low: false };
        with_hands(&local.reader, allocator.zones(), caches, |slot, zone, hands| {
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
    /// [`interrupt_safe`](crate::publish::Facts::interrupt_safe): in a signal handler use [`Local::try_alloc`].
    ///
    /// Debug builds panic where the class is another allocator's.
    ///
    /// # Errors
    /// No zone has such a block to spare: [`Local::failure`] says which zones were asked, and why
    /// each refused.
    #[inline(always)]
    pub fn alloc(&mut self, node: NodeId, class: &Class<S>) -> Result<Page, OutOfMemory> {
        self.allocator.check(class);
        let _in_use = self.reader.in_use();
        #[cfg(feature = "checked")]
        if class.blocking() == Blocking::Forbidden {
            return self.alloc_slowly(node, class, Blocking::Forbidden);
        }
        match self.alloc_at_hand(node, class) {
            Some(page) => self.handed_out(page),
            None => self.alloc_slowly(node, class, class.blocking()),
        }
    }

    /// Takes the block on top of the first zone's cache, if the zone is above its low mark.
    #[inline(always)]
    pub(super) fn alloc_at_hand(&mut self, node: NodeId, class: &Class<S>) -> Option<Page> {
        let seated = self.reader.try_enter_seated()?;
        let first = seated.guard.walk(node, &class.filter).next()?;
        if self.met.entry != Some(first) {
            cold_path();
            self.met = meet(self.allocator, self.caches, first)?;
        }
        if !self.met.watch.allows_beyond(class.further, class.highest, Against::Low) {
            return None;
        }
        // SAFETY: we are in our seat, and what is kept there is ours.
        unsafe { Hands::on(self.met.cache) }.pop(class.tag, class.start)
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
        if self.free_at_hand(page) {
            return Ok(());
        }
        self.free_waiting(page)
    }

    /// Puts a block on top of the cache that the last one went to, or of another of its zone.
    #[inline(always)]
    pub(super) fn free_at_hand(&mut self, page: Page) -> bool {
        let Some(_sitting) = self.reader.try_sit() else { return false };
        // SAFETY: we are in our seat, and what is kept there is ours.
        if unsafe { self.freed.push(page) } {
            return true;
        }
        cold_path();
        self.freed = self.freed.cache.spot(page.tag());
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
    pub fn alloc_many(
        &mut self,
        node: NodeId,
        class: &Class<S>,
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
    pub fn free_many(&mut self, pages: impl IntoIterator<Item = Page>) -> Result<(), NotFreed> {
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
        with_hands(&self.reader, self.allocator.zones(), self.caches, |_, zone, hands| {
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
fn with_hands<'m, S: Scheme, B: Barrier, L>(
    reader: &Reader<'_, S, B>,
    zones: &[Zone<'m, L>],
    caches: &[PageCache],
    mut act: impl FnMut(usize, &Zone<'m, L>, &mut Hands<'_>),
) {
    let mut backoff = Backoff::default();
    loop {
        if let Some(_sitting) = reader.sit() {
            for (slot, (zone, cache)) in zones.iter().zip(caches).enumerate() {
                // SAFETY: we are in our seat, and what is kept there is ours.
                act(slot, zone, &mut unsafe { Hands::on(cache) });
            }
            return;
        }
        backoff.wait();
    }
}

/// Looks a zone up.
#[inline]
fn meet<'a, S: Scheme, B: Barrier, L: RawLock, const SEATS: usize>(
    allocator: &'a PageAllocator<'_, S, B, L, SEATS>,
    caches: &'a [PageCache],
    entry: Zoneref,
) -> Option<Met<'a>> {
    let slot = allocator.pool.slot(entry.zone())?;
    let (watch, cache) = (allocator.pool.zones.get(slot)?.watermark_counters(), caches.get(slot)?);
    Some(Met { entry: Some(entry), watch, cache })
}

impl<S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> Drop for Local<'_, '_, S, B, L, SEATS> {
    fn drop(&mut self) {
        /// Gives the slot up, also out of a panic of a zone's lock: what is in the caches then, another drain takes.
        struct GivesUp<'l, 'a, S: Scheme, B: Barrier>(&'l mut Reader<'a, S, B>);
        impl<S: Scheme, B: Barrier> Drop for GivesUp<'_, '_, S, B> {
            fn drop(&mut self) {
                self.0.give_up_own();
            }
        }
        let Self { allocator, reader, caches, .. } = self;
        let gives_up = GivesUp(reader);
        with_hands(gives_up.0, allocator.zones(), caches, |_, zone, hands| {
            hands.empty_into(zone);
        });
    }
}

impl<S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> fmt::Debug for Local<'_, '_, S, B, L, SEATS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cached: usize = self.caches.iter().map(PageCache::pages).sum();
        f.debug_struct("Local").field("cached", &cached).finish_non_exhaustive()
    }
}
