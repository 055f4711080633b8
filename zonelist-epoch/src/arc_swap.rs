//! `ArcSwap`: a counted pointer to the current version, swapped; by the crate of that name.
//!
//! ```text
//!   enter:  note the pointer in a debt slot of the thread      publish:  build the next version on the heap
//!           if the pointer is still current: done                        old := swap(current, next)
//!           else the crate's slow path, which counts                     count on behalf of every debt on old
//!   leave:  clear the debt slot, or drop the count                       replaced += old
//!                                                                        free the replaced that no reader holds
//! ```
//!
//! The debt slots are arc-swap's. They save a reader the write to a counter that all readers share. A publish scans
//! them, so that the count of a version includes every reader that holds it.
//!
//! **Why a walk is a snapshot.** A version is not written once it is published. A guard holds the version that was
//! current when it was entered.
//!
//! **What frees a version.** By default the last holder of a version drops it. That may be a reader, and a walk would
//! then reach for the heap. So the writer keeps the versions that it has replaced. A later publish, or `synchronize`,
//! drops those that only the writer holds. [`Arc::get_mut`] tests for that, and acquires what readers released when
//! they left; a load of the count would not. [`Arc::try_unwrap`] does so too, of a version that no reader holds when it is
//! replaced, as of most. So at most one version for each reader is kept, besides those that were left since the last
//! publish.
//!
//! **What a grace period is.** It has to include walks over the current version, and such a walk shows no sign of
//! whether it began before the grace period. So `synchronize` publishes a copy of the current version,
//! and waits until no reader holds any of the replaced ones. A replaced version cannot be entered. So the
//! grace period waits for no walk that begins later.
//!
//! **Where a walk still uses the heap.** The crate allocates a thread's debt slots at the thread's first
//! load, and keeps them for other threads when the thread ends. Registering a reader is that first load, and its
//! handle stays on its thread. Two cases remain:
//!
//! - Below a global allocator, register before the first allocation that walks, not from within one.
//! - In the destructor of another thread-local the slots may be gone already, and each load may allocate new ones.
//!
//! A thread has eight debt slots. A guard that is entered while eight others are alive is counted instead, which is
//! as correct.
//!
//! **What a leaked guard does.** Its version is kept, and publishes go on. Once no reader is registered, every holder
//! that is left was leaked, so a grace period ends. While other readers are registered, a leaked guard looks like a
//! walk, and a grace period waits.
//!
//! Models cannot enter the crate, so stress checks it. The same judge rejects a scheme of the same shape that frees
//! a version too early, or whose readers do not hold theirs.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release, SeqCst},
            fence,
        },
    },
};

use ::arc_swap::Guard;
use zonelist_core::{
    NodeId, Request, Zoneref,
    publish::{
        Allocates, Facts, Forked, Guarantee, Progress, PublishError, ReadToken, ReaderProtocol, Reclaim, Scheme,
        StalledReader, WaitError, Writer,
    },
    sync::{Backoff, Locked, Spin},
    table::{SlotFilter, SlotWalk, Slots},
    zonelist::ZonelistsRef,
};

/// A version, never written once it is published.
type Version = Slots<Box<[Option<Zoneref>]>>;

/// One counted pointer, swapped; arc-swap keeps readers off its counter.
///
#[doc = include_str!("arc_swap.md")]
///
/// A reader's handle stays on the thread that registered it, since it relies on the debt slots of that thread:
///
/// ```compile_fail,E0277
/// use zonelist_core::publish::Published;
/// use zonelist_epoch::ArcSwap;
///
/// let published = Published::new(ArcSwap::new());
/// let mut reader = published.reader().unwrap();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(reader.enter()));
/// });
/// ```
#[derive(Debug)]
pub struct ArcSwap {
    current: ::arc_swap::ArcSwap<Version>,
    /// Versions that were replaced, which readers may hold. Only the writer takes this lock, so that no thread waits
    /// for it.
    replaced: Locked<Vec<Arc<Version>>>,
    /// False if there is none, so that a publish need not take the lock.
    keeps_some: AtomicBool,
    /// The number of registered readers.
    readers: Arc<AtomicUsize>,
    /// True if a fork has left readers behind, which may hold a version for ever.
    left_behind: AtomicBool,
}

impl ArcSwap {
    /// A scheme whose lists are all empty.
    #[must_use]
    pub fn new() -> Self {
        Self {
            current: ::arc_swap::ArcSwap::from_pointee(Slots::fixed(ZonelistsRef::EMPTY)),
            replaced: Locked::new(Spin::new(), Vec::new()),
            keeps_some: AtomicBool::new(false),
            readers: Arc::default(),
            left_behind: AtomicBool::new(false),
        }
    }

    /// Makes a version current, and frees the replaced ones that no reader holds.
    fn replace(&self, next: Arc<Version>) {
        let old = self.current.swap(next);
        // Most publishes end here: the swap has counted every reader that holds the version, and there is none.
        let held = Arc::try_unwrap(old).err();
        // Relaxed: at worst another publish frees what is kept.
        if held.is_some() || self.keeps_some.load(Relaxed) {
            self.replaced.with(|replaced| replaced.extend(held));
            self.free();
        }
    }

    /// Frees the replaced versions that no reader holds. If no reader is registered, drops the others too, since only
    /// leaked guards hold those. True if none is left.
    fn free(&self) -> bool {
        self.replaced.with(|replaced| {
            replaced.retain_mut(|version| Arc::get_mut(version).is_none());
            // SeqCst: pairs with the fence in `local`. Either the load below sees that reader, or the reader sees the
            // swap before, and finds no version that was replaced.
            fence(SeqCst);
            // Acquire: pairs with the release in `RegisteredThread::drop`, so that all reads of that reader's walks are
            // over: no guard outlives its reader.
            if self.readers.load(Acquire) == 0 && !self.left_behind.load(Relaxed) {
                replaced.clear();
            }
            self.keeps_some.store(!replaced.is_empty(), Relaxed);
            replaced.is_empty()
        })
    }
}

impl Default for ArcSwap {
    fn default() -> Self {
        Self::new()
    }
}

/// A registered reader: the debt slots of this thread exist. Not `Send`, since they are this thread's.
#[derive(Debug)]
pub struct RegisteredThread {
    readers: Arc<AtomicUsize>,
    here: PhantomData<*const ()>,
}

impl Drop for RegisteredThread {
    fn drop(&mut self) {
        // Release: pairs with the acquire of `readers` in `ArcSwap::free`.
        self.readers.fetch_sub(1, Release);
    }
}

/// A guard of arc-swap, which holds a version.
#[derive(Debug)]
pub struct HeldVersion(Guard<Arc<Version>>);

impl Scheme for ArcSwap {
    const FACTS: Facts = Facts::new("ArcSwap", env!("CARGO_PKG_NAME"))
        .card(include_str!("arc_swap.md"))
        .guarantee(Guarantee::Snapshot)
        // Its documentation: a load may wait, with at least `usize::MAX / 4` wait-free ones in between.
        .readers(Progress::LockFree)
        .writer(Progress::LockFree)
        .allocates(Allocates::Publish)
        .after_fork()
        .tls_destructor()
        .retires()
        .stalled_reader(StalledReader::Bounded);
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Local = RegisteredThread;
    type Filter = SlotFilter;
    type Pinned<'g> = HeldVersion;
    type Walk<'w> = SlotWalk<'w, Option<Zoneref>>;

    fn local(&self) -> RegisteredThread {
        // Relaxed, but before the fence: counted before the reader can hold a version.
        self.readers.fetch_add(1, Relaxed);
        // SeqCst: pairs with the fence in `free`. Either `free` sees this reader, or this reader sees the swap before.
        fence(SeqCst);
        // The first load of this thread allocates its debt slots.
        drop(self.current.load());
        RegisteredThread { readers: Arc::clone(&self.readers), here: PhantomData }
    }

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, _: &'g RegisteredThread, _: ReadToken<'g, Self>) -> HeldVersion {
        HeldVersion(self.current.load())
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(held: &'w HeldVersion, node: NodeId, filter: &'w SlotFilter) -> Self::Walk<'w> {
        held.0.walk(node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        self.replace(Arc::new(Slots::fixed(next)));
        Ok(())
    }

    /// The readers that the fork left behind may hold a version, which is then never freed.
    fn forked(&self, fork: Forked) {
        if self.readers.swap(fork.kept, Relaxed) > fork.kept {
            self.left_behind.store(true, Relaxed);
        }
    }
}

impl Reclaim for ArcSwap {
    fn synchronize(&self, _: &mut Writer<'_>) -> Result<(), WaitError> {
        let copy = Version::clone(&self.current.load());
        self.replace(Arc::new(copy));
        let mut backoff = Backoff::default();
        while !self.free() {
            if self.left_behind.load(Relaxed) {
                return Err(WaitError::Forked);
            }
            backoff.wait();
        }
        Ok(())
    }
}
