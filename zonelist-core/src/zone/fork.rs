//! A zone in the child of a fork.

use super::{allocator::Zone, free_frames::FreeFrames};
use crate::locking::RawLock;
#[cfg(feature = "alloc")]
use crate::locking::lock::Hold;

impl<L: RawLock> Zone<'_, L> {
    /// Holds the zone's lock over a fork.
    #[cfg(feature = "alloc")]
    pub(crate) fn hold(&self) -> Hold<'_, L> {
        self.frames.hold()
    }

    /// True if a fork has left the holder of the lock behind: the zone has no frames then.
    pub(crate) fn is_lost(&self) -> bool {
        self.frames.is_lost()
    }

    /// Recovers a zone in the child of a fork. Never waits.
    ///
    /// If another thread held the zone's lock when the process forked, its change is incomplete for good. The zone then
    /// has no frames and no metadata, as a zone of [`Zone::without_metadata`]. Returns true in that case.
    ///
    /// Only for a zone without an allocator; for zones of an allocator call
    /// [`PageAllocator::after_fork`](crate::PageAllocator::after_fork).
    ///
    /// # Safety
    /// This is the child of a fork, no other thread of it uses the zone yet, and the calling thread made the fork
    /// outside of any call of this library but a guard.
    pub unsafe fn after_fork(&self) -> bool {
        // SAFETY: the caller promises that this is the child of a fork, that no other thread of it uses the zone, and
        // that the calling thread was in no call of this library. So the holder of a held lock is a thread that the
        // child does not have.
        let lost = unsafe { self.frames.abandon(|| Some(FreeFrames::none())) };
        if lost {
            self.watermark_counters().set_free(0);
            self.watermark_counters().set_managed(0);
            self.watermark_counters().set_isolated(0);
        }
        lost
    }
}
