//! `SeqCopy`: a walk copies the node's list out first, and uses the copy; by the `seqlock` crate.
//!
//! There is a [`SeqLock`] around each list. A walk reads its value, which copies it whole between two
//! looks at the lock's counter, again and again until nothing of it was written meanwhile. Then it
//! goes through the copy, where nobody disturbs it and it holds up nobody.
//!
//! **Why a walk is a snapshot.** A walk is over one list, and a publish writes each list under that
//! list's own lock. So a copy is of one version, and of none older than what was published last
//! when the walk began: whoever sees that publish return sees its counter too. Nothing is held
//! still between two walks of one guard, which may be of two versions. One lock around all lists
//! could not change that, as long as a walk copies when it begins, and would have it copy them all.
//!
//! **What it costs.** The crate's value has a fixed size, so a list's longest length is part of the
//! type, and a walk copies that length whatever the list has. An allocation that the first zone
//! serves pays for the zones that it never looks at: choose `ZONES` no larger than the machine. The
//! copy stands on the walker's stack, four bytes a zone. Only the nodes' number is free to be
//! chosen at run time. The volatile copy is compiled into a load and a store of each zone, which
//! sets a limit of its own: beyond a few thousand zones the compiler takes minutes.
//!
//! **Who waits for whom.** A walk waits while its own list is written, and yields to the scheduler:
//! if the publishing thread loses its CPU within that list, readers of the list wait until it is
//! back. In a signal handler that interrupted it they would wait for ever. A publish never waits.
//!
//! **What is not proven.** The crate copies with a volatile read what a writer may be writing. That
//! is a data race in Rust's model, whatever becomes of the copy, and it has been reported to the
//! crate as such; what holds it up is that compilers take volatile accesses as they stand. Model
//! checkers, Miri and thread sanitizers reject it, so that this scheme is checked by stress alone.
//! [`SeqRetry`](crate::SeqRetry) reads words atomically and has no such question.

use std::iter::repeat_with;

#[cfg(not(shuttle))]
use ::seqlock::SeqLock;
use zonelist_core::{
    Capacity, Lists, MAX_NODES, NodeId, Request, Scope, SlotFilter, ZoneId, Zoneref,
    publish::{
        Allocates, Facts, Forked, Grace, Guarantee, Progress, PublishError, ReadToken, Scheme, StalledReader, Walk,
        Writer,
    },
    sync::CutSlice,
};

#[cfg(shuttle)]
use crate::scheduled::SeqLock;

/// A sequence lock around each list, of up to `ZONES` zones.
///
#[doc = include_str!("seq_copy.md")]
///
/// ```
/// use zonelist_core::publish::{FullFence, Published};
/// use zonelist_seq::SeqCopy;
///
/// // Two nodes, and lists of up to eight zones.
/// let published: Published<_, FullFence, 1> = Published::new(SeqCopy::<8>::new(2));
/// assert!(published.reader().is_ok());
/// ```
#[derive(Debug)]
pub struct SeqCopy<const ZONES: usize> {
    /// Of each node the fallback list, and the this-node list; nothing stands behind a list's end. Cut off if a lock
    /// of some list is held for ever.
    lists: CutSlice<List<ZONES>>,
    /// What a node without lists has: copied like all others, as a choice of two copies would cost as much as a third.
    empty: Box<List<ZONES>>,
}

type List<const ZONES: usize> = SeqLock<[Option<Zoneref>; ZONES]>;

/// Longest lists that are copied in the walk's own code: the compiler makes a load and a store of each zone.
const INLINE: usize = 64;

/// Its code is there once for all walks: that of a thousand zones takes the compiler seconds, and four
/// times as long for twice as many.
#[inline(never)]
fn out_of_line<const ZONES: usize>(list: &List<ZONES>) -> [Option<Zoneref>; ZONES] {
    list.read()
}

/// Which of a node's lists is where.
const SCOPES: [Scope; 2] = [Scope::Fallback, Scope::ThisNode];

impl<const ZONES: usize> SeqCopy<ZONES> {
    /// Room for nodes numbered below `nodes`, or below [`MAX_NODES`], if that is less. Every list is empty at first.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        const { assert!(ZONES <= ZoneId::LIMIT, "no list can have so many zones") };
        let (lists, empty) = (nodes.min(MAX_NODES) * SCOPES.len(), || SeqLock::new([None; ZONES]));
        Self { lists: repeat_with(empty).take(lists).collect(), empty: Box::new(empty()) }
    }

    /// What it has room for.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        let nodes = self.lists.all().len() / SCOPES.len();
        Capacity::new(nodes, ZONES).unwrap_or_else(|| unreachable!("`new` makes no more than there can be"))
    }
}

/// A walk over a copy of its own.
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

    /// The same at one go, in one loop over the copy: half the instructions a zone.
    #[inline(always)]
    fn fold<T, F: FnMut(T, Zoneref) -> T>(self, begin: T, each: F) -> T {
        let rest = self.zones.get(self.next..).unwrap_or_default();
        rest.iter().map_while(|&zone| zone).filter(|&entry| self.filter.admits(entry)).fold(begin, each)
    }
}

impl<const ZONES: usize> Walk for CopyWalk<'_, ZONES> {}

impl<const ZONES: usize> Scheme for SeqCopy<ZONES> {
    const FACTS: Facts = Facts {
        scheme: "SeqCopy",
        package: "zonelist-seq",
        card: include_str!("seq_copy.md"),
        guarantee: Guarantee::Snapshot,
        readers: Progress::Blocking,
        writer: Progress::WaitFree,
        allocates: Allocates::Never,
        registers: false,
        interrupt_safe: false,
        below_allocator: true,
        after_fork: false,
        tls_destructor: true,
        retires: false,
        stalled_reader: StalledReader::Bounded,
        no_std: false,
        no_alloc: false,
    };
    const GRACE: Grace = Grace::None;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = CopyWalk<'w, ZONES>;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> CopyWalk<'w, ZONES> {
        let list = node.index() * SCOPES.len() + usize::from(filter.scope() == SCOPES[1]);
        let list = scheme.lists.get(list).unwrap_or(&scheme.empty);
        let zones = if ZONES <= INLINE { list.read() } else { out_of_line(list) };
        CopyWalk { zones, next: 0, filter }
    }

    fn publish(&self, next: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        self.capacity().check(next)?;
        for (pair, node) in self.lists.all().chunks(SCOPES.len()).zip((0..).map_while(NodeId::new)) {
            for (list, scope) in pair.iter().zip(SCOPES) {
                let entries = next.of(node, scope);
                let mut zones = list.lock_write();
                let (live, tail) = zones.split_at_mut(entries.len());
                live.iter_mut().zip(entries).for_each(|(zone, &entry)| *zone = Some(entry));
                tail.iter_mut().take_while(|zone| zone.is_some()).for_each(|zone| *zone = None);
            }
        }
        Ok(())
    }

    /// A list whose lock is held for ever could not be copied.
    fn forked(&self, fork: Forked) {
        if fork.publish && self.lists.all().iter().any(|list| list.try_lock_write().is_none()) {
            self.lists.cut();
        }
    }
}
