//! Tables that keep zones in an order, and a bit beside each that says whether it is there.
//!
//! An order is a row of [`Slots`](crate::Slots) whose slots also hold the number of a bit. A walk is
//! given the bits that are set, and passes over every zone whose bit is not: one test a slot, however
//! much a request rules out. There are two tables for readers, of which one can be rewritten while
//! the other is walked, and a third that only the writer looks at:
//!
//! ```text
//!   | node 0: first, second | node 1: first, second | ... | 0 | the writer's own | the zone of each bit |
//! ```
//!
//! **The invariant that a walk rests on**: the last slot of each segment only ever holds 0, as in
//! `Slots`. The number of an empty slot's bit is 0, and bit 0 is set in every walk. So no walk passes
//! over the end of a segment, whatever stands before it and however it changes under the walk.

use core::{hint::cold_path, marker::PhantomData, ops::Range};

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use crate::{
    Capacity, CapacityError, Lists, NodeId, Request, Scope, Slot, Storage, ZoneKind, Zoneref,
    capacity::Layout,
    sync::{
        atomic::{AtomicUsize, Ordering},
        const_fn,
    },
};

/// A zone's place in an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The zone.
    pub entry: Zoneref,
    /// Which bit says that it is there: from 1 to [`Place::BITS`].
    pub bit: u32,
}

impl Place {
    /// How many zones can have a bit of their own: those of a word but three. 61, on a 64-bit CPU.
    pub const BITS: usize = if cfg!(loom) { 6 } else { usize::BITS as usize - 3 };

    /// The zone and its kind trade places, so that the low bits are free: a shift by the whole word
    /// then takes just the bit's number.
    const TURN: u32 = 16;

    fn word(self) -> u32 {
        self.entry.word().rotate_left(Self::TURN) | self.bit & (usize::BITS - 1)
    }

    #[inline(always)]
    fn entry_of(word: u32) -> Option<Zoneref> {
        Zoneref::in_slot((word & !0xFF).rotate_right(Self::TURN))
    }

    fn of(word: u32) -> Option<Self> {
        Self::entry_of(word).map(|entry| Self { entry, bit: word & 0xFF })
    }
}

/// One of the tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// One that readers walk.
    First,
    /// The other one.
    Second,
    /// The writer's own, where every zone has a bit; else there is none, and it is empty.
    Kept,
}

/// Orders for every node's two lists. What a rewrite under a walk may show is up to the scheme.
#[derive(Debug)]
pub struct Orders<S> {
    words: S,
    capacity: Capacity,
    layout: Layout,
}

impl<S> Orders<S> {
    const fn over(words: S, capacity: Capacity) -> Self {
        Self { words, capacity, layout: Layout::of(capacity) }
    }
}

#[cfg(not(loom))]
impl<const N: usize> Orders<[Slot; N]> {
    /// Empty tables within themselves, for a `static`; `None` unless of [`Capacity::order_words`] words.
    #[must_use]
    pub const fn in_array(capacity: Capacity) -> Option<Self> {
        if N == capacity.order_words() { Some(Self::over([const { Slot::new() }; N], capacity)) } else { None }
    }
}

impl Orders<&'static mut [Slot]> {
    /// Tables in memory that the caller gives for good; `None` unless it is of [`Capacity::order_words`] words.
    #[must_use]
    pub fn in_place(words: &'static mut [Slot], capacity: Capacity) -> Option<Self> {
        words.iter().for_each(|slot| slot.store(0));
        (words.len() == capacity.order_words()).then(|| Self::over(words, capacity))
    }
}

#[cfg(feature = "alloc")]
impl Orders<Box<[Slot]>> {
    /// Empty tables on the heap.
    #[must_use]
    pub fn boxed(capacity: Capacity) -> Self {
        Self::over((0..capacity.order_words()).map(|_| Slot::new()).collect(), capacity)
    }
}

impl<S: Storage<Word = Slot>> Orders<S> {
    /// Whether the lists fit.
    ///
    /// # Errors
    /// Says what they need and what there is.
    pub fn check(&self, lists: Lists<'_>) -> Result<(), CapacityError> {
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
    pub fn read(&self, table: Table, node: NodeId, scope: Scope) -> impl Iterator<Item = Place> + '_ {
        self.segment(table, node, scope).iter().map_while(|slot| Place::of(slot.load()))
    }

    /// Rewrites an order from left to right, as far as there is room, and clears what is behind.
    ///
    /// Loads nothing, so that loom misses no interleaving.
    pub fn write(&self, table: Table, node: NodeId, scope: Scope, order: impl IntoIterator<Item = Place>) {
        // The segment without its last slot, which stays empty.
        let Some((_, live)) = self.segment(table, node, scope).split_last() else { return };
        let words = order.into_iter().map(Place::word).chain(core::iter::repeat(0));
        live.iter().zip(words).for_each(|(slot, word)| slot.store(word));
    }

    /// The zone of a bit; `None` if it has none.
    #[must_use]
    pub fn zone_of(&self, bit: u32) -> Option<Zoneref> {
        Zoneref::in_slot(self.names().get((bit as usize).checked_sub(1)?)?.load())
    }

    /// The bit of a zone, among the first so many.
    #[must_use]
    pub fn bit_of(&self, entry: Zoneref, named: usize) -> Option<u32> {
        let at = self.names().iter().take(named).position(|slot| slot.load() == entry.word())?;
        Some(at as u32 + 1)
    }

    /// Gives a bit to a zone; says whether there is such a bit.
    pub fn name(&self, bit: u32, entry: Zoneref) -> bool {
        let slot = (bit as usize).checked_sub(1).and_then(|at| self.names().get(at));
        slot.map(|slot| slot.store(entry.word())).is_some()
    }

    /// Begins a walk of one of the first two tables, of the zones whose bits are set. A node without
    /// a row has an empty order.
    ///
    /// Touches no slot before the first `next`.
    #[inline(always)]
    #[must_use]
    pub fn walk<'w>(&'w self, second: bool, node: NodeId, within: Within, set: Set) -> OrderWalk<'w> {
        let Layout { nodes, stride, own, end } = self.layout;
        let row = 2 * node.index() + usize::from(second);
        let start = if node.index() < nodes {
            row * stride + (own & within.0)
        } else {
            cold_path();
            2 * end
        };
        // SAFETY: `start` is the head of a segment or the slot behind the last of two rows a node:
        // there are as many words at least, which every constructor checks.
        let next = unsafe { self.words.words().as_ptr().add(start) };
        OrderWalk { next, set, request: None, table: PhantomData }
    }

    fn segment(&self, table: Table, node: NodeId, scope: Scope) -> &[Slot] {
        let Layout { nodes, stride, own, end } = self.layout;
        let within = match scope {
            Scope::Fallback => 0..own,
            Scope::ThisNode => own..stride,
        };
        let row = match table {
            Table::First => 2 * node.index() * stride,
            Table::Second => (2 * node.index() + 1) * stride,
            Table::Kept => 2 * end + 1 + node.index() * stride,
        };
        let there = node.index() < nodes && (table != Table::Kept || self.capacity.has_names());
        if there { &self.words.words()[row + within.start..row + within.end] } else { &[] }
    }

    fn names(&self) -> &[Slot] {
        let Range { start, end } = self.capacity.order_names();
        &self.words.words()[start..end]
    }
}

/// Which of a node's two lists, in the form that a walk reads fastest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Within(usize);

impl Within {
    /// That list.
    #[must_use]
    pub const fn of(scope: Scope) -> Self {
        match scope {
            Scope::Fallback => Self(0),
            Scope::ThisNode => Self(usize::MAX),
        }
    }
}

/// Bits of zones, and bit 0, which is set in all of them: walks end by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Set(usize);

impl Set {
    /// No zone's bit.
    pub const NONE: Self = Self(1);

    /// These bits, and bit 0.
    #[must_use]
    pub const fn of(bits: usize) -> Self {
        Self(bits | Self::NONE.0)
    }

    /// The bits, bit 0 included.
    #[must_use]
    #[inline(always)]
    pub const fn bits(self) -> usize {
        self.0
    }

    /// The bits that are in both.
    #[must_use]
    #[inline(always)]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// A [`Set`] that others look at while it is replaced: one word.
#[derive(Debug)]
pub struct SharedSet(AtomicUsize);

impl SharedSet {
    const_fn! {
        /// This set.
        #[must_use]
        pub const fn new(set: Set) -> Self {
            Self(AtomicUsize::new(set.0))
        }
    }

    /// The set as it is.
    #[must_use]
    #[inline(always)]
    pub fn load(&self, order: Ordering) -> Set {
        Set(self.0.load(order))
    }

    /// Replaces it.
    pub fn store(&self, set: Set, order: Ordering) {
        self.0.store(set.0, order);
    }
}

/// A walk over the zones of one order whose bits are set.
#[derive(Clone, Debug)]
pub struct OrderWalk<'w> {
    next: *const Slot,
    set: Set,
    request: Option<&'w Request>,
    table: PhantomData<&'w [Slot]>,
}

impl<'w> OrderWalk<'w> {
    /// The same walk of other bits; with a request, it also looks whether that admits each zone.
    #[must_use]
    pub fn of(self, set: Set, request: Option<&'w Request>) -> Self {
        Self { set, request, ..self }
    }
}

impl Iterator for OrderWalk<'_> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        loop {
            // SAFETY: `next` is in its segment: it began at the head, and went on only from slots
            // that were not empty, which the last one always is.
            let mut word = unsafe { &*self.next }.load();
            while self.set.0 >> (word & (usize::BITS - 1)) & 1 == 0 {
                cold_path();
                // SAFETY: the slot is not empty, since bit 0 is set; so it is not the segment's last.
                self.next = unsafe { self.next.add(1) };
                // SAFETY: as above.
                word = unsafe { &*self.next }.load();
            }
            let entry = Place::entry_of(word)?;
            // SAFETY: the slot is not empty; so it is not the segment's last.
            self.next = unsafe { self.next.add(1) };
            if self.request.is_none_or(|request| request.admits(entry.zone())) {
                return Some(entry);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::{ZoneId, ZoneKind::*};

    fn node(number: u16) -> NodeId {
        NodeId::new(number).unwrap()
    }

    fn place(on: u16, kind: ZoneKind, bit: u32) -> Place {
        Place { entry: Zoneref::new(ZoneId::new(node(on), kind)), bit }
    }

    #[test]
    fn every_zone_and_bit_fit_in_a_slot() {
        for on in [0, 1, 1023] {
            for kind in ZoneKind::ALL {
                for bit in 1..=Place::BITS as u32 {
                    let place = place(on, kind, bit);
                    assert_eq!(Place::of(place.word()), Some(place));
                }
            }
        }
        assert_eq!(Place::of(0), None);
    }

    #[test]
    fn a_walk_shows_the_zones_whose_bits_are_set() {
        let orders = Orders::boxed(Capacity::new(2, 3).unwrap());
        let order = [place(1, Movable, 3), place(1, Normal, 1), place(0, Normal, 61)];
        let own = &order[..2];
        orders.write(Table::Second, node(1), Scope::Fallback, order);
        orders.write(Table::Second, node(1), Scope::ThisNode, own.iter().copied());
        let walk = |from, scope, set, request: Option<&Request>| -> Vec<Place> {
            let walk = orders.walk(true, node(from), Within::of(scope), Set::NONE);
            let shown: Vec<_> = walk.of(Set::of(set), request).collect();
            order.into_iter().filter(|place| shown.contains(&place.entry)).collect()
        };
        for set in 0..16_usize {
            let set = set | (set & 1) << 61;
            let there = |place: &&Place| set >> place.bit & 1 != 0;
            assert_eq!(walk(1, Scope::Fallback, set, None), order.iter().filter(there).copied().collect::<Vec<_>>());
            assert_eq!(walk(1, Scope::ThisNode, set, None), own.iter().filter(there).copied().collect::<Vec<_>>());
        }
        let zero = Request { nodes: Some([node(0)].into_iter().collect()), ..Request::up_to(Movable) };
        assert_eq!(walk(1, Scope::Fallback, usize::MAX, Some(&zero)), order[2..]);
        assert_eq!(walk(1, Scope::Fallback, usize::MAX, Some(&Request::up_to(Normal))), order[1..]);
        assert_eq!(walk(0, Scope::Fallback, usize::MAX, None), []);
        assert_eq!(walk(1023, Scope::Fallback, usize::MAX, None), []);
        assert_eq!(orders.walk(false, node(1), Within::of(Scope::Fallback), Set::of(usize::MAX)).count(), 0);
    }

    #[test]
    fn what_has_no_room_is_not_written() {
        let orders = Orders::boxed(Capacity::new(1, 1).unwrap());
        let zones = [place(0, Movable, 1), place(0, Normal, 2)];
        for table in [Table::First, Table::Second, Table::Kept] {
            orders.write(table, node(0), Scope::Fallback, zones);
            orders.write(table, node(1), Scope::Fallback, zones);
            assert!(orders.read(table, node(0), Scope::Fallback).eq(zones[..1].iter().copied()));
            assert_eq!(orders.read(table, node(0), Scope::ThisNode).count(), 0);
            assert_eq!(orders.read(table, node(1), Scope::Fallback).count(), 0);
        }
        assert_eq!(orders.walk(false, node(0), Within::of(Scope::Fallback), Set::of(usize::MAX)).count(), 1);
        assert!(orders.name(1, zones[0].entry) && orders.name(61, zones[1].entry));
        assert!(!orders.name(0, zones[0].entry) && !orders.name(62, zones[0].entry));
        assert_eq!((orders.zone_of(61), orders.zone_of(2), orders.zone_of(62)), (Some(zones[1].entry), None, None));
        assert_eq!((orders.bit_of(zones[1].entry, 61), orders.bit_of(zones[1].entry, 60)), (Some(61), None));
    }

    #[test]
    fn more_zones_than_bits_have_no_names() {
        let wide = Capacity::new(1, Place::BITS + 1).unwrap();
        let orders = Orders::boxed(wide);
        assert!(!orders.name(1, place(0, Normal, 1).entry));
        orders.write(Table::Kept, node(0), Scope::Fallback, [place(0, Normal, 1)]);
        assert_eq!(orders.read(Table::Kept, node(0), Scope::Fallback).count(), 0);
        assert_eq!(wide.order_words(), 2 * wide.words() - 1);
    }

    #[test]
    fn tables_of_the_wrong_size_are_refused() {
        const WORDS: usize = Capacity::new(2, 3).unwrap().order_words();
        let capacity = Capacity::new(2, 3).unwrap();
        assert!(Orders::<[Slot; WORDS]>::in_array(capacity).is_some());
        assert!(Orders::<[Slot; WORDS + 1]>::in_array(capacity).is_none());
        let words = Vec::from([const { Slot::new() }; WORDS]).leak();
        assert!(Orders::in_place(words, capacity).is_some());
        assert!(Orders::in_place(&mut [], capacity).is_none());
    }
}
