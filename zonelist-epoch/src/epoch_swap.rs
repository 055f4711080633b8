//! `EpochSwap`: a pointer to the current version, swapped; old versions are freed by crossbeam-epoch.
//!
//! A reader pins the collector and loads the pointer: what it points to stays until the reader
//! unpins. A publish builds the next version on the heap, swaps the pointer, and defers the
//! destruction of the old one until every reader that was pinned then has unpinned.
//!
//! **Why a walk is a snapshot.** A version is never written once the release half of the swap has
//! published it, and the reader's acquire load pairs with that. It is freed two epochs after it
//! was unlinked, and a reader pinned before keeps the epoch from getting there.
//!
//! What it costs: a publish allocates, and registers with the collector to do so; garbage is kept
//! for as long as one reader stays pinned, without bound. A walk reaches for the heap too: one
//! entry in 128 lends the collector a hand, frees garbage of others, and may allocate to pass its
//! own on. The collector is this scheme's own, and readers hold their handles, so nothing hides in
//! a thread-local.

// Not explored: what a fork has left behind. All else that readers and publishes meet is the collector's.
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::{
    mem::{self, ManuallyDrop},
    ptr,
    sync::{
        Arc,
        atomic::Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use crossbeam_epoch::{Atomic, Collector, Guard, LocalHandle, Owned};
use zonelist_core::{
    Lists, NodeId, Request, SlotFilter, SlotWalk, Slots, Zoneref,
    publish::{
        Allocates, Facts, Forked, Grace, Guarantee, Progress, PublishError, ReadToken, Reclaim, Scheme, StalledReader,
        WaitError, Walk, Writer,
    },
    sync::{Backoff, Track, fault},
};

/// One pointer, swapped; crossbeam-epoch frees what it pointed to.
///
#[doc = include_str!("epoch_swap.md")]
#[derive(Debug)]
pub struct EpochSwap {
    collector: Collector,
    /// Never null.
    current: Atomic<Version>,
    /// How many readers there are.
    readers: Arc<AtomicUsize>,
    /// Whether a fork has left some of them behind, which may be pinned for ever.
    left_behind: AtomicBool,
}

/// A version: nobody's to write.
#[derive(Debug)]
struct Version {
    table: Slots<Box<[Option<Zoneref>]>>,
    memory: Track,
}

impl Version {
    fn new(lists: Lists<'_>) -> Self {
        Self { table: Slots::fixed(lists), memory: Track::default() }
    }
}

impl EpochSwap {
    /// Every list is empty at first.
    #[must_use]
    pub fn new() -> Self {
        Self {
            collector: Collector::new(),
            current: Atomic::new(Version::new(Lists::EMPTY)),
            readers: Arc::default(),
            left_behind: AtomicBool::new(false),
        }
    }
}

impl Default for EpochSwap {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for EpochSwap {
    fn drop(&mut self) {
        let current = mem::take(&mut self.current);
        // SAFETY: the exclusive borrow says that no reader is left; the pointer is never null, and
        // what it points to was not retired, since only a swap that replaces it does that.
        drop(unsafe { current.into_owned() });
    }
}

/// A reader as the collector knows it.
#[derive(Debug)]
pub struct Participant {
    // Fields are dropped in order: the collector pins a handle to drop it, and until then it counts.
    handle: LocalHandle,
    _counted: Counted,
}

/// One of the readers.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn of(readers: &Arc<AtomicUsize>) -> Self {
        readers.fetch_add(1, Relaxed);
        Self(Arc::clone(readers))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Drop for Participant {
    /// Drops what was leaked of the reader's guards, or the collector would free nothing any more, and a grace period
    /// would never end.
    fn drop(&mut self) {
        if self.handle.is_pinned() {
            let guard = ManuallyDrop::new(self.handle.pin());
            while self.handle.is_pinned() {
                // SAFETY: guards of one handle are all the same pointer, and the collector counts them. No pin outlives
                // its reader, so that those it still counts, but for ours, were leaked: each is dropped once here.
                drop(unsafe { ptr::read(&raw const *guard) });
            }
        }
    }
}

/// A pinned version.
#[derive(Debug)]
pub struct Pin {
    version: *const Version,
    /// Keeps the collector from freeing the version.
    _guard: Guard,
}

/// A walk over a pinned version.
#[derive(Clone, Debug)]
pub struct EpochWalk<'w> {
    slots: SlotWalk<'w, Option<Zoneref>>,
    memory: &'w Track,
}

impl Iterator for EpochWalk<'_> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        self.memory.read();
        self.slots.next()
    }
}

impl Walk for EpochWalk<'_> {}

impl Scheme for EpochSwap {
    const FACTS: Facts = Facts {
        scheme: "EpochSwap",
        package: "zonelist-epoch",
        card: include_str!("epoch_swap.md"),
        guarantee: Guarantee::Snapshot,
        readers: Progress::LockFree,
        writer: Progress::LockFree,
        allocates: Allocates::Both,
        registers: true,
        interrupt_safe: false,
        below_allocator: false,
        after_fork: true,
        tls_destructor: true,
        retires: true,
        stalled_reader: StalledReader::Unbounded,
        no_std: false,
        no_alloc: false,
    };
    const GRACE: Grace = Grace::None;
    type Local = Participant;
    type Filter = SlotFilter;
    type Pinned<'g> = Pin;
    type Walk<'w> = EpochWalk<'w>;

    fn local(&self) -> Participant {
        // Counted before it can be pinned.
        let _counted = Counted::of(&self.readers);
        Participant { handle: self.collector.register(), _counted }
    }

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, local: &'g Participant, _: ReadToken<'g, Self>) -> Pin {
        let guard = local.handle.pin();
        // Acquire: pairs with the release half of the swap in `publish`.
        let version = self.current.load(Acquire, &guard).as_raw();
        if fault("epoch: reader unpinned") {
            // For a moment, in which nothing holds what was found.
            drop(guard);
            return Pin { version, _guard: local.handle.pin() };
        }
        Pin { version, _guard: guard }
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(pin: &'w Pin, node: NodeId, filter: &'w SlotFilter) -> EpochWalk<'w> {
        // SAFETY: never null, since `current` never is; loaded under the guard that the pin still
        // holds, so it is not freed before the pin goes.
        let version = unsafe { &*pin.version };
        EpochWalk { slots: version.table.walk(node, filter), memory: &version.memory }
    }

    fn publish(&self, next: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        let guard = self.collector.register().pin();
        let old = self.current.swap(Owned::new(Version::new(next)), AcqRel, &guard);
        let free = move || {
            // SAFETY: the swap unlinked it, so nobody can find it any more; it came from an `Owned`,
            // and only the one swap that got it retires it.
            let old = unsafe { old.into_owned() };
            old.memory.write();
            if cfg!(loom) {
                // A faulty reader is to meet a write it did not expect, not freed memory.
                mem::forget(old);
            }
        };
        if fault("epoch: freed at once") {
            free();
        } else {
            // SAFETY: run once every reader that was pinned at the swap has unpinned; what it
            // captures is a pointer that outlives the guard's own lifetime by that very rule.
            unsafe { guard.defer_unchecked(free) };
        }
        guard.flush();
        Ok(())
    }

    /// A reader that is no more may be pinned, and then no grace period ends.
    fn forked(&self, fork: Forked) {
        if self.readers.swap(fork.kept, Relaxed) > fork.kept {
            self.left_behind.store(true, Relaxed);
        }
    }
}

/// How often the collector is asked to get on where a reader may be pinned for ever: many times what it needs.
const TRIES: usize = 64;

impl Reclaim for EpochSwap {
    fn synchronize(&self, _: &mut Writer<'_>) -> Result<(), WaitError> {
        let local = self.collector.register();
        let over = Arc::new(AtomicBool::new(false));
        let signal = Arc::clone(&over);
        // Run when every reader that was pinned before has unpinned; the reader's stores before
        // that are seen by whoever runs it, and by us through this flag.
        local.pin().defer(move || signal.store(true, Release));
        let mut backoff = Backoff::default();
        for tries in 0.. {
            if over.load(Acquire) {
                break;
            }
            if tries == TRIES && self.left_behind.load(Relaxed) {
                return Err(WaitError::Forked);
            }
            local.pin().flush();
            backoff.wait();
        }
        Ok(())
    }
}
