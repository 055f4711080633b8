//! `buddy-alloc`: free lists inside the free memory, and bitmaps of split blocks.

use std::ptr::with_exposed_provenance_mut;

use buddy_alloc::buddy_alloc::{BuddyAlloc, BuddyAllocParam};
use spin::Mutex;

use crate::{
    frame_memory::{FRAME_BYTES, FrameMemory},
    pool::{BlockRef, Pool, PoolError},
};

/// The allocator behind a spin lock, with the memory that it writes to.
#[expect(missing_debug_implementations, reason = "its fields have none")]
pub struct Buddy {
    /// Declared first, so that it is dropped before the memory.
    buddy: Mutex<Owned>,
    /// Keeps the memory while the allocator lives.
    _frames: FrameMemory,
}

/// The allocator, with exclusive use of its memory.
struct Owned(BuddyAlloc);

// SAFETY: its pointers refer to memory that it uses exclusively and that no thread owns, so any thread may use them.
unsafe impl Send for Owned {}

impl Pool for Buddy {
    type Handle<'p> = &'p Self;

    fn new(count: usize, _: usize) -> Result<Self, PoolError> {
        let frames = FrameMemory::take(count)?;
        let parameters = BuddyAllocParam::new(frames.start(), count * FRAME_BYTES, FRAME_BYTES);
        // SAFETY: `frames` is exclusive memory of this length, and the pool keeps it until the allocator is dropped.
        let buddy = unsafe { BuddyAlloc::new(parameters) };
        Ok(Self { buddy: Mutex::new(Owned(buddy)), _frames: frames })
    }

    fn handle(&self, _: usize) -> &Self {
        self
    }

    fn alloc(handle: &mut &Self, order: u8, _: bool) -> Option<BlockRef> {
        let start = handle.buddy.lock().0.malloc(FRAME_BYTES << order);
        BlockRef::new(start.expose_provenance() as u64)
    }

    unsafe fn free(handle: &mut &Self, block: BlockRef, _: u8) {
        handle.buddy.lock().0.free(with_exposed_provenance_mut(block.get() as usize));
    }
}
