//! The interface of a page-frame allocator under test.

use std::{io, num::NonZeroU64};

/// A block that a pool has allocated, in the pool's own representation: a frame number plus one, or an address.
///
/// It is not zero, so that an `Option` of it takes one word.
pub type BlockRef = NonZeroU64;

/// The largest order that workloads request.
pub const LARGEST_ORDER: u8 = 10;

/// The order of a block of 2 MiB, which workload (d) requests and workload (e) counts.
pub(super) const HUGE_ORDER: u8 = 9;

/// A page-frame allocator, in the form that the workloads need.
///
/// An implementation only forwards: any work that it adds is measured with the pool.
pub trait Pool: Sync + Sized {
    /// A thread's handle: its per-CPU pages if the pool has some, else a reference to the pool.
    type Handle<'p>
    where
        Self: 'p;

    /// A pool of `frames` page frames, a multiple of 1024, for `threads` threads.
    ///
    /// # Errors
    /// The pool can't be set up for them.
    fn new(frames: usize, threads: usize) -> Result<Self, PoolError>;

    /// The handle of the calling thread, which has this number. Each thread calls it once.
    fn handle(&self, thread: usize) -> Self::Handle<'_>;

    /// Allocates a block of 2 to the power of `order` frames; `None` if there is none.
    ///
    /// `movable` says that the block's contents could be moved to other frames. Pools that keep movable and unmovable
    /// blocks apart use it.
    fn alloc(handle: &mut Self::Handle<'_>, order: u8, movable: bool) -> Option<BlockRef>;

    /// Frees a block, which any thread may have allocated.
    ///
    /// # Safety
    /// A handle of the same pool has allocated the block at this order, and it has not been freed since.
    unsafe fn free(handle: &mut Self::Handle<'_>, block: BlockRef, order: u8);
}

/// A pool that can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The system has no address space for the frames.
    #[error("no address space for {frames} page frames: {error}")]
    Memory {
        /// The number of frames that were requested.
        frames: usize,
        /// The system's error.
        error: io::Error,
    },
    /// The allocator refuses the configuration.
    #[error("{pool}: {reason}")]
    Refused {
        /// The allocator's name.
        pool: &'static str,
        /// The allocator's own message.
        reason: String,
    },
}

/// [`Pool::alloc`] as the workloads call it: not inlined, as in a program that uses an allocator.
#[inline(never)]
pub(super) fn alloc<P: Pool>(handle: &mut P::Handle<'_>, order: u8, movable: bool) -> Option<BlockRef> {
    P::alloc(handle, order, movable)
}

/// [`Pool::free`] as the workloads call it: not inlined, as in a program that uses an allocator.
///
/// # Safety
/// See [`Pool::free`].
#[inline(never)]
pub(super) unsafe fn free<P: Pool>(handle: &mut P::Handle<'_>, block: BlockRef, order: u8) {
    // SAFETY: the caller upholds the contract of `Pool::free`: the block is allocated from this pool at this order.
    unsafe { P::free(handle, block, order) }
}
