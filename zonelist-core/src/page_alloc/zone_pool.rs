//! The state that all handles share: the zones, their numbers, and the per-CPU pages of each reader slot.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::{
    fmt,
    marker::PhantomData,
    mem::transmute,
    ops::Deref,
    ptr,
    // Not the atomics of the models: it orders nothing, and a static outlives an interleaving.
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::{
    page::{PageWord, Tag, ZONE_NUMBERS},
    per_cpu_pages::{CacheAccess, PerCpuPages},
};
use crate::{
    Zone, ZoneId,
    chunks::{Chunk, Chunks},
    locking::RawLock,
    sync::unmodelled::AtomicBool,
    zone::{PAGEBLOCK_FRAMES, UnknownOwner, ZoneError},
};

/// Values that are never moved: in memory of the caller, or on the heap.
#[derive(Debug)]
pub(super) enum Store<'m, T> {
    Given(&'m [T]),
    #[cfg(feature = "alloc")]
    /// Not a boxed slice: to shrink the vector to its length could allocate.
    Owned(Vec<T>),
}

impl<T> Deref for Store<'_, T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        match self {
            Self::Given(values) => values,
            #[cfg(feature = "alloc")]
            Self::Owned(values) => values,
        }
    }
}

/// The zones of an allocator, covariant in their lifetime, which a zone by itself is not. So an allocator can be
/// borrowed for as long as its zones, although its drop uses them.
pub(super) struct Zones<'m, L> {
    /// The lifetime of the zones is in `lifetime` alone.
    zones: Store<'m, Zone<'static, L>>,
    lifetime: PhantomData<&'m ()>,
}

impl<'m, L> Zones<'m, L> {
    /// Wraps zones that are never moved.
    pub(super) fn new(zones: Store<'m, Zone<'m, L>>) -> Self {
        // SAFETY: the types differ in a lifetime alone, and `deref` shows the zones for `'m` or less only.
        let zones = unsafe { transmute::<Store<'m, Zone<'m, L>>, Store<'m, Zone<'static, L>>>(zones) };
        Self { zones, lifetime: PhantomData }
    }
}

impl<'m, L> Deref for Zones<'m, L> {
    type Target = [Zone<'m, L>];

    #[inline(always)]
    fn deref(&self) -> &[Zone<'m, L>] {
        // SAFETY: the types differ in a lifetime alone, and the zones are of `'m` or longer. A shorter one is sound: a
        // zone takes memory of a caller only when it is created, and what it returns is then of `'m`.
        unsafe { transmute::<&[Zone<'static, L>], &[Zone<'m, L>]>(&self.zones) }
    }
}

/// Why an allocator can't be created from zones and memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// There is no zone.
    #[error("no zone; expected at least one")]
    NoZone,
    /// Two of the zones have one name.
    #[error("zone {zone} comes twice; expected each zone once")]
    DuplicateZone {
        /// The name.
        zone: ZoneId,
    },
    /// Two of the zones manage one frame.
    #[error("zones {} and {} both manage frame {pfn}; expected each frame in one zone", .zones.0, .zones.1)]
    Overlap {
        /// The zones.
        zones: (ZoneId, ZoneId),
        /// The first such frame.
        pfn: u64,
    },
    /// The zone of some frames of a machine is unknown.
    #[error(transparent)]
    Owner(#[from] UnknownOwner),
    /// Memory blocks are smaller than a pageblock, the unit in which an allocator adds and removes frames.
    #[error("memory blocks of {pages} pages; expected none, or blocks of whole pageblocks of {PAGEBLOCK_FRAMES}")]
    BlockPages {
        /// The number of pages of a memory block.
        pages: u64,
    },
    /// A zone is in an allocator of other zones, so that two zones could manage one frame.
    #[error("zone {zone} is in an allocator of other zones; expected zones of none, or just those of one")]
    OtherAllocator {
        /// The zone.
        zone: ZoneId,
    },
    /// The index of a zone is not below the number of entries.
    #[error("{entries} entries to find zones by; expected at least {needed}")]
    Index {
        /// The number of entries.
        entries: usize,
        /// The number of entries that are needed: one more than the highest [`ZoneId::index`].
        needed: usize,
    },
    /// A zone can't be created.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// There are fewer per-CPU pages than reader slots times zones.
    #[error("{caches} per-CPU pages; expected at least {needed}, one for each reader slot and zone")]
    Caches {
        /// The number of [`PerCpuPages`].
        caches: usize,
        /// The number that is needed.
        needed: usize,
    },
}

/// The entry of an index without a zone.
const NONE: u16 = u16::MAX;

/// The zones of an allocator and their shared state.
pub(super) struct Pool<'m, L> {
    pub(super) zones: Zones<'m, L>,
    /// The number of a zone in `zones`, by the zone's index.
    numbers: Store<'m, u16>,
    /// The per-CPU pages: for each reader slot, those of each zone.
    caches: Chunks<'m, PerCpuPages>,
    /// The number of the first zone, as pages carry it. Other allocators have other numbers, which tells their pages
    /// apart.
    first: usize,
    /// The function that [`PageAllocator::on_low`](super::PageAllocator::on_low) set.
    pub(super) on_low: Option<fn(ZoneId, usize)>,
    /// True if a report of some zone is deferred.
    pub(super) low_unreported: AtomicBool,
    /// Called by the drop, with a pointer to the pool: returns the per-CPU pages of leaked handles to zones that
    /// outlive it. Not with a reference, which would make the pool invariant in its lifetime.
    on_drop: unsafe fn(*const ()),
}

/// Allocates numbers for the zones of an allocator, as pages carry them; returns the first. It is a multiple of a power
/// of two above the number of zones, so that the low bits are a zone's place among the zones.
fn allocate_zone_numbers(zones: usize) -> usize {
    /// The end of the numbers of the allocator that was created last.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let count = (zones + 1).next_power_of_two();
    // The numbers are reused after `ZONE_NUMBERS` of them, and a range never wraps around.
    let start = |next: usize| next.checked_next_multiple_of(count).unwrap_or(0);
    let before = NEXT.fetch_update(Relaxed, Relaxed, |next| Some(start(next).wrapping_add(count)));
    start(before.unwrap_or_else(|next| next)) % ZONE_NUMBERS
}

impl<'m, L: RawLock> Pool<'m, L> {
    /// Returns the number of per-CPU pages that are needed. Fills the index and checks the parts: an entry for each zone, per-CPU pages for each zone and reader slot, and
    /// no frame in two zones.
    pub(super) fn check(
        zones: &[Zone<'m, L>],
        numbers: &mut [u16],
        caches: usize,
        readers: usize,
    ) -> Result<usize, SetupError> {
        if zones.is_empty() {
            return Err(SetupError::NoZone);
        }
        numbers.fill(NONE);
        for (number, zone) in zones.iter().enumerate() {
            let (zone, entries) = (zone.id(), numbers.len());
            let needed = zone.index() + 1;
            let entry = numbers.get_mut(zone.index()).ok_or(SetupError::Index { entries, needed })?;
            if *entry != NONE {
                return Err(SetupError::DuplicateZone { zone });
            }
            // No truncation: zones have different names, and there are fewer names than `u16` has values.
            *entry = number as u16;
        }
        let needed = readers.saturating_mul(zones.len());
        if caches < needed {
            return Err(SetupError::Caches { caches, needed });
        }
        no_overlap(zones)?;
        // SAFETY: the zones of a set must not move, and must be dropped together. Zones of the caller are borrowed for
        // their own lifetime parameter, which covers every later use, so they are not moved again. Zones on the heap
        // are never moved from there, and are dropped with the allocator, or with this call's error, all together.
        unsafe { Zone::join_zone_set(zones) }.map_err(|zone| SetupError::OtherAllocator { zone })?;
        // From here on, no zone adds a frame of another; one may have done so between the check above and the join.
        no_overlap(zones)?;
        Ok(needed)
    }

    /// Creates a pool from parts that [`Pool::check`] has checked.
    pub(super) fn new(zones: Store<'m, Zone<'m, L>>, numbers: Store<'m, u16>, caches: Chunk<'m, PerCpuPages>) -> Self {
        let on_drop: unsafe fn(*const ()) = match zones {
            // Zones of the caller outlive the pool, and other users may see their free pages.
            Store::Given(_) => Self::empty_caches,
            #[cfg(feature = "alloc")]
            Store::Owned(_) => |_| {},
        };
        let (first, zones, caches) = (allocate_zone_numbers(zones.len()), Zones::new(zones), Chunks::new(caches));
        Self { zones, numbers, caches, first, on_low: None, low_unreported: AtomicBool::new(false), on_drop }
    }

    /// The number of a zone, which is below the number of zones; `None` if the allocator does not have it.
    #[inline(always)]
    pub(super) fn zone_number(&self, zone: ZoneId) -> Option<usize> {
        match self.numbers.get(zone.index()) {
            Some(&number) if number != NONE => Some(usize::from(number)),
            _ => None,
        }
    }

    /// The zone of that name, if the allocator has it.
    pub(super) fn zone(&self, zone: ZoneId) -> Option<&Zone<'m, L>> {
        self.zones.get(self.zone_number(zone)?)
    }

    /// The zone of a page, with its number; `None` for a page of another allocator.
    pub(super) fn zone_of_page(&self, page: PageWord) -> Option<(usize, &Zone<'m, L>)> {
        let number = self.number_of_page(page);
        self.zones.get(number).map(|zone| (number, zone))
    }

    /// The number of a page's zone; of a page of another allocator, one that no zone has.
    #[inline(always)]
    pub(super) fn number_of_page(&self, page: PageWord) -> usize {
        // `first` has none of the low bits, so a zone number of another allocator becomes one that is out of range.
        page.zone_number() ^ self.first
    }

    /// The word of the page that begins at a frame of the zone with that number.
    pub(super) fn page(&self, pfn: u64, number: usize, tag: Tag) -> PageWord {
        PageWord::of(pfn, self.first | number, tag)
    }

    /// The per-CPU pages of a reader slot, one for each zone.
    pub(super) fn caches(&self, reader: usize) -> &[PerCpuPages] {
        let zones = self.zones.len();
        self.caches.range(reader.saturating_mul(zones), zones)
    }

    /// Adds per-CPU pages for new reader slots. The caller holds the drain lock, and the writer lock, so that the chunks of
    /// slots and of per-CPU pages come in the same sequence.
    pub(super) fn add_caches(&self, caches: Chunk<'static, PerCpuPages>) {
        self.caches.append(caches);
    }

    /// The number of reader slots that have per-CPU pages.
    pub(super) fn slots(&self) -> usize {
        self.caches.len() / self.zones.len().max(1)
    }

    /// The per-CPU pages of one zone, of all reader slots.
    pub(super) fn caches_of(&self, number: usize) -> impl Iterator<Item = &PerCpuPages> {
        self.caches.chunks().flat_map(move |caches| caches.iter().skip(number).step_by(self.zones.len().max(1)))
    }

    /// Returns the per-CPU pages that leaked handles have left to the zones, which outlive the allocator.
    ///
    /// # Safety
    /// The pointer is to a pool of this type, but for its lifetime, and the pool has no other user.
    unsafe fn empty_caches(pool: *const ()) {
        // SAFETY: the caller guarantees a valid pool without another user; types that differ in a lifetime have one
        // layout.
        let pool = unsafe { &*pool.cast::<Self>() };
        for (number, zone) in pool.zones.iter().enumerate() {
            for cache in pool.caches_of(number) {
                // SAFETY: `drop` alone calls this, and owns the pool: no handle that borrows it is left, nor a drain
                // that has revoked per-CPU pages.
                unsafe { CacheAccess::on(cache) }.drain_into(zone);
            }
        }
    }
}

/// Checks that no frame is managed by two zones.
fn no_overlap<L: RawLock>(zones: &[Zone<'_, L>]) -> Result<(), SetupError> {
    match zones
        .iter()
        .enumerate()
        .find_map(|(at, zone)| first_common_frame(zone, zones.get(at + 1..).unwrap_or_default()))
    {
        Some((zones, pfn)) => Err(SetupError::Overlap { zones, pfn }),
        None => Ok(()),
    }
}

/// The first frame that a zone and one of the others both manage, with their names.
fn first_common_frame<L: RawLock>(zone: &Zone<'_, L>, others: &[Zone<'_, L>]) -> Option<((ZoneId, ZoneId), u64)> {
    if zone.managed() == 0 {
        return None;
    }
    others.iter().filter(|other| other.managed() > 0).find_map(|other| {
        let mut rest = zone.span();
        // In turn, the next managed frame of one zone at or after that of the other: skips whole gaps of both.
        while let Some(mine) = zone.first_managed(&rest) {
            let theirs = other.first_managed(&(mine..rest.end))?;
            if mine == theirs {
                return Some(((zone.id(), other.id()), mine));
            }
            rest.start = theirs;
        }
        None
    })
}

impl<L> Drop for Pool<'_, L> {
    fn drop(&mut self) {
        // SAFETY: the pointer is to this pool, which is being dropped and so has no other user.
        unsafe { (self.on_drop)(ptr::from_ref(self).cast()) };
    }
}

impl<L> fmt::Debug for Pool<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zones, numbers, caches, .. } = self;
        let f = &mut f.debug_struct("Pool");
        f.field("zones", &&**zones).field("numbers", numbers).field("caches", caches).finish_non_exhaustive()
    }
}
