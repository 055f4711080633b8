//! Walks over the present zones of one order, and the request in the form that they read.

use core::marker::PhantomData;

use crate::{
    Request, Zoneref,
    identity::Mark,
    sync::hint::cold_path,
    table::{OrderEntry, Slot, ZoneMask, zone_mask::bit_of},
    zonelist::Scope,
};

/// A request in the form that a walk over an order reads fastest: a mask of bits.
#[derive(Clone, Debug)]
pub struct OrderFilter {
    /// The bits of zones that the request is known to admit.
    pub(super) admitted: ZoneMask,
    /// The bits of zones that a walk has to compare with the request.
    pub(super) unknown: ZoneMask,
    /// All ones for the this-node list, else 0.
    pub(super) own: usize,
    pub(super) request: Request,
    pub(super) mark: Mark,
}

impl OrderFilter {
    /// A filter for walks that show present zones: those whose bit is in `admitted`, and those whose bit is in
    /// `unknown` if the request admits them.
    ///
    /// A bit stands for different zones in different [`OrderTables`](crate::table::OrderTables). The caller has to know for
    /// which tables these masks are right.
    #[must_use]
    pub const fn new(request: &Request, admitted: ZoneMask, unknown: ZoneMask) -> Self {
        let own = match request.scope {
            Scope::Fallback => 0,
            Scope::ThisNode => usize::MAX,
        };
        Self { admitted, unknown, own, request: *request, mark: Mark::NONE }
    }
}

/// A walk over the zones of one order that are present and that a request admits.
///
/// ```text
///   set = mask & admitted                      made once, as the walk begins
///   next: loop
///     slot = the slot at the position          (0, with bit 0, at the end of the order)
///     if set has the slot's bit                return its zone, advance
///     if the bit is 0                          return the end
///     if mask has the bit, and it is unknown   return the zone, advance, if the request admits it
///     advance
/// ```
#[derive(Clone, Debug)]
pub struct OrderWalk<'w> {
    pub(super) next: *const Slot,
    /// The bits of zones that are present and admitted.
    pub(super) set: ZoneMask,
    /// The bits of zones that are present.
    pub(super) word: ZoneMask,
    pub(super) filter: &'w OrderFilter,
    pub(super) table: PhantomData<&'w [Slot]>,
}

impl OrderWalk<'_> {
    /// Advances from a slot whose bit is not in the set to the next slot to show.
    #[inline(always)]
    fn pass_over(&mut self, mut slot: u32) -> Option<u32> {
        // One mask of all bits that end the inner loop: shown, to be compared, or the end.
        let stop = self.set.0 | self.word.0 & self.filter.unknown.0 | 1;
        loop {
            while !bit_of(stop, slot) {
                // The slot is not empty: an empty one has bit 0, which is in `stop`.
                slot = self.step();
            }
            let entry = OrderEntry::entry_of(slot)?;
            if admitted::<true>(self.set, slot, entry, &self.filter.request) {
                return Some(slot);
            }
            slot = self.step();
        }
    }

    /// Advances from a slot that is not empty, and loads the next.
    #[inline(always)]
    fn step(&mut self) -> u32 {
        // SAFETY: the slot was not empty, as the last of its segment always is: there is another.
        self.next = unsafe { self.next.add(2) };
        // SAFETY: `next` is in its segment, as the walk began at the segment's head.
        unsafe { &*self.next }.load()
    }
}

/// Not inlined, so that the compiler does not prepare this comparison within the loop that passes over zones.
///
/// Generic, so that it is compiled in the caller's crate, where the compiler sees that it writes nothing. Otherwise a
/// caller in another crate would load its copies of the order's fields again for each walk.
#[inline(never)]
fn admitted<const APART: bool>(set: ZoneMask, slot: u32, entry: Zoneref, request: &Request) -> bool {
    set.has(slot) || request.admits(entry.zone())
}

impl Iterator for OrderWalk<'_> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        // SAFETY: `next` is in its segment: the walk began at the head and advanced only from slots that
        // were not empty, which the last one always is.
        let mut slot = unsafe { &*self.next }.load();
        // The likely case is one test: the zone is present and admitted.
        if !self.set.has(slot) {
            cold_path();
            slot = self.pass_over(slot)?;
        }
        // SAFETY: the slot's bit is not bit 0, so it is not empty, and not the segment's last.
        self.next = unsafe { self.next.add(2) };
        let entry = OrderEntry::entry_of(slot);
        // SAFETY: the slot's bit is not bit 0, and only slots of 0 have no entry.
        unsafe { core::hint::assert_unchecked(entry.is_some()) };
        entry
    }
}
