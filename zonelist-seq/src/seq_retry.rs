//! `SeqRetry`: the live slots are rewritten, and a walk that is about to fail compares a sequence number.
//!
//! Linux since 6.0 ("mm/page_alloc: fix race condition between build_all_zonelists and page allocation").
//!
//! ```text
//!   publish, under the writer lock:   walk:
//!     sequence += 1 (now odd)           begun := sequence   (Acquire)
//!     release fence                     read slots, torn or not
//!     rewrite the slots                 about to fail, `must_retry`:
//!     sequence += 1 (now even,            acquire fence
//!       Release)                          torn if begun is odd, or sequence is not begun
//! ```
//!
//! An allocation that a zone serves never compares: it pays for one load, and neither copies nor spins.
//!
//! **Why a torn walk is reported.** A walk is torn only if one of its loads saw a store of a rewrite whose end
//! its load of `begun` had not seen. Otherwise it saw one version. There are three cases:
//!
//! - `begun` is odd: a rewrite was under way. The walk is reported, whatever it saw.
//! - `begun` is even, and a load saw a store of a later rewrite. The writer made `sequence` odd before its release
//!   fence, and that store came behind the fence. The reader's acquire fence comes behind the load. From
//!   fence to fence, the second load of `sequence` sees that odd number or a later one. The walk is reported.
//! - `begun` is even, and no load saw a later rewrite. All stores of earlier rewrites are seen, since the load of
//!   `begun` (Acquire) pairs with the store (Release) that ended the last of them. The walk is not torn.
//!
//! The word wraps around. A walk that sleeps through exactly 2⁶³ publishes (2³¹ on a 32-bit CPU) is not reported.

// Not explored: the count of rewrites is the writer's alone, which stores numbers that no reader loads.
use core::sync::atomic as unmodelled;

use zonelist_core::{
    NodeId, Zoneref,
    publish::{
        Allocates, Facts, Forked, Guarantee, Progress, PublishError, ReadToken, ReaderProtocol, Scheme, StalledReader,
        Walk, Writer,
    },
    sync::{
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
            fence,
        },
        const_fn, or_mutant,
    },
    table::{Slot, SlotFilter, SlotWalk, Slots, Storage},
    zonelist::ZonelistsRef,
};

/// One table, rewritten in place between two increments of a sequence number.
///
#[doc = include_str!("seq_retry.md")]
///
/// ```
/// use zonelist_core::{publish::Published, table::{Capacity, Slot, Slots}};
/// use zonelist_seq::SeqRetry;
///
/// const CAPACITY: Capacity = Capacity::new(8, 24).unwrap();
/// static LISTS: Published<SeqRetry<[Slot; CAPACITY.words()]>> = Published::with_slots(
///     SeqRetry::new(Slots::in_array(CAPACITY).unwrap()),
///     // SAFETY: the initializer of a static is evaluated once.
///     unsafe { zonelist_core::static_reader_slots!(64) },
/// );
/// assert!(LISTS.reader().is_ok());
/// ```
#[derive(Debug)]
pub struct SeqRetry<T> {
    /// Odd while the table is rewritten.
    sequence: AtomicUsize,
    table: Slots<T>,
    /// The number of rewrites. Only writers use it, under the writer lock. It is not the version's number: a version
    /// that was not published has the same number as the next one. It is not loaded from `sequence`: loom misses
    /// interleavings in which a thread stores to an atomic that it has just loaded.
    rewrites: unmodelled::AtomicUsize,
}

impl<T> SeqRetry<T> {
    const_fn! {
        /// A scheme that publishes through this table.
        #[must_use]
        pub const fn new(table: Slots<T>) -> Self {
            Self { sequence: AtomicUsize::new(0), table, rewrites: unmodelled::AtomicUsize::new(0) }
        }
    }
}

/// A walk with the sequence number at which it began.
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
        // Acquire: pairs with the release fence in `publish`. If a slot showed a store behind that fence, the load
        // below sees the odd number before it.
        fence(Acquire);
        or_mutant!(self.begun % 2 == 1 => false, "seq: odd trusted") || self.sequence.load(Relaxed) != self.begun
    }
}

impl<T: Storage<Word = Slot> + Sync> Scheme for SeqRetry<T> {
    const FACTS: Facts = Facts::new("SeqRetry", env!("CARGO_PKG_NAME"))
        .card(include_str!("seq_retry.md"))
        .guarantee(Guarantee::Detected)
        // A walk is torn for as long as a publish takes.
        .readers(Progress::Blocking)
        .writer(Progress::WaitFree)
        .allocates(Allocates::Never)
        .no_registration()
        .interrupt_safe()
        .below_allocator()
        .tls_destructor()
        .stalled_reader(StalledReader::Bounded)
        .no_std()
        .no_alloc();
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g>
        = &'g Self
    where
        T: 'g;
    type Walk<'w>
        = SeqWalk<'w>
    where
        T: 'w;
    zonelist_core::slot_readers!();

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> SeqWalk<'w> {
        // Acquire: pairs with the release store that ends `publish`, so that all slots of that version are seen.
        let begun = scheme.sequence.load(Acquire);
        SeqWalk { slots: scheme.table.walk(node, filter), sequence: &scheme.sequence, begun }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        self.table.check(next)?;
        let rewrites = self.rewrites.load(unmodelled::Ordering::Relaxed).wrapping_add(1);
        self.rewrites.store(rewrites, unmodelled::Ordering::Relaxed);
        // Two steps for each rewrite.
        let after = rewrites.wrapping_mul(2);
        self.sequence.store(after.wrapping_sub(1), Relaxed);
        // Release: pairs with the acquire fence in `must_retry`. A walk that saw a store behind this fence sees the odd
        // number.
        fence(Release);
        let rewritten = self.table.rewrite(next);
        // Release: pairs with the acquire load in `walk`.
        self.sequence.store(after, Release);
        Ok(rewritten?)
    }

    /// Empties every list if a rewrite was cut short. Otherwise every later walk would report that it may be torn.
    fn forked(&self, fork: Forked) {
        let sequence = self.sequence.load(Relaxed);
        if fork.publish && sequence % 2 == 1 {
            let emptied = self.table.rewrite(ZonelistsRef::EMPTY);
            debug_assert!(emptied.is_ok(), "{emptied:?}");
            // Release: pairs with the acquire load in `walk`, as at the end of `publish`.
            self.sequence.store(sequence.wrapping_add(1), Release);
        }
    }
}
