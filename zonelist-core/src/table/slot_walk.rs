//! Walks over the slots of one list, and the request in the form that they read.

use core::marker::PhantomData;

use crate::{Request, Zoneref, ids::NodeSet, sync::hint::cold_path, table::slot::Word, zonelist::Scope};

/// A request in the form that a walk over slots reads fastest.
///
/// A word of an entry is larger the higher the entry's kind is. So one comparison decides most slots:
///
/// ```text
///   word - 1 < at_once      admitted by the kind alone   (an empty slot wraps around to the largest word)
///   word == 0               the end of the list
///   word - 1 < limit        the kind is eligible: admitted if the set of nodes contains the node
///   otherwise               the kind is too high: the next slot
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)] // The set of nodes comes last: it is large, and few requests have one.
pub struct SlotFilter {
    /// `limit` if the kind alone decides; 0, so that no word is below it, if the request has a set of nodes.
    at_once: u32,
    /// One below the first word that no entry of an eligible kind reaches.
    limit: u32,
    /// All ones for the this-node list, else 0.
    pub(super) own: usize,
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

    /// The scope of the request: which of a node's lists to walk.
    #[inline]
    #[must_use]
    pub const fn scope(&self) -> Scope {
        if self.own == 0 { Scope::Fallback } else { Scope::ThisNode }
    }

    /// True if the request admits an entry of this kind and node, as [`Request::admits`].
    #[inline]
    #[must_use]
    pub fn admits(&self, entry: Zoneref) -> bool {
        entry.word() - 1 < self.limit && self.nodes.as_ref().is_none_or(|nodes| nodes.contains(entry.node()))
    }
}

/// A walk over the slots of one list that the filter admits.
#[derive(Debug)]
pub struct SlotWalk<'w, W> {
    pub(super) next: *const W,
    pub(super) filter: &'w SlotFilter,
    pub(super) table: PhantomData<&'w [W]>,
}

impl<W> Clone for SlotWalk<'_, W> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<W: Word> SlotWalk<'_, W> {
    /// Loads one slot. Returns `Some(entry)` for an entry that is admitted, `Some(None)` at the end of the list, and
    /// `None` for an entry that the filter passes over.
    #[inline(always)]
    pub(crate) fn step(&mut self) -> Option<Option<Zoneref>> {
        // SAFETY: `next` is in the table: the walk began at the head of a segment and advanced only from slots that
        // held an entry, and the last slot of a segment never holds one.
        let entry = unsafe { &*self.next }.get();
        // An empty slot wraps around to the largest word, which is below no limit.
        let at_once = entry.map_or(0, Zoneref::word).wrapping_sub(1) < self.filter.at_once;
        if !at_once && entry.is_none() {
            return Some(None);
        }
        // SAFETY: `at_once` implies an entry, and a slot without one returned above.
        unsafe { core::hint::assert_unchecked(entry.is_some()) };
        // SAFETY: the slot held an entry, so it is not the last of its segment.
        self.next = unsafe { self.next.add(1) };
        (at_once || entry.is_some_and(|entry| self.filter.admits(entry))).then_some(entry)
    }
}

impl<W: Word> Iterator for SlotWalk<'_, W> {
    type Item = Zoneref;

    /// The same as repeated steps, with the likely outcome first: an entry that one comparison admits.
    #[inline]
    fn next(&mut self) -> Option<Zoneref> {
        loop {
            // SAFETY: `next` is in the table: the walk began at the head of a segment and advanced only from slots that
            // held an entry, and the last slot of a segment never holds one.
            let entry = unsafe { &*self.next }.get();
            // An empty slot wraps around to the largest word, which is below no limit.
            let at_once = entry.map_or(0, Zoneref::word).wrapping_sub(1) < self.filter.at_once;
            if !at_once && entry.is_none() {
                return None;
            }
            // SAFETY: the slot held an entry, so it is not the last of its segment.
            self.next = unsafe { self.next.add(1) };
            if at_once || entry.is_some_and(|entry| self.filter.admits(entry)) {
                return entry;
            }
            // Most walks are admitted by their first slot: the loop is laid out behind the return.
            cold_path();
        }
    }
}
