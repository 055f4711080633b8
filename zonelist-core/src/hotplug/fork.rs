//! Forks of a process with a running machine.

use super::{provider::PageProvider, running::RunningMachine};
use crate::{
    locking::{RawLock, lock::Hold},
    sync::unmodelled::Ordering::{Relaxed, Release},
};

/// Holds a machine's locks across a fork, so that no operation is in progress and the state is not being copied.
///
/// After the fork the parent calls [`parent`](Self::parent), and the child [`child`](Self::child). A drop does the same
/// as `parent`.
#[derive(Debug)]
#[must_use = "operations wait for as long as it lives"]
pub struct PreparedMachineFork<'r, F, L: RawLock> {
    machine: &'r RunningMachine<F, L>,
    _current: Hold<'r, L>,
    _operation: Hold<'r, L>,
}

impl<F: PageProvider, L: RawLock> PreparedMachineFork<'_, F, L> {
    /// Releases the locks in the parent, or where there was no fork.
    pub fn parent(self) {}

    /// Releases the locks in the child.
    ///
    /// # Safety
    /// The process is the child of a fork that the calling thread made while `self` existed.
    pub unsafe fn child(self) {
        self.machine.clear_operation_thread();
    }
}

impl<F: PageProvider, L: RawLock> RunningMachine<F, L> {
    /// Waits until no operation is in progress, and keeps others from starting.
    ///
    /// Called before all other preparations: those of movable pages and of the allocator follow.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     hotplug::*,
    /// #     page_alloc::ForkError,
    /// #     publish::{HandleId, Platform},
    /// # };
    /// fn fork<S: Scheme, P: Platform, A: Attachments>(
    ///     running: &RunningMachine<AllocatorProvider<'_, S, P, A>>,
    ///     keep: &[HandleId],
    ///     fork: impl FnOnce() -> bool,
    /// ) -> Result<bool, ForkError> {
    ///     let machine = running.prepare_fork();
    ///     let allocator = running.provider().allocator().prepare_fork()?;
    ///     let is_child = fork();
    ///     if is_child {
    ///         // SAFETY: this is the child, and no handle but these is used from now on.
    ///         unsafe { allocator.child(keep) };
    ///         // SAFETY: this is the child.
    ///         unsafe { machine.child() };
    ///     }
    ///     Ok(is_child)
    /// }
    /// ```
    pub fn prepare_fork(&self) -> PreparedMachineFork<'_, F, L> {
        let _operation = self.operation_lock.hold();
        let _current = self.current.hold();
        PreparedMachineFork { machine: self, _current, _operation }
    }

    /// Repairs the machine in the child of an unprepared fork. Returns true if the fork cut an operation short: each
    /// later one is then refused with [`HotplugError::Forked`](super::HotplugError::Forked). Never waits.
    ///
    /// The state is the one before the operation or the one after it. The lists and zones are as the operation left
    /// them.
    ///
    /// # Safety
    /// The process is the child of a fork, no other thread of it uses the machine yet, and the calling thread made the
    /// fork outside of any call of this library, read-side critical sections excepted.
    pub unsafe fn after_fork(&self) -> bool {
        // SAFETY: the child has no other thread, so a holder of the lock never continues. The lock protects no data.
        let cut_short = unsafe { self.operation_lock.abandon(|| None) };
        // SAFETY: the child has no other thread, so a holder of the lock never continues. The lock protects two
        // pointers of one word each, old or new. `state` returns the second only if it points to the same state as the
        // first, so no mixture of old and new is returned.
        unsafe { self.current.abandon(|| None) };
        self.clear_operation_thread();
        if cut_short {
            // Pairs with no acquire: the load in `check_may_operate` is relaxed. Threads that run it are spawned later,
            // and a spawn is a happens-before edge of its own.
            self.forked.store(true, Release);
        }
        self.forked.load(Relaxed)
    }
}
