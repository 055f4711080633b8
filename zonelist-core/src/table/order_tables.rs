//! Tables that keep zones in an order, and the number of a bit beside each that says whether it is there.
//!
//! An order is a row of [`Slots`](crate::Slots) whose slots also hold the number of a bit. A walk is
//! given the bits that are set, and passes over every zone whose bit is not: one test a slot, however
//! much a request rules out. There are two tables for readers, of which one can be rewritten while
//! the other is walked, and a third that only the writer looks at:
//!
//! ```text
//!   | first and second, slot by slot in turn | the writer's own | the zone of each bit |
//! ```
//!
//! The first two alternate, so that where a walk begins is known but for one slot before it is known
//! in which of them.
//!
//! **The invariant that a walk rests on**: the last slot of each segment only ever holds 0, as in
//! `Slots`, and an empty slot is the only one with bit 0, which is in no [`ZoneMask`]. So a slot whose bit is
//! set is not empty, and a walk looks for the end only where a bit is not set.

use core::{marker::PhantomData, ops::Range};

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use crate::{
    Capacity, CapacityError, NodeId, Request, Scope, Slot, Storage, ZoneKind, ZonelistsRef, Zoneref,
    identity::{Identity, Mark},
    sync::hint::cold_path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        const_fn,
    },
    table::capacity::Layout,
};

/// A zone's place in an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderEntry {
    /// The zone.
    pub entry: Zoneref,
    /// Which bit says that it is there, from [`OrderEntry::KINDS`] on.
    pub bit: u32,
}

impl OrderEntry {
    /// The first of the bits that stand for kinds. Below is the bit of the end, one that is never
    /// set, and the one that says which table.
    pub const KINDS: u32 = 3;

    /// The first of the bits that stand for one zone each.
    pub const ZONES: u32 = Self::KINDS + ZoneKind::COUNT as u32;

    /// How many zones can have a bit of their own: 55, or 23 on a 32-bit CPU.
    pub const BITS: usize = if cfg!(loom) { 6 } else { (usize::BITS - Self::ZONES) as usize };

    /// The entry stands above the bit's number, which a shift by the whole word then takes.
    const SHIFT: u32 = 8;

    fn word(self) -> u32 {
        self.entry.word() << Self::SHIFT | (self.bit & (usize::BITS - 1)).max(1)
    }

    #[inline(always)]
    fn entry_of(word: u32) -> Option<Zoneref> {
        Zoneref::in_slot(word >> Self::SHIFT)
    }

    fn of(word: u32) -> Option<Self> {
        Self::entry_of(word).map(|entry| Self { entry, bit: word & 0xFF })
    }
}

/// One of the tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderTable {
    /// One that readers walk.
    First,
    /// The other one.
    Second,
    /// The writer's own, where every zone has a bit; else there is none, and it is empty.
    Shadow,
}

/// Order tables for every node's two lists. What a rewrite under a walk may show is up to the scheme.
#[derive(Debug)]
pub struct OrderTables<S> {
    words: S,
    capacity: Capacity,
    layout: Layout,
    identity: Identity,
}

impl<S> OrderTables<S> {
    const fn over(words: S, capacity: Capacity) -> Self {
        Self { words, capacity, layout: Layout::of(capacity), identity: Identity::new() }
    }
}

#[cfg(not(loom))]
impl<const N: usize> OrderTables<[Slot; N]> {
    /// Empty tables within themselves, for a `static`; `None` unless of [`Capacity::order_words`] words.
    #[must_use]
    pub const fn in_array(capacity: Capacity) -> Option<Self> {
        if N == capacity.order_words() { Some(Self::over([const { Slot::new() }; N], capacity)) } else { None }
    }
}

impl OrderTables<&'static mut [Slot]> {
    /// Tables in memory that the caller gives for good; `None` unless it is of [`Capacity::order_words`] words.
    #[must_use]
    pub fn in_place(words: &'static mut [Slot], capacity: Capacity) -> Option<Self> {
        words.iter().for_each(|slot| slot.store(0));
        (words.len() == capacity.order_words()).then(|| Self::over(words, capacity))
    }
}

#[cfg(feature = "alloc")]
impl OrderTables<Box<[Slot]>> {
    /// Empty tables on the heap.
    #[must_use]
    pub fn boxed(capacity: Capacity) -> Self {
        Self::over((0..capacity.order_words()).map(|_| Slot::new()).collect(), capacity)
    }
}

impl<S: Storage<Word = Slot>> OrderTables<S> {
    /// Whether the lists fit.
    ///
    /// # Errors
    /// Says what they need and what there is.
    pub fn check(&self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        self.capacity.check(lists)
    }

    /// Every list that there is an order for.
    pub fn lists(&self) -> impl Iterator<Item = (NodeId, Scope)> {
        let nodes = (0..self.layout.nodes as u16).filter_map(NodeId::new);
        nodes.flat_map(|node| [(node, Scope::Fallback), (node, Scope::ThisNode)])
    }

    /// How many zones an order has room for.
    #[must_use]
    pub fn room(&self, scope: Scope) -> usize {
        match scope {
            Scope::Fallback => self.capacity.zones(),
            Scope::ThisNode => ZoneKind::COUNT,
        }
    }

    /// An order as it stands.
    pub fn read(&self, table: OrderTable, node: NodeId, scope: Scope) -> impl Iterator<Item = OrderEntry> + '_ {
        self.segment(table, node, scope).map_while(|slot| OrderEntry::of(slot.load()))
    }

    /// Rewrites an order from left to right, as far as there is room, and clears what is behind.
    ///
    /// Loads nothing, so that loom misses no interleaving.
    pub fn write(&self, table: OrderTable, node: NodeId, scope: Scope, order: impl IntoIterator<Item = OrderEntry>) {
        // All but the last slot, which stays empty.
        let live = self.segment(table, node, scope).take(self.room(scope));
        let words = order.into_iter().map(OrderEntry::word).chain(core::iter::repeat(0));
        live.zip(words).for_each(|(slot, word)| slot.store(word));
    }

    /// The zone of a bit; `None` if it has none.
    #[must_use]
    pub fn zone_of(&self, bit: u32) -> Option<Zoneref> {
        Zoneref::in_slot(self.names().get(bit.checked_sub(OrderEntry::ZONES)? as usize)?.load())
    }

    /// The bit of a zone, among the first `named`.
    #[must_use]
    pub fn bit_of(&self, entry: Zoneref, named: usize) -> Option<u32> {
        let at = self.names().iter().take(named).position(|slot| slot.load() == entry.word())?;
        Some(at as u32 + OrderEntry::ZONES)
    }

    /// Gives a bit to a zone; says whether there is such a bit.
    pub fn name(&self, bit: u32, entry: Zoneref) -> bool {
        let slot = bit.checked_sub(OrderEntry::ZONES).and_then(|at| self.names().get(at as usize));
        slot.map(|slot| slot.store(entry.word())).is_some()
    }

    /// A filter for walks of these orders, of which the bits are: see [`OrderFilter::new`].
    #[must_use]
    pub fn filter(&self, request: &Request, admitted: ZoneMask, unknown: ZoneMask) -> OrderFilter {
        OrderFilter { mark: self.identity.mark(), ..OrderFilter::new(request, admitted, unknown) }
    }

    /// Begins a walk of the table that a word names, of the zones that are there and that the filter
    /// admits. A node without a row has an empty order.
    ///
    /// Debug builds panic where other orders have made the [filter](OrderTables::filter): its bits are of other zones.
    ///
    /// Touches no slot before the first `next`.
    #[inline(always)]
    #[must_use]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn walk<'w>(&'w self, word: ZoneMask, node: NodeId, filter: &'w OrderFilter) -> OrderWalk<'w> {
        self.identity.check(filter.mark, "a filter");
        let Layout { nodes, stride, own, end } = self.layout;
        let start = if node.index() < nodes {
            node.index() * stride + (own & filter.own)
        } else {
            cold_path();
            end
        };
        // SAFETY: `start` is the head of a segment or the slot behind the last row, each of which is
        // there twice: there are as many words at least, which every constructor checks.
        let first = unsafe { self.words.words().as_ptr().add(2 * start) };
        // Two shifts that cancel each other: the bit is worth the size of a slot.
        let second = (word.0 & ZoneMask::SECOND.0) / ZoneMask::SECOND.0 * size_of::<Slot>();
        // SAFETY: that is one slot or none, and every slot of the first table has one behind it.
        let next = unsafe { first.byte_add(second) };
        OrderWalk { next, set: ZoneMask(word.0 & filter.admitted.0), word, filter, table: PhantomData }
    }

    /// The slots of an order, the last included.
    fn segment(&self, table: OrderTable, node: NodeId, scope: Scope) -> impl Iterator<Item = &Slot> {
        let Layout { nodes, stride, own, end } = self.layout;
        let within = match scope {
            Scope::Fallback => 0..own,
            Scope::ThisNode => own..stride,
        };
        let (base, step) = match table {
            OrderTable::First => (0, 2),
            OrderTable::Second => (1, 2),
            OrderTable::Shadow => (2 * (end + 1), 1),
        };
        let there = node.index() < nodes && (table != OrderTable::Shadow || self.capacity.has_names());
        let row = node.index() * stride;
        let words = base + step * (row + within.start)..base + step * (row + within.end - 1) + 1;
        let words = if there { self.words.words().get(words) } else { None };
        words.unwrap_or_default().iter().step_by(step)
    }

    fn names(&self) -> &[Slot] {
        let Range { start, end } = self.capacity.order_names();
        self.words.words().get(start..end).unwrap_or_default()
    }
}

/// The bits of a word: zones, and the table that they are to be looked for in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZoneMask(usize);

impl ZoneMask {
    /// No zone, in the first table.
    pub const NONE: Self = Self(0);

    /// No zone, in the second table.
    pub const SECOND: Self = Self(4);

    /// These bits but bit 0, which is the end's.
    #[must_use]
    pub const fn of(bits: usize) -> Self {
        Self(bits & !1)
    }

    /// The bits.
    #[must_use]
    #[inline(always)]
    pub const fn bits(self) -> usize {
        self.0
    }

    #[inline(always)]
    fn has(self, slot: u32) -> bool {
        bit_of(self.0, slot)
    }
}

/// The bit of a slot.
#[inline(always)]
fn bit_of(bits: usize, slot: u32) -> bool {
    bits >> (slot & (usize::BITS - 1)) & 1 != 0
}

/// A request in the form that a walk reads fastest: a mask over bits.
#[derive(Clone, Debug)]
pub struct OrderFilter {
    /// What is admitted if its bit is set.
    admitted: ZoneMask,
    /// What has to be looked at if its bit is set.
    unknown: ZoneMask,
    /// All ones for the this-node list, else 0.
    own: usize,
    request: Request,
    mark: Mark,
}

impl OrderFilter {
    /// Of the zones whose bit is set, those of the `admitted` are shown, and, after a look at them, those
    /// of the `unknown` that the request admits. At whose orders those bits are such zones is for the caller to know.
    #[must_use]
    pub const fn new(request: &Request, admitted: ZoneMask, unknown: ZoneMask) -> Self {
        let own = match request.scope {
            Scope::Fallback => 0,
            Scope::ThisNode => usize::MAX,
        };
        Self { admitted, unknown, own, request: *request, mark: Mark::NONE }
    }
}

/// A [`ZoneMask`] that others look at while it is replaced: one word.
#[derive(Debug)]
pub struct AtomicZoneMask(AtomicUsize);

impl AtomicZoneMask {
    const_fn! {
        /// This set.
        #[must_use]
        pub const fn new(set: ZoneMask) -> Self {
            Self(AtomicUsize::new(set.0))
        }
    }

    /// The set as it is.
    #[must_use]
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub fn load(&self, order: Ordering) -> ZoneMask {
        ZoneMask(self.0.load(order))
    }

    /// Replaces it.
    #[cfg_attr(loom, track_caller)]
    #[inline]
    pub fn store(&self, set: ZoneMask, order: Ordering) {
        self.0.store(set.0, order);
    }
}

/// A walk over the zones of one order that are there and that a request admits.
#[derive(Clone, Debug)]
pub struct OrderWalk<'w> {
    next: *const Slot,
    /// What is there and admitted.
    set: ZoneMask,
    word: ZoneMask,
    filter: &'w OrderFilter,
    table: PhantomData<&'w [Slot]>,
}

impl OrderWalk<'_> {
    /// From a slot whose bit is not in the set, the next that is to be shown.
    #[inline(always)]
    fn pass_over(&mut self, mut slot: u32) -> Option<u32> {
        let stop = self.set.0 | self.word.0 & self.filter.unknown.0 | 1;
        loop {
            while !bit_of(stop, slot) {
                // The slot is not empty, since bit 0 is one to stop at.
                slot = self.step();
            }
            let entry = OrderEntry::entry_of(slot)?;
            if admitted::<true>(self.set, slot, entry, &self.filter.request) {
                return Some(slot);
            }
            slot = self.step();
        }
    }

    /// Goes on from a slot that is not empty, and looks at the next.
    #[inline(always)]
    fn step(&mut self) -> u32 {
        // SAFETY: the slot was not empty, as the last of its segment always is: there is another.
        self.next = unsafe { self.next.add(2) };
        // SAFETY: `next` is in its segment, as it began at the head.
        unsafe { &*self.next }.load()
    }
}

/// Apart from the loop that passes over zones: inlined, it would have that loop compute for it.
///
/// Generic, so that it is compiled beside its caller, where the compiler sees that it writes nothing:
/// a caller in another crate would otherwise load all that it knows of the order anew for each walk.
#[inline(never)]
fn admitted<const APART: bool>(set: ZoneMask, slot: u32, entry: Zoneref, request: &Request) -> bool {
    set.has(slot) || request.admits(entry.zone())
}

impl Iterator for OrderWalk<'_> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        // SAFETY: `next` is in its segment: it began at the head, and went on only from slots that
        // were not empty, which the last one always is.
        let mut slot = unsafe { &*self.next }.load();
        if !self.set.has(slot) {
            cold_path();
            slot = self.pass_over(slot)?;
        }
        // SAFETY: the slot's bit is not bit 0, so it is not empty, and not the segment's last.
        self.next = unsafe { self.next.add(2) };
        let entry = OrderEntry::entry_of(slot);
        // SAFETY: a slot whose bit is in the set is not empty, so that it has an entry.
        unsafe { core::hint::assert_unchecked(entry.is_some()) };
        entry
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
