//! What becomes of a running machine in the child of a fork.

use super::{Frames, RunningMachine};
use crate::{
    RawLock,
    lock::Hold,
    sync::unmodelled::Ordering::{Relaxed, Release},
};

/// A moment at which a process may fork: no operation is under way, and nobody looks for the state.
///
/// Behind the fork, the parent calls [`parent`](Self::parent), and the child [`child`](Self::child). Dropped, it does
/// what `parent` does.
#[derive(Debug)]
#[must_use = "operations wait for as long as it lives"]
pub struct PreparedMachineFork<'r, F, L: RawLock> {
    machine: &'r RunningMachine<F, L>,
    _current: Hold<'r, L>,
    _operating: Hold<'r, L>,
}

impl<F: Frames, L: RawLock> PreparedMachineFork<'_, F, L> {
    /// In the parent, or if there was no fork: all goes on.
    pub fn parent(self) {}

    /// In the child: all goes on there too.
    ///
    /// # Safety
    /// This is the child of a fork that the calling thread made while this was there.
    pub unsafe fn child(self) {
        self.machine.forget_operator();
    }
}

impl<F: Frames, L: RawLock> RunningMachine<F, L> {
    /// Waits until no operation is under way, and keeps it so. First of all preparations: those of the pages' owners and
    /// of the allocator come behind it.
    ///
    /// ```
    /// # use zonelist_core::{*, hotplug::*, publish::{FullFence, HandleId}};
    /// # use zonelist_core::publish::{Barrier, Scheme};
    /// fn fork<S: Scheme, B: Barrier, L: RawLock, O: Owners, K: Backing, const SEATS: usize>(
    ///     running: &RunningMachine<AllocatorFrames<'_, S, B, L, SEATS, O, K>>,
    ///     keep: &[HandleId],
    ///     fork: impl FnOnce() -> bool,
    /// ) -> Result<bool, ForkError> {
    ///     let machine = running.prepare_fork();
    ///     let allocator = running.frames().allocator().prepare_fork()?;
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
        let _operating = self.operating.hold();
        let _current = self.current.hold();
        PreparedMachineFork { machine: self, _current, _operating }
    }

    /// In the child of a fork that nothing was prepared for: if an operation was cut short, no other is possible, and
    /// each is refused with [`HotplugError::Forked`](super::HotplugError::Forked). Returns whether that is so. Waits for
    /// nobody.
    ///
    /// The state is that before the operation or behind it; what the lists and the zones say is what the operation had
    /// come to.
    ///
    /// # Safety
    /// This is the child of a fork, no other thread of it uses the machine yet, and the calling thread made the fork
    /// outside of any call of this library but a guard.
    pub unsafe fn after_fork(&self) -> bool {
        // SAFETY: there is no other thread, and whoever operated is no more. There is nothing behind the lock.
        let cut_short = unsafe { self.operating.abandon(|| None) };
        // SAFETY: there is no other thread. Of the pointers behind the lock each is one
        // word, which is the old or the new one; one that is shown is compared with the state.
        unsafe { self.current.abandon(|| None) };
        self.forget_operator();
        if cut_short {
            self.forked.store(true, Release);
        }
        self.forked.load(Relaxed)
    }
}
