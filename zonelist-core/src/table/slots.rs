//! A table with room for the zonelists of every node.
//!
//! The row of a node is its fallback list and then its this-node list, each ended by an empty slot:
//!
//! ```text
//!   | fallback: up to `zones` zonerefs | 0 | this node: up to 6 zonerefs | 0 |   next node ...   | 0 |
//! ```
//!
//! **The invariant that walks rest on**: the last slot of each segment holds 0 at all times, and so does the slot
//! behind the last row. A walk starts at the head of a segment, or at that slot behind the last row for a node without
//! a row. So it ends within the table, whatever the other slots hold and however they change under the walk.

use core::marker::PhantomData;

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};

#[cfg(feature = "alloc")]
use crate::Zoneref;
use crate::{
    NodeId,
    table::{Capacity, CapacityError, Slot, SlotFilter, SlotWalk, Storage, capacity::Layout},
    zonelist::ZonelistsRef,
};

/// A table of zonelists. Walks borrow the table; what they show during a rewrite depends on the scheme.
#[derive(Clone, Debug)]
pub struct Slots<S> {
    words: S,
    capacity: Capacity,
    layout: Layout,
}

impl<S> Slots<S> {
    /// A table of these words, which must be empty and as many as [`Capacity::words`].
    pub(crate) const fn over(words: S, capacity: Capacity) -> Self {
        Self { words, capacity, layout: Layout::of(capacity) }
    }
}

#[cfg(not(loom))]
impl<const N: usize> Slots<[Slot; N]> {
    /// An empty table that contains its words, for a `static`; `None` unless `N` is [`Capacity::words`].
    #[must_use]
    pub const fn in_array(capacity: Capacity) -> Option<Self> {
        if N == capacity.words() { Some(Self::over([const { Slot::new() }; N], capacity)) } else { None }
    }
}

impl Slots<&'static mut [Slot]> {
    /// An empty table in memory that the caller gives for good; `None` unless it has [`Capacity::words`] words.
    #[must_use]
    pub fn in_place(words: &'static mut [Slot], capacity: Capacity) -> Option<Self> {
        words.iter().for_each(|slot| slot.put(None));
        (words.len() == capacity.words()).then(|| Self::over(words, capacity))
    }
}

#[cfg(feature = "alloc")]
impl Slots<Box<[Slot]>> {
    /// An empty table on the heap.
    #[must_use]
    pub fn boxed(capacity: Capacity) -> Self {
        let words = (0..capacity.words()).map(|_| Slot::new()).collect();
        Self::over(words, capacity)
    }
}

#[cfg(feature = "alloc")]
impl Slots<Box<[Option<Zoneref>]>> {
    /// A table of these lists that is never rewritten: for schemes that replace whole versions.
    #[must_use]
    pub fn fixed(lists: ZonelistsRef<'_>) -> Self {
        let capacity = Capacity::of(lists);
        let mut words = Vec::new();
        words.resize(capacity.words(), None);
        for (segment, list) in capacity.segments(lists) {
            // The list is shorter than its segment, so that the terminator stays.
            for (word, &entry) in words.get_mut(segment).unwrap_or_default().iter_mut().zip(list) {
                *word = Some(entry);
            }
        }
        Self::over(words.into_boxed_slice(), capacity)
    }
}

/// The table without a list.
#[cfg(feature = "alloc")]
impl Default for Slots<Box<[Option<Zoneref>]>> {
    fn default() -> Self {
        Self::fixed(ZonelistsRef::EMPTY)
    }
}

impl<S: Storage> Slots<S> {
    /// The capacity that the table was made with.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Begins a walk of one list. The list of a node without a row is empty.
    ///
    /// Loads no slot before the first `next`.
    #[inline]
    #[must_use]
    pub fn walk<'w>(&'w self, node: NodeId, filter: &'w SlotFilter) -> SlotWalk<'w, S::Word> {
        // SAFETY: the words are this table's, so they have its capacity and live as long.
        unsafe { self.walk_from(self.words.words().as_ptr(), node, filter) }
    }

    /// Begins a walk in the words that start at `head`.
    ///
    /// # Safety
    /// The words are those of a table of this capacity, and live as long as `self`.
    #[inline]
    pub(crate) unsafe fn walk_from<'w>(
        &'w self,
        head: *const S::Word,
        node: NodeId,
        filter: &'w SlotFilter,
    ) -> SlotWalk<'w, S::Word> {
        let start = self.layout.start(node, filter.own);
        // SAFETY: a table has `nodes` rows of `stride` words and one word more, which every
        // constructor checks: `start` is in a row, or that one word.
        let next = unsafe { head.add(start) };
        SlotWalk { next, filter, table: PhantomData }
    }

    /// The first word.
    pub(crate) fn head(&self) -> *const S::Word {
        self.words.words().as_ptr()
    }
}

impl<S: Storage<Word = Slot>> Slots<S> {
    /// Checks that the lists fit.
    ///
    /// # Errors
    /// The lists are too large. The error has the capacity that they need and the table's own.
    pub fn check(&self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        self.capacity.check(lists)
    }

    /// Rewrites the table to these lists, without a lock:
    ///
    /// ```text
    ///   for each list:
    ///     store its entries from left to right
    ///     store 0 in every slot behind them       (terminator first, then the tail)
    /// ```
    ///
    /// Linux since 4.14 writes in the same order, but leaves the tail. A later, longer list can then show a zone that
    /// was removed long before. The rewrite loads no slot: loom does not explore all interleavings of a thread that
    /// stores to an atomic that the thread has just loaded.
    ///
    /// # Errors
    /// The lists are too large; then nothing is written.
    pub fn rewrite(&self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        self.check(lists)?;
        for (segment, list) in self.capacity.segments(lists) {
            // The check has left room for a terminator behind every list.
            let slots = self.words.words().get(segment).unwrap_or_default();
            let (live, tail) = slots.split_at_checked(list.len()).unwrap_or_default();
            for (slot, &entry) in live.iter().zip(list) {
                slot.put(Some(entry));
            }
            // The whole tail, so that no later walk reads an entry of an older version there.
            let cleared = crate::sync::or_mutant!(tail.len() => 1, "slots: tail kept");
            tail.iter().take(cleared).for_each(|slot| slot.put(None));
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::{
        Request, ZoneId,
        ZoneKind::{self, *},
        ids::NodeSet,
        table::Word,
        zonelist::{NodeSpan, Scope},
    };

    fn node(number: u16) -> NodeId {
        NodeId::new(number).unwrap()
    }

    fn entry(on: u16, kind: ZoneKind) -> Zoneref {
        Zoneref::new(ZoneId::new(node(on), kind))
    }

    #[test]
    fn a_walk_shows_what_the_request_admits_and_nothing_else() {
        let zonerefs = [entry(2, Movable), entry(2, Normal), entry(0, Movable), entry(0, Dma32)];
        let rows = [NodeSpan::default(), NodeSpan::default(), NodeSpan { start: 0, len: 4, own: 2 }];
        let lists = ZonelistsRef::new(&zonerefs, &rows).unwrap();
        let tables = (Slots::boxed(Capacity::new(4, 5).unwrap()), Slots::fixed(lists));
        tables.0.rewrite(lists).unwrap();
        for highest in ZoneKind::ALL {
            for scope in [Scope::Fallback, Scope::ThisNode] {
                for nodes in [None, Some([0, 1].map(node).into_iter().collect()), Some(NodeSet::EMPTY)] {
                    let request = Request { scope, highest, nodes };
                    let filter = SlotFilter::new(&request);
                    assert_eq!(filter.scope(), scope);
                    assert!(zonerefs.iter().all(|&entry| filter.admits(entry) == request.admits(entry.zone())));
                    for from in [0, 1, 2, 3, 4, 1023].map(node) {
                        let admitted = lists.of(from, scope).iter().copied().filter(|z| request.admits(z.zone()));
                        let expected: Vec<_> = admitted.collect();
                        assert_eq!(tables.0.walk(from, &filter).collect::<Vec<_>>(), expected, "{from} {request:?}");
                        assert_eq!(tables.1.walk(from, &filter).collect::<Vec<_>>(), expected, "{from} {request:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn lists_that_do_not_fit_change_nothing() {
        let table = Slots::boxed(Capacity::new(1, 1).unwrap());
        let filter = SlotFilter::new(&Request::up_to(Device));
        let zonerefs = [entry(0, Normal), entry(0, Dma)];
        let one = NodeSpan { start: 0, len: 1, own: 1 };
        table.rewrite(ZonelistsRef::new(&zonerefs, &[one]).unwrap()).unwrap();

        let longer = table.rewrite(ZonelistsRef::new(&zonerefs, &[NodeSpan { len: 2, ..one }]).unwrap()).unwrap_err();
        assert_eq!((longer.needed.zones(), longer.capacity.zones()), (2, 1));
        let more = table.rewrite(ZonelistsRef::new(&zonerefs, &[one, one]).unwrap()).unwrap_err();
        assert_eq!((more.needed.nodes(), more.capacity.nodes()), (2, 1));
        assert_eq!(table.walk(node(0), &filter).collect::<Vec<_>>(), [entry(0, Normal)]);
    }

    #[test]
    fn a_shorter_list_leaves_no_tail() {
        let table = Slots::boxed(Capacity::new(1, 4).unwrap());
        let zonerefs = [entry(0, Normal), entry(0, Dma), entry(1, Normal), entry(1, Dma)];
        for len in [4, 1, 3, 0, 2] {
            table
                .rewrite(ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len, own: len.min(2) }]).unwrap())
                .unwrap();
            let live = table.words.iter().filter(|slot| slot.get().is_some()).count();
            assert_eq!(live, (len + len.min(2)) as usize);
        }
    }

    #[test]
    fn a_table_of_the_wrong_size_is_refused() {
        let capacity = Capacity::new(2, 3).unwrap();
        assert!(Slots::<[Slot; 22]>::in_array(capacity).is_none());
        assert!(Slots::<[Slot; 23]>::in_array(capacity).is_some());
        let words = Vec::from([const { Slot::new() }; 22]).leak();
        assert!(Slots::in_place(words, capacity).is_none());
        assert!(Capacity::new(1025, 1).is_none() && Capacity::new(1, 8193).is_none());
    }
}
