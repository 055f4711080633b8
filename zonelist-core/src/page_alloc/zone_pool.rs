//! What all handles share: the zones, where each zone is, and the caches of every seat.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::{
    fmt,
    marker::PhantomData,
    mem::transmute,
    ops::Deref,
    ptr,
    // Not that of the models: it orders nothing, and a static one lives from one interleaving to the next.
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::{
    page::{Page, SLOTS, Tag},
    per_cpu_pages::{CacheAccess, PerCpuPages},
};
use crate::{PAGEBLOCK_FRAMES, RawLock, UnknownOwner, Zone, ZoneError, ZoneId, sync::unmodelled::AtomicBool};

/// Things that are never moved: in memory that the caller gave, or on the heap.
#[derive(Debug)]
pub(super) enum Store<'m, T> {
    Given(&'m [T]),
    #[cfg(feature = "alloc")]
    /// Not boxed: to get rid of what it has room for beyond would take memory.
    Owned(Vec<T>),
}

impl<T> Deref for Store<'_, T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        match self {
            Self::Given(things) => things,
            #[cfg(feature = "alloc")]
            Self::Owned(things) => things,
        }
    }
}

/// The zones of an allocator. Of a longer lifetime, they are as good as of a shorter one, as a zone by itself is not: so
/// an allocator may be borrowed for as long as its zones, though something is done when it is dropped.
pub(super) struct Zones<'m, L> {
    /// Which `'m` they are of is only in the second field.
    zones: Store<'m, Zone<'static, L>>,
    of: PhantomData<&'m ()>,
}

impl<'m, L> Zones<'m, L> {
    /// Of zones that are never moved.
    pub(super) fn new(zones: Store<'m, Zone<'m, L>>) -> Self {
        // SAFETY: the same zones, which are only shown again for `'m` or less.
        let zones = unsafe { transmute::<Store<'m, Zone<'m, L>>, Store<'m, Zone<'static, L>>>(zones) };
        Self { zones, of: PhantomData }
    }
}

impl<'m, L> Deref for Zones<'m, L> {
    type Target = [Zone<'m, L>];

    #[inline(always)]
    fn deref(&self) -> &[Zone<'m, L>] {
        // SAFETY: the same zones, of `'m` or more. That they are said to be of less is as good, since a zone never gets
        // memory of the caller's later; what it gives away is then of `'m`.
        unsafe { transmute::<&[Zone<'static, L>], &[Zone<'m, L>]>(&self.zones) }
    }
}

/// Why an allocator cannot be made of these zones and this memory.
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
    /// Nothing says whose some frames of a machine are.
    #[error(transparent)]
    Owner(#[from] UnknownOwner),
    /// Memory blocks are smaller than a pageblock, in which an allocator's frames come and go.
    #[error("memory blocks of {pages} pages; expected none, or blocks of whole pageblocks of {PAGEBLOCK_FRAMES}")]
    BlockPages {
        /// Pages of a block.
        pages: u64,
    },
    /// A zone is in an allocator of other zones, so that frames can't be kept apart.
    #[error("zone {zone} is in an allocator of other zones; expected zones of none, or just those of one")]
    Elsewhere {
        /// The zone.
        zone: ZoneId,
    },
    /// Some zone's index is not below the number of entries.
    #[error("{entries} entries to find zones by; expected at least {needed}")]
    Index {
        /// How many there are.
        entries: usize,
        /// How many are needed: one more than the highest [`ZoneId::index`].
        needed: usize,
    },
    /// A zone can't be made.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// There are fewer caches than seats times zones.
    #[error("{caches} page caches; expected at least {needed}, for each seat as many as there are zones")]
    Caches {
        /// How many there are.
        caches: usize,
        /// How many are needed.
        needed: usize,
    },
}

/// No zone of that index.
const NONE: u16 = u16::MAX;

/// The zones and what belongs to them.
pub(super) struct Pool<'m, L> {
    pub(super) zones: Zones<'m, L>,
    /// By a zone's index, its place in `zones`.
    slots: Store<'m, u16>,
    /// Seat by seat, a cache for each zone.
    caches: Store<'m, PerCpuPages>,
    /// The number of the first zone in a page. Other allocators have other numbers, so that their pages are none of ours.
    first: usize,
    pub(super) on_low: Option<fn(ZoneId, usize)>,
    /// Whether some zone has a call of that due.
    pub(super) low_unreported: AtomicBool,
    /// What is done, with a pointer to this, with pages that are in caches when the allocator goes. (Not with a reference:
    /// that would have lifetimes be just what they are.)
    leave: unsafe fn(*const ()),
}

/// The first of some numbers for so many zones of an allocator, which pages name them by. They begin at a multiple of a
/// power of two that is more than there are of them, so that they are the lowest bits.
fn numbers(zones: usize) -> usize {
    /// Behind the numbers of the allocator that was made last.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let count = (zones + 1).next_power_of_two();
    let start = |next: usize| next.checked_next_multiple_of(count).unwrap_or(0);
    let before = NEXT.fetch_update(Relaxed, Relaxed, |next| Some(start(next).wrapping_add(count)));
    start(before.unwrap_or_else(|next| next)) % SLOTS
}

impl<'m, L: RawLock> Pool<'m, L> {
    /// Fills the index. It has an entry for every zone, there are caches for so many seats, and no frame has two zones.
    pub(super) fn check(
        zones: &[Zone<'m, L>],
        slots: &mut [u16],
        caches: usize,
        seats: usize,
    ) -> Result<(), SetupError> {
        if zones.is_empty() {
            return Err(SetupError::NoZone);
        }
        slots.fill(NONE);
        for (slot, zone) in zones.iter().enumerate() {
            let (zone, entries) = (zone.id(), slots.len());
            let needed = zone.index() + 1;
            let entry = slots.get_mut(zone.index()).ok_or(SetupError::Index { entries, needed })?;
            if *entry != NONE {
                return Err(SetupError::DuplicateZone { zone });
            }
            // Zones that differ are at most as many as there are names.
            *entry = slot as u16;
        }
        let needed = seats.saturating_mul(zones.len());
        if caches < needed {
            return Err(SetupError::Caches { caches, needed });
        }
        no_overlap(zones)?;
        // SAFETY: given zones are borrowed for as long as they may name what they borrow themselves, which is as long as
        // there is any use of them: they are not moved again. Those on the heap are never moved from there, and go with
        // the allocator, all together, or now.
        unsafe { Zone::join_zone_set(zones) }.map_err(|zone| SetupError::Elsewhere { zone })?;
        // From here on, none takes a frame of another; some may have, meanwhile.
        no_overlap(zones)
    }

    /// Of parts that were checked.
    pub(super) fn new(zones: Store<'m, Zone<'m, L>>, slots: Store<'m, u16>, caches: Store<'m, PerCpuPages>) -> Self {
        let leave: unsafe fn(*const ()) = match zones {
            Store::Given(_) => Self::empty_caches,
            #[cfg(feature = "alloc")]
            Store::Owned(_) => |_| {},
        };
        let (first, zones) = (numbers(zones.len()), Zones::new(zones));
        Self { zones, slots, caches, first, on_low: None, low_unreported: AtomicBool::new(false), leave }
    }

    /// Where a zone is: below the number of zones.
    #[inline(always)]
    pub(super) fn slot(&self, zone: ZoneId) -> Option<usize> {
        match self.slots.get(zone.index()) {
            Some(&slot) if slot != NONE => Some(usize::from(slot)),
            _ => None,
        }
    }

    /// The zone of that name.
    pub(super) fn zone(&self, zone: ZoneId) -> Option<&Zone<'m, L>> {
        self.zones.get(self.slot(zone)?)
    }

    /// The zone of a page, and where it is; `None` for a page of another allocator.
    pub(super) fn slot_of(&self, page: Page) -> Option<(usize, &Zone<'m, L>)> {
        let slot = page.slot() ^ self.first;
        self.zones.get(slot).map(|zone| (slot, zone))
    }

    /// The page that begins at a frame of the zone in that place.
    pub(super) fn page(&self, pfn: u64, slot: usize, tag: Tag) -> Page {
        Page::of(pfn, self.first | slot, tag)
    }

    /// A seat's caches, one for each zone.
    pub(super) fn caches(&self, reader_slot: usize) -> &[PerCpuPages] {
        let zones = self.zones.len();
        self.caches.get(reader_slot * zones..).and_then(|caches| caches.get(..zones)).unwrap_or_default()
    }

    /// Every seat's cache of one zone.
    pub(super) fn caches_of(&self, slot: usize) -> impl Iterator<Item = &PerCpuPages> {
        self.caches.iter().skip(slot).step_by(self.zones.len().max(1))
    }

    /// Gives back what handles that were leaked have left in their caches: the zones outlive the allocator.
    ///
    /// # Safety
    /// It is of such a pool, which has no other user.
    unsafe fn empty_caches(pool: *const ()) {
        // SAFETY: as the caller promises, for any lifetime.
        let pool = unsafe { &*pool.cast::<Self>() };
        for (slot, zone) in pool.zones.iter().enumerate() {
            for cache in pool.caches_of(slot) {
                // SAFETY: called by `drop` alone, which has the pool to itself: no handle is left that borrows it,
                // nor a thread that has borrowed a drawer.
                unsafe { CacheAccess::on(cache) }.empty_into(zone);
            }
        }
    }
}

/// Whether each frame is one zone's at most.
fn no_overlap<L: RawLock>(zones: &[Zone<'_, L>]) -> Result<(), SetupError> {
    match zones.iter().enumerate().find_map(|(at, zone)| common(zone, zones.get(at + 1..).unwrap_or_default())) {
        Some((zones, pfn)) => Err(SetupError::Overlap { zones, pfn }),
        None => Ok(()),
    }
}

/// The first frame that a zone manages and one of the others too, with their names.
fn common<L: RawLock>(zone: &Zone<'_, L>, others: &[Zone<'_, L>]) -> Option<((ZoneId, ZoneId), u64)> {
    if zone.managed() == 0 {
        return None;
    }
    others.iter().filter(|other| other.managed() > 0).find_map(|other| {
        let mut rest = zone.span();
        // By turns, the next frame of the one at or behind that of the other.
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
        // SAFETY: this is the pool, and it goes.
        unsafe { (self.leave)(ptr::from_ref(self).cast()) };
    }
}

impl<L> fmt::Debug for Pool<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zones, slots, caches, .. } = self;
        let f = &mut f.debug_struct("Pool");
        f.field("zones", &&**zones).field("slots", slots).field("caches", caches).finish_non_exhaustive()
    }
}
