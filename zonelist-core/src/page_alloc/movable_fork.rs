//! Forks: the state of movable pages in the child process.

use super::{
    Migrate, MovableEntry, MovablePages,
    movable_entry::{GENERATION, MOVING, NONE},
};
use crate::{
    locking::{RawLock, lock::Hold},
    sync::atomic::Ordering::Relaxed,
};

/// A state in which the process may fork: the free list is locked, and complete.
#[derive(Debug)]
#[must_use = "pages can't be inserted or removed for as long as it lives"]
pub struct PreparedMovablePagesFork<'p, 'm, M, L: RawLock> {
    pages: &'p MovablePages<'m, M, L>,
    _free: Hold<'p, L>,
}

impl<M: Migrate, L: RawLock> PreparedMovablePagesFork<'_, '_, M, L> {
    /// Ends the state in the parent, or if there was no fork.
    pub fn parent(self) {}

    /// Ends the state in the child: repairs as [`MovablePages::after_fork`] does, but loses no free entry.
    ///
    /// # Safety
    /// This is the child of a fork that the calling thread made while this value existed.
    pub unsafe fn child(self) -> usize {
        self.pages.lose_moving()
    }
}

impl<'m, M: Migrate, L: RawLock> MovablePages<'m, M, L> {
    /// Prepares a fork: locks the free list. To be called after the preparation of a running machine, whose operations
    /// move pages.
    ///
    /// After the fork, the parent calls [`PreparedMovablePagesFork::parent`], and the child
    /// [`PreparedMovablePagesFork::child`].
    pub fn prepare_fork(&self) -> PreparedMovablePagesFork<'_, 'm, M, L> {
        PreparedMovablePagesFork { pages: self, _free: self.free.hold() }
    }

    /// Repairs the movable pages in the child of a fork that was not prepared. Waits for nothing.
    ///
    /// Pages that another thread was moving or removing are lost, and calls on their handles fail with
    /// [`HandleError::Gone`](crate::page_alloc::HandleError::Gone). Returns the number of these pages. Pages that another thread
    /// held stay [`HandleError::Held`](crate::page_alloc::HandleError::Held). If another thread was changing the free list, its
    /// entries are lost too.
    ///
    /// # Safety
    /// This is the child of a fork, and no other thread of it uses the pages yet. The calling thread made the fork
    /// outside of any call of this library, except within a guard.
    pub unsafe fn after_fork(&self) -> usize {
        // SAFETY: this is the child's only thread, and it is in no call that has the list's lock.
        unsafe { self.free.abandon(|| Some(NONE)) };
        self.lose_moving()
    }

    /// Ends the handles of pages that a thread which the child does not have was moving or removing. Returns their
    /// number.
    fn lose_moving(&self) -> usize {
        let moving = self.entries.iter().filter(|entry| entry.state.load(Relaxed) & MOVING != 0);
        // The page itself may be half copied, so no handle may find it again. Its entry stays unused.
        let lose = |entry: &MovableEntry| {
            let generation = (entry.state.load(Relaxed) >> GENERATION).wrapping_add(1);
            entry.state.store(generation << GENERATION, Relaxed);
        };
        moving.map(lose).count()
    }
}
