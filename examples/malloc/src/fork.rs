//! Forks: handlers of `pthread_atfork`, by which a child finds the allocator as no thread was changing it.
//!
//! Locks are taken in this sequence: that of idle heaps, that of the shared heap, the machine's, and the page
//! allocator's. The list of handles that the child keeps is allocated under the first two, with the forking thread's own
//! heap, which needs neither.

use core::cell::Cell;

use zonelist_core::{
    Scheme,
    hotplug::PreparedMachineFork,
    page_alloc::PreparedAllocatorFork,
    publish::HandleId,
    sync::{RawLock, Spin},
};

use crate::{
    handle,
    pages::System,
    site::{Frames, Provider, Site},
};

/// The locks of a site that are held across a fork. Fields are dropped in this order.
pub(crate) struct Prepared<S: Scheme + 'static> {
    allocator: PreparedAllocatorFork<'static, S, System>,
    machine: Option<PreparedMachineFork<'static, Provider<S>, Spin>>,
}

impl<S: Scheme + 'static> Prepared<S> {
    /// Waits until no operation and no change is under way. `None` if the barrier pair or the heap fails.
    pub(crate) fn new(site: &'static Site<S>) -> Option<Self> {
        let machine = match &site.frames {
            Frames::Fixed(_) => None,
            Frames::Hotplug(machine) => Some(machine.prepare_fork()),
        };
        Some(Self { allocator: site.allocator().prepare_fork().ok()?, machine })
    }

    /// Releases the locks in the child.
    ///
    /// # Safety
    /// This is the child of a fork that the calling thread made while `self` existed. No handle but these is used again.
    pub(crate) unsafe fn child(self, keep: &[HandleId]) {
        let Self { allocator, machine } = self;
        // SAFETY: the caller guarantees it.
        unsafe { allocator.child(keep) };
        if let Some(machine) = machine {
            // SAFETY: the caller guarantees that this is the child.
            unsafe { machine.child() };
        }
    }
}

/// The state of the forking thread between the handlers.
struct Forking {
    lock: Spin,
    keep: Cell<Option<Vec<HandleId>>>,
}

// SAFETY: `keep` is accessed by the thread that holds `lock` alone.
unsafe impl Sync for Forking {}

static FORKING: Forking = Forking { lock: Spin::new(), keep: Cell::new(None) };

/// Registers the handlers.
pub(crate) fn register() {
    // SAFETY: the handlers are functions without arguments, which may be called from any thread.
    unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
}

extern "C" fn prepare() {
    FORKING.lock.lock();
    FORKING.keep.set(Some(handle::lock_all()));
    // Without a preparation the child could wait for a lock for ever. That is no state to go on in.
    if !handle::site().is_some_and(|site| site.prepare_fork()) {
        crate::fail("the fork can't be prepared; expected membarrier(2) and memory");
    }
}

extern "C" fn parent() {
    if let Some(site) = handle::site() {
        site.parent();
    }
    unlock();
}

extern "C" fn child() {
    let keep = FORKING.keep.take().unwrap_or_default();
    if let Some(site) = handle::site() {
        // SAFETY: this is the child. Its thread's handle, that of the shared heap and those of idle heaps are kept; all
        // others belong to threads that the child does not have.
        unsafe { site.child(&keep) };
    }
    FORKING.keep.set(Some(keep));
    unlock();
    crate::storm::spawn_in_child();
}

/// Releases the locks of `prepare`.
fn unlock() {
    // The locks first: the list's memory is freed by the thread's own heap, and may be any heap's.
    let keep = FORKING.keep.take();
    handle::unlock_all();
    drop(keep);
    // SAFETY: `prepare` has taken the lock, in this thread or in the parent of its copy.
    unsafe { FORKING.lock.unlock(()) };
}
