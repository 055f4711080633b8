//! `SeqRetry`: the live slots are rewritten, and a reader about to fail asks whether they were.
//!
//! Linux since 6.0 ("mm/page_alloc: fix race condition between build_all_zonelists and page
//! allocation"). A counter is odd while the table is rewritten. A walk notes it at its start and
//! walks the live slots, torn or not; only a walk that is about to give up compares. So an
//! allocation served on the way pays for one load, and nobody copies or spins.
//!
//! **Why a torn walk is told.** A walk is torn only if one of its loads saw a store of a rewrite
//! that its start did not: had it seen no such store, it saw one version.
//!
//! - If the note is odd, a rewrite was under way: told, whatever was seen.
//! - Otherwise say a load saw a store of a later rewrite. The writer made the counter odd before a
//!   release fence, and that store came after the fence. The reader's acquire fence comes after
//!   the load. Fence to fence, the reader's second look at the counter sees odd or later: told.
//! - Otherwise no load saw a later rewrite; and all stores of earlier ones are seen, since the
//!   note was loaded with acquire from the release store that ended the last of them.
//!
//! The word wraps around: a walk that sleeps through exactly 2⁶³ publishes (2³¹ on a 32-bit CPU)
//! is not told.

use core::sync::atomic as unmodelled;

use zonelist_core::{
    Lists, NodeId, Request, Slot, SlotFilter, SlotWalk, Slots, Storage, Zoneref,
    publish::{
        Allocates, Facts, Forked, Grace, Guarantee, Progress, PublishError, ReadToken, Scheme, StalledReader, Walk,
        Writer,
    },
    sync::{
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
            fence,
        },
        const_fn, fault,
    },
};

/// One table, rewritten in place between two steps of a counter.
///
#[doc = include_str!("seq_retry.md")]
///
/// ```
/// use zonelist_core::{Capacity, Slot, Slots, publish::{FullFence, Published}};
/// use zonelist_seq::SeqRetry;
///
/// const CAPACITY: Capacity = Capacity::new(8, 24).unwrap();
/// static LISTS: Published<SeqRetry<[Slot; CAPACITY.words()]>, FullFence, 1> =
///     Published::new(SeqRetry::new(Slots::in_array(CAPACITY).unwrap()));
/// assert!(LISTS.reader().is_ok());
/// ```
#[derive(Debug)]
pub struct SeqRetry<T> {
    /// Odd while the table is rewritten.
    sequence: AtomicUsize,
    table: Slots<T>,
    /// How often it was rewritten, for the writer alone, whose lock orders it. Not the version's number: that is given out
    /// again where a publish fails. Not loaded from `sequence`: loom misses interleavings in which a thread stores to what
    /// it has just loaded.
    rewrites: unmodelled::AtomicUsize,
}

impl<T> SeqRetry<T> {
    const_fn! {
        /// Publishes through this table.
        #[must_use]
        pub const fn new(table: Slots<T>) -> Self {
            Self { sequence: AtomicUsize::new(0), table, rewrites: unmodelled::AtomicUsize::new(0) }
        }
    }
}

/// A walk that knows the sequence number it began at.
#[derive(Clone, Debug)]
pub struct SeqWalk<'w> {
    slots: SlotWalk<'w, Slot>,
    sequence: &'w AtomicUsize,
    begun: usize,
}

impl Iterator for SeqWalk<'_> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        self.slots.next()
    }
}

impl Walk for SeqWalk<'_> {
    #[inline]
    fn must_retry(&self) -> bool {
        // Pairs with the release fence in `publish`.
        fence(Acquire);
        self.begun % 2 == 1 && !fault("seq: odd trusted") || self.sequence.load(Relaxed) != self.begun
    }
}

impl<T: Storage<Word = Slot> + Sync> Scheme for SeqRetry<T> {
    const FACTS: Facts = Facts {
        scheme: "SeqRetry",
        package: "zonelist-seq",
        card: include_str!("seq_retry.md"),
        guarantee: Guarantee::Detected,
        readers: Progress::Blocking,
        writer: Progress::WaitFree,
        allocates: Allocates::Never,
        registers: false,
        interrupt_safe: true,
        below_allocator: true,
        after_fork: false,
        tls_destructor: true,
        retires: false,
        stalled_reader: StalledReader::Bounded,
        no_std: true,
        no_alloc: true,
    };
    const GRACE: Grace = Grace::None;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g>
        = &'g Self
    where
        T: 'g;
    type Walk<'w>
        = SeqWalk<'w>
    where
        T: 'w;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> SeqWalk<'w> {
        // Acquire: pairs with the release store that ends a publish.
        let begun = scheme.sequence.load(Acquire);
        SeqWalk { slots: scheme.table.walk(node, filter), sequence: &scheme.sequence, begun }
    }

    fn publish(&self, next: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        self.table.check(next)?;
        let rewrites = self.rewrites.load(unmodelled::Ordering::Relaxed).wrapping_add(1);
        self.rewrites.store(rewrites, unmodelled::Ordering::Relaxed);
        // Two steps each time.
        let after = rewrites.wrapping_mul(2);
        self.sequence.store(after.wrapping_sub(1), Relaxed);
        // Pairs with the acquire fence in `must_retry`.
        fence(Release);
        let rewritten = self.table.rewrite(next);
        self.sequence.store(after, Release);
        Ok(rewritten?)
    }

    /// Amid a rewriting every list is emptied, or each walk would be told to retry.
    fn forked(&self, fork: Forked) {
        let sequence = self.sequence.load(Relaxed);
        if fork.publish && sequence % 2 == 1 {
            let emptied = self.table.rewrite(Lists::EMPTY);
            debug_assert!(emptied.is_ok(), "{emptied:?}");
            self.sequence.store(sequence.wrapping_add(1), Release);
        }
    }
}
