//! What is compared: something that hands out blocks of page frames.

use std::{io, num::NonZeroU64};

/// A block that a pool has handed out, by whatever name the pool knows it: a frame's number plus
/// one, or an address. Not zero, so that a place for one that may be empty takes a word.
pub type Block = NonZeroU64;

/// The largest order that is asked for.
pub const LARGEST: u8 = 10;

/// An allocator of page frames, in the form that the trials need.
///
/// An implementation only forwards: whatever it adds is measured with it.
pub trait Pool: Sync + Sized {
    /// A thread's handle: its page caches where the pool has some, else a reference.
    type Local<'p>
    where
        Self: 'p;

    /// A pool of so many frames, a multiple of 1024, for so many threads.
    ///
    /// # Errors
    /// It can't be set up for them.
    fn new(frames: usize, threads: usize) -> Result<Self, SetUpError>;

    /// The handle of the calling thread, which is the one of this number. A thread asks once.
    fn local(&self, thread: usize) -> Self::Local<'_>;

    /// A block of two to the power of `order` frames, if there is one.
    ///
    /// `movable` says that the owner could do with other frames: pools that keep movable and
    /// unmovable blocks apart go by it.
    fn alloc(local: &mut Self::Local<'_>, order: u8, movable: bool) -> Option<Block>;

    /// Takes a block back, from whichever thread.
    ///
    /// # Safety
    /// A handle of the same pool has handed the block out, at this order, and it has not been
    /// taken back since.
    unsafe fn free(local: &mut Self::Local<'_>, block: Block, order: u8);
}

/// Why a pool can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// There is no memory for the frames.
    #[error("no address space for {frames} page frames: {error}")]
    Memory {
        /// How many there should be.
        frames: usize,
        /// Why not.
        error: io::Error,
    },
    /// The pool refuses.
    #[error("{pool}: {reason}")]
    Refused {
        /// Which one.
        pool: &'static str,
        /// In its words.
        reason: String,
    },
}

/// [`Pool::alloc`] as the trials call it: behind a call, as it would be in an allocator's user.
#[inline(never)]
pub(super) fn alloc<P: Pool>(local: &mut P::Local<'_>, order: u8, movable: bool) -> Option<Block> {
    P::alloc(local, order, movable)
}

/// [`Pool::free`] as the trials call it: behind a call, as it would be in an allocator's user.
///
/// # Safety
/// See [`Pool::free`].
#[inline(never)]
pub(super) unsafe fn free<P: Pool>(local: &mut P::Local<'_>, block: Block, order: u8) {
    // SAFETY: the caller promises just that.
    unsafe { P::free(local, block, order) }
}
