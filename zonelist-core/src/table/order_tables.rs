//! Tables that keep zones in an order, with a bit number beside each zone that says whether the zone is present.
//!
//! An order is a list of [`Slots`](crate::table::Slots) whose slots also hold the number of a bit. A walk gets a [`ZoneMask`]
//! and passes over every zone whose bit is clear: one test a slot, however much a request rules out. Readers have two
//! tables, so that one can be rewritten while the other is walked. A third, the shadow copy, is read by the writer
//! alone:
//!
//! ```text
//!   | first and second, alternating slot by slot | shadow copy | the zone of each bit |
//! ```
//!
//! The slots of the first two alternate so that the two starts of a walk are neighbours: the address is known, except
//! for one slot, before the mask says which table to read.
//!
//! **The invariant that walks rest on**: the last slot of each segment holds 0 at all times, as in `Slots`. An empty
//! slot is the only one with bit 0, and no [`ZoneMask`] contains bit 0. So a slot whose bit is set is not empty, and a
//! walk checks for the end only where a bit is clear.

use core::{marker::PhantomData, ops::Range};

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use crate::{
    NodeId, Request, ZoneKind, Zoneref,
    identity::Identity,
    table::{
        Capacity, CapacityError, Slot, Storage,
        capacity::Layout,
        order_walk::{OrderFilter, OrderWalk},
        zone_mask::ZoneMask,
    },
    zonelist::{Scope, ZonelistsRef},
};

/// One entry of an order: a zone, and the bit that says whether the zone is present.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OrderEntry {
    /// The zone.
    pub entry: Zoneref,
    /// The number of the bit that says whether the zone is present, from [`OrderEntry::KINDS`] on.
    pub bit: u32,
}

impl OrderEntry {
    /// The first of the bits that stand for kinds. The three below are the bit of the end, a bit that is never set, and
    /// the bit that says which table.
    pub const KINDS: u32 = 3;

    /// The first of the bits that stand for one zone each.
    pub const ZONES: u32 = Self::KINDS + ZoneKind::COUNT as u32;

    /// The number of zones that can have a bit of their own: 55, or 23 on a 32-bit CPU.
    pub const BITS: usize = if cfg!(loom) { 6 } else { (usize::BITS - Self::ZONES) as usize };

    /// The entry is in the bits above this, the bit's number in those below. A shift by the whole slot needs no mask:
    /// the CPU takes the low bits of the shift's width.
    const SHIFT: u32 = 8;

    /// The slot of this entry.
    fn word(self) -> u32 {
        // Bit 0 is the end's: the number 0 becomes 1, which stands for no zone.
        self.entry.word() << Self::SHIFT | (self.bit & (usize::BITS - 1)).max(1)
    }

    /// The zoneref of a slot; `None` for an empty one.
    #[inline(always)]
    pub(super) fn entry_of(word: u32) -> Option<Zoneref> {
        Zoneref::in_slot(word >> Self::SHIFT)
    }

    /// The entry of a slot; `None` for an empty one.
    fn of(word: u32) -> Option<Self> {
        Self::entry_of(word).map(|entry| Self { entry, bit: word & 0xFF })
    }
}

/// One of the tables of [`OrderTables`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OrderTable {
    /// The first table that readers walk.
    First,
    /// The second table that readers walk.
    Second,
    /// The writer's shadow copy. Without a bit for every zone there is none, and it reads as empty.
    Shadow,
}

/// Both lists of every node as orders, in two tables and a shadow copy. What a walk shows during a rewrite depends on
/// the scheme.
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
    /// Empty tables that contain their words, for a `static`; `None` unless `N` is [`Capacity::order_words`].
    #[must_use]
    pub const fn in_array(capacity: Capacity) -> Option<Self> {
        if N == capacity.order_words() { Some(Self::over([const { Slot::new() }; N], capacity)) } else { None }
    }
}

impl OrderTables<&'static mut [Slot]> {
    /// Empty tables in memory that the caller gives for good; `None` unless it has [`Capacity::order_words`] words.
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
    /// Checks that the lists fit.
    ///
    /// # Errors
    /// The lists are too large. The error has the capacity that they need and the tables' own.
    pub fn check(&self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        self.capacity.check(lists)
    }

    /// Every list that the tables have an order for.
    pub fn lists(&self) -> impl Iterator<Item = (NodeId, Scope)> {
        let nodes = (0..self.layout.nodes as u16).filter_map(NodeId::new);
        nodes.flat_map(|node| [(node, Scope::Fallback), (node, Scope::ThisNode)])
    }

    /// The number of zones that an order has room for.
    #[must_use]
    pub fn room(&self, scope: Scope) -> usize {
        match scope {
            Scope::Fallback => self.capacity.zones(),
            Scope::ThisNode => ZoneKind::COUNT,
        }
    }

    /// Reads an order of one table, slot by slot.
    pub fn read(&self, table: OrderTable, node: NodeId, scope: Scope) -> impl Iterator<Item = OrderEntry> + '_ {
        self.segment(table, node, scope).map_while(|slot| OrderEntry::of(slot.load()))
    }

    /// Rewrites an order of one table from left to right, and clears the slots behind it. Entries without room are left
    /// out.
    ///
    /// Loads no slot, so that loom explores every interleaving.
    pub fn write(&self, table: OrderTable, node: NodeId, scope: Scope, order: impl IntoIterator<Item = OrderEntry>) {
        // All slots but the last, which stays empty: walks rest on that.
        let live = self.segment(table, node, scope).take(self.room(scope));
        let words = order.into_iter().map(OrderEntry::word).chain(core::iter::repeat(0));
        live.zip(words).for_each(|(slot, word)| slot.store(word));
    }

    /// The zone of a bit; `None` if it has none.
    #[must_use]
    pub fn zone_of(&self, bit: u32) -> Option<Zoneref> {
        Zoneref::in_slot(self.names().get(bit.checked_sub(OrderEntry::ZONES)? as usize)?.load())
    }

    /// The bit of a zone, if that is among the first `named` bits of zones.
    #[must_use]
    pub fn bit_of(&self, entry: Zoneref, named: usize) -> Option<u32> {
        let at = self.names().iter().take(named).position(|slot| slot.load() == entry.word())?;
        Some(at as u32 + OrderEntry::ZONES)
    }

    /// Assigns a bit to a zone. False if there is no such bit.
    pub fn name(&self, bit: u32, entry: Zoneref) -> bool {
        let slot = bit.checked_sub(OrderEntry::ZONES).and_then(|at| self.names().get(at as usize));
        slot.map(|slot| slot.store(entry.word())).is_some()
    }

    /// A filter for walks of these tables, from masks of their bits: see [`OrderFilter::new`].
    #[must_use]
    pub fn filter(&self, request: &Request, admitted: ZoneMask, unknown: ZoneMask) -> OrderFilter {
        OrderFilter { mark: self.identity.mark(), ..OrderFilter::new(request, admitted, unknown) }
    }

    /// Begins a walk in the table that a mask names, over the zones that are present and that the filter admits. The
    /// order of a node without a row is empty.
    ///
    /// ```text
    ///   start = head of the node's segment         in the first table
    ///   + 1 slot, if the mask has the table bit    the same segment in the second
    ///   set = mask & admitted
    /// ```
    ///
    /// Loads no slot before the first `next`.
    ///
    /// # Panics
    /// In debug builds, if other tables have made the [filter](OrderTables::filter): its bits are of other zones.
    #[inline(always)]
    #[must_use]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn walk<'w>(&'w self, word: ZoneMask, node: NodeId, filter: &'w OrderFilter) -> OrderWalk<'w> {
        self.identity.check(filter.mark, "a filter");
        let start = self.layout.start(node, filter.own);
        // SAFETY: `start` is the head of a segment or the slot behind the last row. Each is there twice, once in either
        // table, within the words whose number every constructor checks.
        let first = unsafe { self.words.words().as_ptr().add(2 * start) };
        // The bit's value is the size of a slot, so that the compiler drops both the division and the product.
        let second = (word.0 & ZoneMask::SECOND.0) / ZoneMask::SECOND.0 * size_of::<Slot>();
        // SAFETY: `second` is one slot or none, and a slot of the second table is behind every slot of the first.
        let next = unsafe { first.byte_add(second) };
        OrderWalk { next, set: ZoneMask(word.0 & filter.admitted.0), word, filter, table: PhantomData }
    }

    /// All slots of an order, with the last one; none for a node without a row, or without a shadow copy.
    fn segment(&self, table: OrderTable, node: NodeId, scope: Scope) -> impl Iterator<Item = &Slot> {
        let Layout { nodes, stride, own, end } = self.layout;
        let within = match scope {
            Scope::Fallback => 0..own,
            Scope::ThisNode => own..stride,
        };
        // The first two tables alternate; the shadow copy is one piece behind them.
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

    /// The zone of each bit, from [`OrderEntry::ZONES`] on.
    fn names(&self) -> &[Slot] {
        let Range { start, end } = self.capacity.order_names();
        self.words.words().get(start..end).unwrap_or_default()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
