//! `SeqCopy`: a walk copies the node's list out first, and uses the copy; by the `seqlock` crate.
//!
//! There is a [`SeqLock`] for each node, with both of its lists in one value: the this-node list is
//! the front of the fallback list, so a length tells it apart. A walk reads that value, which copies
//! it whole between two looks at the lock's counter, again and again until none of the copy was
//! written meanwhile. Then it goes through the copy, and nobody can disturb it any more: not even
//! for as long as it likes, since there is nothing that it holds up.
//!
//! **Why a walk is a snapshot.** A walk is over one list, and a publish writes each list under that
//! list's own lock. So a copy is of one version, and of none older than what was published last
//! when the walk began: whoever sees that publish return sees its counter too. Nothing is held
//! still between two walks of one guard, which may be of two versions; one lock around all lists
//! would not change that, and would have each walk copy them all.
//!
//! **What it costs.** The crate's value has a fixed size, so a list's longest length is part of the
//! type, and a walk copies that length whatever the list has. An allocation that the first zone
//! serves pays for the zones that it never looks at: choose `ZONES` no larger than the machine. The
//! copy stands on the walker's stack, four bytes a zone. Only the nodes' number is free to be
//! chosen at run time.
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

use seqlock::SeqLock;
use zonelist_core::{
    Capacity, Lists, MAX_NODES, NodeId, Request, Scope, SlotFilter, ZoneId, Zoneref,
    publish::{Allocates, At, Facts, Grace, Guarantee, Progress, PublishError, Scheme, StalledReader, Walk, Writer},
};

/// A sequence lock around each node's lists, of up to `ZONES` zones each.
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
    rows: Box<[SeqLock<Row<ZONES>>]>,
}

/// Both lists of a node.
#[derive(Clone, Copy, Debug)]
struct Row<const ZONES: usize> {
    /// The fallback list, with nothing behind its end.
    zones: [Option<Zoneref>; ZONES],
    /// How many of them, from the front, are the this-node list.
    own: usize,
}

impl<const ZONES: usize> Row<ZONES> {
    const EMPTY: Self = Self { zones: [None; ZONES], own: 0 };
}

impl<const ZONES: usize> SeqCopy<ZONES> {
    /// Room for nodes numbered below `nodes`, or below [`MAX_NODES`], if that is less. Every list is empty at first.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        const { assert!(ZONES <= ZoneId::LIMIT, "no list can have so many zones") };
        Self { rows: (0..nodes.min(MAX_NODES)).map(|_| SeqLock::new(Row::EMPTY)).collect() }
    }

    /// What it has room for.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        Capacity::new(self.rows.len(), ZONES).unwrap_or_else(|| unreachable!("`new` makes no more than there can be"))
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
}

impl<const ZONES: usize> Walk for CopyWalk<'_, ZONES> {}

impl<const ZONES: usize> Scheme for SeqCopy<ZONES> {
    const FACTS: Facts = Facts {
        scheme: "SeqCopy",
        package: "zonelist-seq",
        guarantee: Guarantee::Snapshot,
        readers: Progress::Blocking,
        writer: Progress::WaitFree,
        allocates: Allocates::Never,
        registers: false,
        interrupt_safe: false,
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
    fn pin<'g>(&'g self, (): &'g (), _: At<'g, Self>) -> &'g Self {
        self
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> CopyWalk<'w, ZONES> {
        let Row { mut zones, own } = scheme.rows.get(node.index()).map_or(Row::EMPTY, SeqLock::read);
        if filter.scope() == Scope::ThisNode
            && let Some(behind) = zones.get_mut(own)
        {
            *behind = None;
        }
        CopyWalk { zones, next: 0, filter }
    }

    fn publish(&self, next: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        self.capacity().check(next)?;
        for (row, node) in self.rows.iter().zip((0..).map_while(NodeId::new)) {
            let list = next.of(node, Scope::Fallback);
            let mut written = Row { own: next.of(node, Scope::ThisNode).len(), ..Row::EMPTY };
            written.zones.iter_mut().zip(list).for_each(|(zone, &entry)| *zone = Some(entry));
            *row.lock_write() = written;
        }
        Ok(())
    }
}
