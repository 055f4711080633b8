//! A table with room for the zonelists of every node, in words that readers walk.
//!
//! A node's row is its fallback list and then its this-node list, each ended by an empty slot:
//!
//! ```text
//!   | fallback: up to `zones` zonerefs | 0 | this node: up to 6 zonerefs | 0 |   next node ...   | 0 |
//! ```
//!
//! **The invariant that a walk rests on**: the last slot of each segment, and the one behind the
//! last row, only ever hold 0. So a walk that starts at the head of a segment, or at that last
//! slot for a node the table has no row of, ends within the table, whatever stands in between and
//! however it changes under the walk.

use core::marker::PhantomData;

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};

use crate::{
    Capacity, CapacityError, NodeId, NodeSet, Request, Scope, ZonelistsRef, Zoneref,
    sync::hint::cold_path,
    sync::{
        atomic::{AtomicU32, Ordering::Relaxed},
        const_fn,
    },
    table::capacity::Layout,
};

/// A slot that is rewritten while readers look at it.
///
/// Every load and store is `Relaxed`: a slot is one word, and what one slot says about another is
/// the scheme's business.
#[derive(Debug)]
pub struct Slot(AtomicU32);

impl Slot {
    const_fn! {
        /// An empty slot.
        #[must_use]
        pub const fn new() -> Self {
            Self(AtomicU32::new(0))
        }
    }

    #[inline]
    fn put(&self, entry: Option<Zoneref>) {
        self.store(entry.map_or(0, Zoneref::word));
    }

    #[inline(always)]
    pub(crate) fn load(&self) -> u32 {
        self.0.load(Relaxed)
    }

    #[inline]
    pub(crate) fn store(&self, word: u32) {
        self.0.store(word, Relaxed);
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What a table is made of: a [`Slot`], or a plain `Option<Zoneref>` if the table is not written any more.
pub trait Word: sealed::Sealed {
    /// What the slot holds.
    fn get(&self) -> Option<Zoneref>;
}

impl sealed::Sealed for Slot {}

impl Word for Slot {
    #[inline]
    fn get(&self) -> Option<Zoneref> {
        Zoneref::in_slot(self.load())
    }
}

impl sealed::Sealed for Option<Zoneref> {}

impl Word for Option<Zoneref> {
    #[inline]
    fn get(&self) -> Option<Zoneref> {
        *self
    }
}

/// Where a table's words are: in the table itself, in a box, or in memory that the caller gave for good.
///
/// Sealed: a table's walks rely on getting the same words every time.
///
/// ```compile_fail,E0277
/// use zonelist_core::{Slot, Storage};
/// struct Mine(Vec<Slot>);
/// impl Storage for Mine {
///     type Word = Slot;
///     fn words(&self) -> &[Slot] { &self.0 }
/// }
/// ```
pub trait Storage: sealed::Sealed {
    /// What a slot is.
    type Word: Word;

    /// All words.
    fn words(&self) -> &[Self::Word];
}

macro_rules! storage {
    ([$($generics:tt)*] $type:ty, $word:ty) => {
        impl<$($generics)*> sealed::Sealed for $type {}

        impl<$($generics)*> Storage for $type {
            type Word = $word;

            #[inline]
            fn words(&self) -> &[$word] {
                self
            }
        }
    };
}
storage!([const N: usize] [Slot; N], Slot);
storage!([] &'static mut [Slot], Slot);
#[cfg(feature = "alloc")]
storage!([] Box<[Slot]>, Slot);
#[cfg(feature = "alloc")]
storage!([] Box<[Option<Zoneref>]>, Option<Zoneref>);

/// A request in the form that a walk over slots reads fastest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)] // The set of nodes, which is large and seldom there, comes last.
pub struct SlotFilter {
    /// What the word of an entry has to be below, less one, to be let through as it is: the first
    /// that no entry of an eligible kind reaches, or 0 if it depends on the node too.
    at_once: u32,
    /// One below the first word that no entry of an eligible kind reaches.
    limit: u32,
    /// All ones for the this-node list, else 0.
    own: usize,
    nodes: Option<NodeSet>,
}

impl SlotFilter {
    /// The filter of a request.
    #[must_use]
    pub const fn new(request: &Request) -> Self {
        let own = match request.scope {
            Scope::Fallback => 0,
            Scope::ThisNode => usize::MAX,
        };
        let limit = Zoneref::limit(request.highest);
        let at_once = if request.nodes.is_none() { limit } else { 0 };
        Self { at_once, limit, own, nodes: request.nodes }
    }

    /// Which of a node's lists it is for.
    #[inline]
    #[must_use]
    pub const fn scope(&self) -> Scope {
        if self.own == 0 { Scope::Fallback } else { Scope::ThisNode }
    }

    /// Whether an entry's kind and node will do, as [`Request::admits`] says.
    #[inline]
    #[must_use]
    pub fn admits(&self, entry: Zoneref) -> bool {
        entry.word() - 1 < self.limit && self.nodes.as_ref().is_none_or(|nodes| nodes.contains(entry.node()))
    }
}

/// A table of zonelists. Walks borrow it; what a rewrite under them may show is up to the scheme.
#[derive(Clone, Debug)]
pub struct Slots<S> {
    words: S,
    capacity: Capacity,
    layout: Layout,
}

impl<S> Slots<S> {
    /// The words must be empty, and as many as [`Capacity::words`] says.
    pub(crate) const fn over(words: S, capacity: Capacity) -> Self {
        Self { words, capacity, layout: Layout::of(capacity) }
    }
}

#[cfg(not(loom))]
impl<const N: usize> Slots<[Slot; N]> {
    /// An empty table within itself, for a `static`; `None` unless it is of [`Capacity::words`] words.
    #[must_use]
    pub const fn in_array(capacity: Capacity) -> Option<Self> {
        if N == capacity.words() { Some(Self::over([const { Slot::new() }; N], capacity)) } else { None }
    }
}

impl Slots<&'static mut [Slot]> {
    /// A table in memory that the caller gives for good; `None` unless it is of [`Capacity::words`] words.
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
    /// The table of these lists, never to be rewritten: for schemes that swap whole versions.
    #[must_use]
    pub fn fixed(lists: ZonelistsRef<'_>) -> Self {
        let capacity = Capacity::of(lists);
        let mut words = Vec::new();
        words.resize(capacity.words(), None);
        for (segment, list) in capacity.segments(lists) {
            for (word, &entry) in words.get_mut(segment).unwrap_or_default().iter_mut().zip(list) {
                *word = Some(entry);
            }
        }
        Self::over(words.into_boxed_slice(), capacity)
    }
}

impl<S: Storage> Slots<S> {
    /// What it has room for.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Begins a walk of one list; a node without a row has an empty one.
    ///
    /// Touches no slot before the first `next`.
    #[inline]
    #[must_use]
    pub fn walk<'w>(&'w self, node: NodeId, filter: &'w SlotFilter) -> SlotWalk<'w, S::Word> {
        // SAFETY: the words are this very table's.
        unsafe { self.walk_from(self.words.words().as_ptr(), node, filter) }
    }

    /// Begins a walk in the words from `head` on.
    ///
    /// # Safety
    /// They are a table's of this capacity, and are there as long as `self`.
    #[inline]
    pub(crate) unsafe fn walk_from<'w>(
        &'w self,
        head: *const S::Word,
        node: NodeId,
        filter: &'w SlotFilter,
    ) -> SlotWalk<'w, S::Word> {
        let Layout { nodes, stride, own, end } = self.layout;
        let start = if node.index() < nodes {
            node.index() * stride + (own & filter.own)
        } else {
            cold_path();
            end
        };
        // SAFETY: a table has `nodes` rows of `stride` words and one word more, which every
        // constructor checks: `start` is in a row, or that one word.
        let next = unsafe { head.add(start) };
        SlotWalk { next, filter, table: PhantomData }
    }

    pub(crate) fn head(&self) -> *const S::Word {
        self.words.words().as_ptr()
    }
}

impl<S: Storage<Word = Slot>> Slots<S> {
    /// Whether the lists fit.
    ///
    /// # Errors
    /// Says what they need and what there is.
    pub fn check(&self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        self.capacity.check(lists)
    }

    /// Rewrites the table to these lists, list by list: slots from left to right, then the
    /// terminator, then the tail behind it is cleared.
    ///
    /// Linux since 4.14 writes in the same order and leaves the tail; a later, longer list can then
    /// show a zone long gone. No slot is loaded here, so that loom misses no interleaving: its
    /// search is blind to a thread that stores to what it has just loaded.
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
            let cleared = crate::sync::or_mutant!(tail.len() => 1, "slots: tail kept");
            tail.iter().take(cleared).for_each(|slot| slot.put(None));
        }
        Ok(())
    }
}

/// A walk over the slots of one list that the filter admits.
#[derive(Debug)]
pub struct SlotWalk<'w, W> {
    next: *const W,
    filter: &'w SlotFilter,
    table: PhantomData<&'w [W]>,
}

impl<W> Clone for SlotWalk<'_, W> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<W: Word> SlotWalk<'_, W> {
    /// Looks at one slot: the entry, or the end, or nothing yet if the filter passes it over.
    #[inline(always)]
    pub(crate) fn step(&mut self) -> Option<Option<Zoneref>> {
        // SAFETY: `next` is in the table: it began at the head of a segment, went on only from
        // slots that held an entry, and the last slot of a segment never holds one.
        let entry = unsafe { &*self.next }.get();
        // An empty slot wraps around to the largest word, which no limit lets through.
        let at_once = entry.map_or(0, Zoneref::word).wrapping_sub(1) < self.filter.at_once;
        if !at_once && entry.is_none() {
            return Some(None);
        }
        // SAFETY: what is let through is not empty, and nor is what did not return just now.
        unsafe { core::hint::assert_unchecked(entry.is_some()) };
        // SAFETY: the slot held an entry, so it is not the last of its segment.
        self.next = unsafe { self.next.add(1) };
        (at_once || entry.is_some_and(|entry| self.filter.admits(entry))).then_some(entry)
    }
}

impl<W: Word> Iterator for SlotWalk<'_, W> {
    type Item = Zoneref;

    /// As if step by step, but what the filter lets through at once comes first: one comparison.
    #[inline]
    fn next(&mut self) -> Option<Zoneref> {
        loop {
            // SAFETY: as in `step`.
            let entry = unsafe { &*self.next }.get();
            let at_once = entry.map_or(0, Zoneref::word).wrapping_sub(1) < self.filter.at_once;
            if !at_once && entry.is_none() {
                return None;
            }
            // SAFETY: as in `step`: what is let through at once is not empty.
            self.next = unsafe { self.next.add(1) };
            if at_once || entry.is_some_and(|entry| self.filter.admits(entry)) {
                return entry;
            }
            cold_path();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
