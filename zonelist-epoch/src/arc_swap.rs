//! `ArcSwap`: a counted pointer to the current version, swapped; by the crate of that name.
//!
//! A reader enters by a load, which notes the pointer in a debt slot of its thread instead of
//! counting itself; a publish builds the next version on the heap, swaps the pointer, and counts on
//! behalf of every reader that it finds in debt. So a version lives as long as somebody is in it.
//!
//! **Why a walk is a snapshot.** A version is never written once it is published, and a guard holds
//! the one that was current when it was entered.
//!
//! **Who frees a version.** By itself the last one to leave it would, which may be a reader: a walk
//! would then reach for the heap. So the writer keeps what it has replaced, until a later publish or
//! `synchronize` finds that it is the only one who does. [`Arc::get_mut`] tells, and acquires what
//! the readers released when they left; a count that is merely read would not. What is kept are the
//! versions that readers stand in, one for each at most, and those they left since.
//!
//! **What a grace period is.** A walk over the current version has to end too, and there is no
//! telling those that began before from those that began after. So `synchronize` publishes the
//! current version again, as a copy, and waits until nobody is in any of the replaced ones. None of
//! them can be entered any more, so that it waits for no walk that begins later.
//!
//! **Where a walk reaches for the heap after all.** The debt slots are the thread's own: the crate
//! makes them when the thread first loads, and keeps them for other threads when it ends. Registering
//! a reader is that first load, and its handle stays with its thread. So below a global allocator
//! register before the first allocation that walks, not from within one; and in the destructor of
//! another thread-local, with the slots gone, each load may make new ones. Eight guards a thread are
//! slots; one that is entered while eight are alive is counted, and as correct.
//!
//! **What a leaked guard does.** Its version is never freed. Publishes go on; a grace period ends as soon as no reader is
//! registered, since whoever is in a version then was leaked. As long as there are others it can't be told, and waits.
//!
//! Models cannot enter the crate. It is checked by stress, and by that the same judge condemns a
//! scheme of the same shape that frees a version too early, or whose readers do not hold theirs.

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
    Lists, Locked, NodeId, Request, SlotFilter, SlotWalk, Slots, Spin, Zoneref,
    publish::{
        Allocates, Facts, Forked, Grace, Guarantee, Progress, PublishError, ReadToken, Reclaim, Scheme, StalledReader,
        WaitError, Writer,
    },
    sync::Backoff,
};

/// A version: nobody's to write.
type Version = Slots<Box<[Option<Zoneref>]>>;

/// One counted pointer, swapped; arc-swap keeps readers and the count apart.
///
#[doc = include_str!("arc_swap.md")]
///
/// A reader's handle stays on the thread that registered it, whose debt slots it has made sure of:
///
/// ```compile_fail,E0277
/// use zonelist_core::publish::{FullFence, Published};
/// use zonelist_epoch::ArcSwap;
///
/// let published: Published<_, FullFence, 1> = Published::new(ArcSwap::new());
/// let mut reader = published.reader().unwrap();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(reader.enter()));
/// });
/// ```
#[derive(Debug)]
pub struct ArcSwap {
    current: ::arc_swap::ArcSwap<Version>,
    /// Not current any more, and perhaps in use. Only for the writer, so that nobody waits for this lock.
    replaced: Locked<Vec<Arc<Version>>>,
    /// How many readers there are.
    readers: Arc<AtomicUsize>,
    /// Whether a fork has left some of them behind, which may be in a version for ever.
    left_behind: AtomicBool,
}

impl ArcSwap {
    /// Every list is empty at first.
    #[must_use]
    pub fn new() -> Self {
        Self {
            current: ::arc_swap::ArcSwap::from_pointee(Slots::fixed(Lists::EMPTY)),
            replaced: Locked::new(Spin::new(), Vec::new()),
            readers: Arc::default(),
            left_behind: AtomicBool::new(false),
        }
    }

    /// Makes a version current, and frees the replaced ones that nobody is in; whether that was all.
    fn replace(&self, next: Arc<Version>) -> bool {
        let old = self.current.swap(next);
        self.replaced.with(|replaced| replaced.push(old));
        self.free()
    }

    /// Frees the replaced versions that nobody is in, and forgets them if only leaked guards are; whether there is no other.
    fn free(&self) -> bool {
        self.replaced.with(|replaced| {
            replaced.retain_mut(|version| Arc::get_mut(version).is_none());
            // Pairs with the fence in `local`: either we see the reader, or it meets no version that was replaced.
            fence(SeqCst);
            // Acquire: pairs with the release as a reader is dropped, so that all that its walks read is over. No guard
            // outlives its reader.
            if self.readers.load(Acquire) == 0 && !self.left_behind.load(Relaxed) {
                replaced.clear();
            }
            replaced.is_empty()
        })
    }
}

impl Default for ArcSwap {
    fn default() -> Self {
        Self::new()
    }
}

/// A reader's debt slots are made, and are this thread's: not to be sent elsewhere.
#[derive(Debug)]
pub struct Slotted {
    readers: Arc<AtomicUsize>,
    here: PhantomData<*const ()>,
}

impl Drop for Slotted {
    fn drop(&mut self) {
        // Release: pairs with the acquire in `free`.
        self.readers.fetch_sub(1, Release);
    }
}

/// A version that is held.
#[derive(Debug)]
pub struct Held(Guard<Arc<Version>>);

impl Scheme for ArcSwap {
    const FACTS: Facts = Facts {
        scheme: "ArcSwap",
        package: "zonelist-epoch",
        card: include_str!("arc_swap.md"),
        guarantee: Guarantee::Snapshot,
        // Wait-free but for one load in a quarter of the address space, says the crate.
        readers: Progress::LockFree,
        writer: Progress::LockFree,
        allocates: Allocates::Publish,
        registers: true,
        interrupt_safe: false,
        below_allocator: false,
        after_fork: true,
        tls_destructor: true,
        retires: true,
        stalled_reader: StalledReader::Bounded,
        no_std: false,
        no_alloc: false,
    };
    const GRACE: Grace = Grace::None;
    type Local = Slotted;
    type Filter = SlotFilter;
    type Pinned<'g> = Held;
    type Walk<'w> = SlotWalk<'w, Option<Zoneref>>;

    fn local(&self) -> Slotted {
        // Counted before it can be in a version.
        self.readers.fetch_add(1, Relaxed);
        // Pairs with the fence in `free`.
        fence(SeqCst);
        drop(self.current.load());
        Slotted { readers: Arc::clone(&self.readers), here: PhantomData }
    }

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, _: &'g Slotted, _: ReadToken<'g, Self>) -> Held {
        Held(self.current.load())
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(held: &'w Held, node: NodeId, filter: &'w SlotFilter) -> Self::Walk<'w> {
        held.0.walk(node, filter)
    }

    fn publish(&self, next: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        self.replace(Arc::new(Slots::fixed(next)));
        Ok(())
    }

    /// A reader that is no more may be in a version, and then that is never free.
    fn forked(&self, fork: Forked) {
        if self.readers.swap(fork.kept, Relaxed) > fork.kept {
            self.left_behind.store(true, Relaxed);
        }
    }
}

impl Reclaim for ArcSwap {
    fn synchronize(&self, _: &mut Writer<'_>) -> Result<(), WaitError> {
        let copy = Version::clone(&self.current.load());
        let mut over = self.replace(Arc::new(copy));
        let mut backoff = Backoff::default();
        while !over {
            if self.left_behind.load(Relaxed) {
                return Err(WaitError::Forked);
            }
            backoff.wait();
            over = self.free();
        }
        Ok(())
    }
}
