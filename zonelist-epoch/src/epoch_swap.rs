//! `EpochSwap`: a pointer to the current version, swapped; old versions are freed by crossbeam-epoch.
//!
//! ```text
//!   enter:  pin the collector           publish:  build the next version on the heap
//!           version := current                    old := swap(current, next)
//!   walk:   read version's slots                  defer the destruction of old until every reader
//!   leave:  unpin                                   that is pinned now has unpinned
//! ```
//!
//! **Why a walk is a snapshot.** A version is not written once the release half of the swap has published it, and
//! the reader's acquire load pairs with that. A version is freed two epochs after it was unlinked. A reader that
//! pinned before that keeps the epoch from advancing so far.
//!
//! **What it costs.** A publish allocates. Garbage is kept for as long as one reader stays pinned, without bound; up to 64
//! KiB of it are kept in any case, so that not every publish runs the collector. A walk uses the heap too: one entry in
//! 128 runs the collector, which frees garbage of other threads, and may allocate to pass its own on.
//!
//! The collector is the scheme's own, and each reader holds its handle. So no thread-local is involved.

// Not explored: the state that a fork leaves behind, and the lock of the publishers' handle. All other atomics that
// readers and publishes share are the collector's.
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
    NodeId, Request, Zoneref,
    publish::{
        Facts, Forked, Guarantee, Progress, PublishError, ReadToken, ReaderProtocol, Reclaim, Scheme, WaitError, Walk,
        Writer, WriterLock,
    },
    sync::{Backoff, Track, UnsafeCell, or_mutant},
    table::{SlotFilter, SlotWalk, Slots},
    zonelist::ZonelistsRef,
};

/// One pointer, swapped; crossbeam-epoch frees what it pointed to.
///
#[doc = include_str!("epoch_swap.md")]
#[derive(Debug)]
pub struct EpochSwap {
    collector: Collector,
    /// Never null, until the scheme is dropped.
    current: Atomic<Version>,
    /// The number of registered readers.
    readers: Arc<AtomicUsize>,
    /// True if a fork has left readers behind, which may be pinned for ever.
    left_behind: AtomicBool,
    /// The handle of the collector that publishes use.
    publisher: Publisher,
}

/// A version, never written once it is published.
#[derive(Debug)]
struct Version {
    table: Slots<Box<[Option<Zoneref>]>>,
    /// Lets loom see the reads and the destruction of this version as accesses of plain memory.
    memory: Track,
}

impl Version {
    fn new(lists: ZonelistsRef<'_>) -> Self {
        Self { table: Slots::fixed(lists), memory: Track::default() }
    }
}

impl EpochSwap {
    /// A scheme whose lists are all empty.
    #[must_use]
    pub fn new() -> Self {
        Self {
            collector: Collector::new(),
            publisher: Publisher::default(),
            current: Atomic::new(Version::new(ZonelistsRef::EMPTY)),
            readers: Arc::default(),
            left_behind: AtomicBool::new(false),
        }
    }
}

/// A handle of the collector that the publishes behind one writer lock use in turn: to register one for each took most of
/// its time.
///
/// What a publish retires stays with the handle, until it is [`PASSED_ON`] bytes or the handle's bag is full. On cache lines
/// of its own, which readers do not load.
#[derive(Debug)]
#[repr(align(128))]
struct Publisher {
    /// The number of the writer lock of the first publish; 0 before.
    lock: AtomicUsize,
    /// `None` before the first publish.
    handle: UnsafeCell<Option<Retired>>,
}

/// The handle, and the bytes that it has retired since it last passed them on.
#[derive(Debug)]
struct Retired {
    handle: LocalHandle,
    bytes: usize,
}

/// The bytes of retired versions from which on a publish runs the collector.
const PASSED_ON: usize = 1 << 16;

// SAFETY: only a publish that holds the writer lock `lock` accesses the handle, one after the other. The handle refers to
// nothing of a thread: it is a record on the heap, of which the collector's other threads access only atomics.
unsafe impl Send for Publisher {}
// SAFETY: as for `Send`.
unsafe impl Sync for Publisher {}

impl Default for Publisher {
    fn default() -> Self {
        Self { lock: AtomicUsize::new(0), handle: UnsafeCell::new(None) }
    }
}

impl Publisher {
    /// Calls `publish` with the handle; with one of its own, which passes on what it retires, if the handle is that of
    /// another writer lock: where two [`Published`](zonelist_core::Published) share the scheme.
    ///
    /// Models explore the handle of its own: with the other one, loom no longer finds a version that is freed at once in
    /// four of the models with two publishes or more.
    fn with(&self, collector: &Collector, held: Option<WriterLock>, publish: impl FnOnce(&mut Retired)) {
        let register = |bytes| Retired { handle: collector.register(), bytes };
        let held = held.map_or(0, |held| held.number().get());
        // Relaxed: the lock that it names orders all accesses of the handle. Once set, it does not change.
        let lock = match self.lock.load(Relaxed) {
            0 => self.lock.compare_exchange(0, held, Relaxed, Relaxed).map_or_else(|other| other, |_| held),
            lock => lock,
        };
        if cfg!(loom) || held == 0 || lock != held {
            return publish(&mut register(PASSED_ON));
        }
        // SAFETY: the caller holds this lock, as all do that access the handle; and none does so within `publish`.
        self.handle.with_mut(|retired| publish(unsafe { &mut *retired }.get_or_insert_with(|| register(0))));
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
        // SAFETY: `current` is never null, and owns its version: only the swap that replaces a version retires it. No
        // reader is left, since each borrows the scheme, which is borrowed exclusively here.
        drop(unsafe { current.into_owned() });
    }
}

/// A registered reader: its handle of the collector.
#[derive(Debug)]
pub struct Participant {
    // Fields are dropped in the sequence of their declaration. The collector pins a handle to drop it, so that the
    // reader must still be counted then.
    handle: LocalHandle,
    _counted: Counted,
}

/// Counts one reader for as long as it lives.
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
    /// Drops the guards of the reader that were leaked. Otherwise the collector would free nothing from then on, and no
    /// grace period would end.
    fn drop(&mut self) {
        if self.handle.is_pinned() {
            let guard = ManuallyDrop::new(self.handle.pin());
            while self.handle.is_pinned() {
                // SAFETY: all guards of one handle hold the same pointer, and the collector counts them. No
                // `PinnedVersion` outlives its reader, so that every guard that is still counted, except the one above,
                // was leaked. The loop ends when the count is 0, so each of them is dropped once.
                drop(unsafe { ptr::read(&raw const *guard) });
            }
        }
    }
}

/// A version that stays allocated, since its reader is pinned.
#[derive(Debug)]
pub struct PinnedVersion {
    version: *const Version,
    /// Pins the reader, so that the collector does not free the version.
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
    const FACTS: Facts = Facts::new("EpochSwap", env!("CARGO_PKG_NAME"))
        .card(include_str!("epoch_swap.md"))
        .guarantee(Guarantee::Snapshot)
        .readers(Progress::LockFree)
        .writer(Progress::LockFree)
        .after_fork()
        .tls_destructor()
        .retires();
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Local = Participant;
    type Filter = SlotFilter;
    type Pinned<'g> = PinnedVersion;
    type Walk<'w> = EpochWalk<'w>;

    fn local(&self) -> Participant {
        // Before the registration: counted before the reader can be pinned.
        let _counted = Counted::of(&self.readers);
        Participant { handle: self.collector.register(), _counted }
    }

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, local: &'g Participant, _: ReadToken<'g, Self>) -> PinnedVersion {
        let guard = local.handle.pin();
        // Acquire: pairs with the release half of the swap in `publish`, so that all slots of the version are seen.
        let version = self.current.load(Acquire, &guard).as_raw();
        // The mutant is unpinned for a moment, in which the collector may free the version.
        let guard = or_mutant!(guard => { drop(guard); local.handle.pin() }, "epoch: reader unpinned");
        PinnedVersion { version, _guard: guard }
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(pin: &'w PinnedVersion, node: NodeId, filter: &'w SlotFilter) -> EpochWalk<'w> {
        // SAFETY: `pin` loaded the pointer from `current`, which is never null, while the guard was alive. The guard
        // lives in the `PinnedVersion`, so that the collector does not free the version before that is dropped.
        let version = unsafe { &*pin.version };
        EpochWalk { slots: version.table.walk(node, filter), memory: &version.memory }
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        let next = Owned::new(Version::new(next));
        self.publisher.with(&self.collector, writer.lock(), |retired| {
            let guard = retired.handle.pin();
            // Release: pairs with the acquire load in `pin`. Acquire: pairs with the release of the publish before, so
            // that all of `old` is seen when it is freed.
            let old = self.current.swap(next, AcqRel, &guard);
            // SAFETY: the pointer is not null, and the guard keeps the version from being freed.
            retired.bytes += unsafe { old.deref() }.table.capacity().words() * size_of::<Option<Zoneref>>();
            let free = move || {
                // SAFETY: the version came from an `Owned`. The swap unlinked it, so that no reader finds it from then
                // on, and only the swap that returned it retires it.
                let old = unsafe { old.into_owned() };
                old.memory.write();
                if cfg!(loom) {
                    // A faulty reader should meet the unordered write of `memory`, which loom reports, and not freed
                    // memory.
                    mem::forget(old);
                }
            };
            // SAFETY: the closure captures one pointer, to the unlinked version. It runs once every reader that was
            // pinned at the swap has unpinned, and until then no other code frees the version.
            or_mutant!(unsafe { guard.defer_unchecked(free) } => free(), "epoch: freed at once");
            if retired.bytes >= PASSED_ON {
                guard.flush();
                retired.bytes = 0;
            }
        });
        Ok(())
    }

    /// The readers that the fork left behind may be pinned, and then no grace period ends.
    fn forked(&self, fork: Forked) {
        if self.readers.swap(fork.kept, Relaxed) > fork.kept {
            self.left_behind.store(true, Relaxed);
        }
    }
}

/// Runs of the collector before a grace period is given up, where a reader may be pinned for ever: many times what it
/// needs.
const TRIES: usize = 64;

impl Reclaim for EpochSwap {
    fn synchronize(&self, _: &mut Writer<'_>) -> Result<(), WaitError> {
        let local = self.collector.register();
        let over = Arc::new(AtomicBool::new(false));
        let signal = Arc::clone(&over);
        // The closure runs when every reader that was pinned before has unpinned. The collector orders those readers'
        // walks before the closure. Release: pairs with the acquire below, which orders them before our return.
        local.pin().defer(move || signal.store(true, Release));
        let mut backoff = Backoff::default();
        for tries in 0.. {
            // Acquire: pairs with the release in the closure.
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
