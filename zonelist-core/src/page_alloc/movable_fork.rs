//! What becomes of movable pages in the child of a fork.

use super::{
    Migrate, MovableEntry, MovablePages,
    movable_entry::{GENERATION, MOVING, NONE},
};
use crate::{RawLock, sync::atomic::Ordering::Relaxed, sync::lock::Hold};

/// A moment at which a process may fork: the list of free entries is in order.
#[derive(Debug)]
#[must_use = "pages can't be inserted or removed for as long as it lives"]
pub struct PreparedMovablePagesFork<'p, 'm, M, L: RawLock> {
    movables: &'p MovablePages<'m, M, L>,
    _free: Hold<'p, L>,
}

impl<M: Migrate, L: RawLock> PreparedMovablePagesFork<'_, '_, M, L> {
    /// In the parent, or if there was no fork: all goes on.
    pub fn parent(self) {}

    /// In the child: as [`MovablePages::after_fork`], but that no free entry is lost.
    ///
    /// # Safety
    /// This is the child of a fork that the calling thread made while this was there.
    pub unsafe fn child(self) -> usize {
        self.movables.lose_moving()
    }
}

impl<'m, M: Migrate, L: RawLock> MovablePages<'m, M, L> {
    /// Keeps the list of free entries in order for a fork. Behind the preparation of operations, which move pages.
    ///
    /// Behind the fork, the parent calls [`PreparedMovablePagesFork::parent`], and the child
    /// [`PreparedMovablePagesFork::child`].
    pub fn prepare_fork(&self) -> PreparedMovablePagesFork<'_, 'm, M, L> {
        PreparedMovablePagesFork { movables: self, _free: self.free.hold() }
    }

    /// In the child of a fork that nothing was prepared for. Waits for nobody.
    ///
    /// Pages that another thread was moving or removing are lost, and their handles
    /// [`HandleError::Gone`](crate::HandleError::Gone); how many is returned. Pages that another thread held stay
    /// [`HandleError::Held`](crate::HandleError::Held). If another thread was at the list of free entries those are lost,
    /// too.
    ///
    /// # Safety
    /// This is the child of a fork, no other thread of it uses the pages yet, and the calling thread made the fork
    /// outside of any call of this library but a guard.
    pub unsafe fn after_fork(&self) -> usize {
        // SAFETY: there is no other thread, and whoever was at the list is no more.
        unsafe { self.free.abandon(|| Some(NONE)) };
        self.lose_moving()
    }

    /// Ends the handles of pages that are being moved by a thread that is no more; how many.
    fn lose_moving(&self) -> usize {
        let moving = self.entries.iter().filter(|entry| entry.state.load(Relaxed) & MOVING != 0);
        let lose = |entry: &MovableEntry| {
            let generation = (entry.state.load(Relaxed) >> GENERATION).wrapping_add(1);
            entry.state.store(generation << GENERATION, Relaxed);
        };
        moving.map(lose).count()
    }
}
