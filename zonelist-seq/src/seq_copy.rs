//! `SeqCopy`: a walk copies its list under a sequence lock, and iterates over the copy; by the `seqlock` crate.
//!
//! ```text
//!   publish, for each list:           walk of one list:
//!     lock: sequence is now odd         repeat
//!     write the list                      before := sequence
//!     unlock: sequence is now even        copy the list (volatile)
//!                                       until before is even, and sequence is still before
//!                                       iterate over the copy
//! ```
//!
//! There is a [`SeqLock`] for each list, which readers never lock. The copy is the walk's own: no publish changes it,
//! and it holds up no publish.
//!
//! **Why a walk is a snapshot.** A walk is of one list, and a publish writes each list under the lock of that list. So
//! a copy is of one version. It is not older than the last version whose publish had returned when the walk began,
//! since a reader that sees the publish return also sees its sequence number. Two walks of one guard may show two
//! versions. One lock for all lists could not change that as long as a walk copies when it begins, and would copy all
//! lists.
//!
//! **What it costs.** The value of the crate's lock has a fixed size. So the greatest length of a list is part of the
//! type, and a walk copies that length, whatever the list has. An allocation that the first zone serves pays for the
//! zones behind it too: choose `ZONES` no larger than the machine needs. The copy is on the walker's stack, four bytes
//! a zone. Only the number of nodes is chosen at run time. The compiler turns the volatile copy into a load and a store
//! of each zone. Beyond a few thousand zones that takes it minutes.
//!
//! **What waits for what.** A walk waits while its list is written, and yields to the scheduler. If the publishing
//! thread loses its CPU within that list, readers of the list wait until it runs again. A signal handler that
//! interrupted the publish there would wait for ever. A publish never waits.
//!
//! **What is not proven.** The crate copies with a volatile read what a writer may be writing. That is a data race in
//! Rust's model, even though the copy is dropped, and it has been reported to the crate. It works because
//! compilers leave volatile accesses as they are. Model checkers, Miri and thread sanitizers reject it, so that stress
//! alone checks this scheme. [`SeqRetry`](crate::SeqRetry) loads words atomically, and has no such race.

use std::iter::repeat_with;

#[cfg(not(shuttle))]
use ::seqlock::SeqLock;
use zonelist_core::{
    NodeId, ZoneId, Zoneref,
    publish::{
        Allocates, Facts, Forked, Guarantee, Progress, PublishError, ReadToken, ReaderProtocol, Scheme, StalledReader,
        Walk, Writer,
    },
    sync::HideableSlice,
    table::{Capacity, SlotFilter},
    topology::MAX_NODES,
    zonelist::{Scope, ZonelistsRef},
};

#[cfg(shuttle)]
use crate::scheduled::SeqLock;

/// A sequence lock around each list, of up to `ZONES` zones.
///
#[doc = include_str!("seq_copy.md")]
///
/// ```
/// use zonelist_core::publish::Published;
/// use zonelist_seq::SeqCopy;
///
/// // Two nodes, and lists of up to eight zones.
/// let published = Published::new(SeqCopy::<8>::new(2));
/// assert!(published.reader().is_ok());
/// ```
#[derive(Debug)]
pub struct SeqCopy<const ZONES: usize> {
    /// Of each node the fallback list, and the this-node list; every zone behind a list's end is `None`. Cut off if a
    /// fork left some list locked for ever.
    lists: HideableSlice<List<ZONES>>,
    /// The list of a node without lists. Copied like all others: a branch around the copy would cost as much.
    empty: Box<List<ZONES>>,
}

type List<const ZONES: usize> = SeqLock<[Option<Zoneref>; ZONES]>;

/// Greatest length of a list that is copied by inlined code: the compiler makes a load and a store of each zone.
const INLINE: usize = 64;

/// Copies a list by code that all walks share: a thousand zones take the compiler seconds, and twice as many take four
/// times as long.
#[inline(never)]
fn out_of_line<const ZONES: usize>(list: &List<ZONES>) -> [Option<Zoneref>; ZONES] {
    list.read()
}

/// The lists of a node, in the sequence in which `SeqCopy::lists` has them.
const SCOPES: [Scope; 2] = [Scope::Fallback, Scope::ThisNode];

impl<const ZONES: usize> SeqCopy<ZONES> {
    /// A scheme with room for nodes numbered below `nodes`, or below [`MAX_NODES`] if that is less. Every list is
    /// empty.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        const { assert!(ZONES <= ZoneId::LIMIT, "a list has at most `ZoneId::LIMIT` zones") };
        let (lists, empty) = (nodes.min(MAX_NODES) * SCOPES.len(), || SeqLock::new([None; ZONES]));
        Self { lists: repeat_with(empty).take(lists).collect(), empty: Box::new(empty()) }
    }

    /// The nodes and zones that there is room for.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        let nodes = self.lists.as_slice().len() / SCOPES.len();
        Capacity::new(nodes, ZONES).unwrap_or_else(|| unreachable!("`new` makes no more than there can be"))
    }
}

/// A walk over a copy of the list.
#[derive(Clone, Debug)]
pub struct CopyWalk<'w, const ZONES: usize> {
    zones: [Option<Zoneref>; ZONES],
    next: usize,
    filter: &'w SlotFilter,
}

impl<const ZONES: usize> Iterator for CopyWalk<'_, ZONES> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        while let Some(&Some(entry)) = self.zones.get(self.next) {
            self.next += 1;
            if self.filter.admits(entry) {
                return Some(entry);
            }
        }
        None
    }

    /// Folds over the rest of the copy in one loop: half the instructions a zone of repeated `next`.
    #[inline(always)]
    fn fold<T, F: FnMut(T, Zoneref) -> T>(self, begin: T, each: F) -> T {
        let rest = self.zones.get(self.next..).unwrap_or_default();
        rest.iter().map_while(|&zone| zone).filter(|&entry| self.filter.admits(entry)).fold(begin, each)
    }
}

impl<const ZONES: usize> Walk for CopyWalk<'_, ZONES> {}

impl<const ZONES: usize> Scheme for SeqCopy<ZONES> {
    const FACTS: Facts = Facts::new("SeqCopy", env!("CARGO_PKG_NAME"))
        .card(include_str!("seq_copy.md"))
        .guarantee(Guarantee::Snapshot)
        .readers(Progress::Blocking)
        .writer(Progress::WaitFree)
        .allocates(Allocates::Never)
        .no_registration()
        .below_allocator()
        .tls_destructor()
        // Neither `no_std` nor `no_alloc`: the crate needs std, and the lists are on the heap.
        .stalled_reader(StalledReader::Bounded);
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = CopyWalk<'w, ZONES>;
    zonelist_core::slot_readers!();

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> CopyWalk<'w, ZONES> {
        let list = node.index() * SCOPES.len() + usize::from(filter.scope() == SCOPES[1]);
        let list = scheme.lists.get(list).unwrap_or(&scheme.empty);
        // The crate orders the copy with `lock_write` in `SeqCopy::publish`, and repeats it if the sequence number
        // changed.
        let zones = if ZONES <= INLINE { list.read() } else { out_of_line(list) };
        CopyWalk { zones, next: 0, filter }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        self.capacity().check(next)?;
        for (pair, node) in self.lists.as_slice().chunks(SCOPES.len()).zip((0..).map_while(NodeId::new)) {
            for (list, scope) in pair.iter().zip(SCOPES) {
                let entries = next.of(node, scope);
                // Odd from here to the end of the block. The crate orders it with the copies in `SeqCopy::walk`.
                let mut zones = list.lock_write();
                let (live, tail) = zones.split_at_mut(entries.len());
                live.iter_mut().zip(entries).for_each(|(zone, &entry)| *zone = Some(entry));
                // Behind the old end every zone is `None` already.
                tail.iter_mut().take_while(|zone| zone.is_some()).for_each(|zone| *zone = None);
            }
        }
        Ok(())
    }

    /// Cuts off all lists if some list is locked for ever, since a walk of it would never end. Every list is then
    /// empty.
    fn forked(&self, fork: Forked) {
        if fork.publish && self.lists.as_slice().iter().any(|list| list.try_lock_write().is_none()) {
            self.lists.hide();
        }
    }
}
