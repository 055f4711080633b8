//! `buddy_system_allocator`: its frame allocator, with free blocks in sorted sets, and its heap, with free lists inside
//! the free memory.

use std::ptr::{NonNull, with_exposed_provenance_mut};

use buddy_system_allocator::{LockedFrameAllocator, LockedHeap};

use super::block_ref::{block, frame, layout};
use crate::{
    frame_memory::{FRAME_BYTES, FrameMemory},
    pool::{BlockRef, LARGEST_ORDER, Pool, PoolError},
};

/// The number of orders of the frame allocator: 0 to the largest.
const ORDERS: usize = LARGEST_ORDER as usize + 1;

/// The number of orders of the heap, whose order 0 is one byte.
const BYTE_ORDERS: usize = ORDERS + FRAME_BYTES.trailing_zeros() as usize;

/// The frame allocator.
#[expect(missing_debug_implementations, reason = "its fields have none")]
pub struct SystemFrames(LockedFrameAllocator<ORDERS>);

impl Pool for SystemFrames {
    type Handle<'p> = &'p Self;

    fn new(frames: usize, _: usize) -> Result<Self, PoolError> {
        let allocator = LockedFrameAllocator::new();
        allocator.lock().add_frame(0, frames);
        Ok(Self(allocator))
    }

    fn handle(&self, _: usize) -> &Self {
        self
    }

    fn alloc(handle: &mut &Self, order: u8, _: bool) -> Option<BlockRef> {
        block(handle.0.lock().alloc(1 << order)?)
    }

    unsafe fn free(handle: &mut &Self, block: BlockRef, order: u8) {
        handle.0.lock().dealloc(frame(block), 1 << order);
    }
}

/// The heap, with the memory that it writes to.
#[expect(missing_debug_implementations, reason = "its fields have none")]
pub struct SystemHeap {
    heap: LockedHeap<BYTE_ORDERS>,
    /// Keeps the memory while the heap lives.
    _frames: FrameMemory,
}

impl Pool for SystemHeap {
    type Handle<'p> = &'p Self;

    fn new(count: usize, _: usize) -> Result<Self, PoolError> {
        let frames = FrameMemory::take(count)?;
        let heap = LockedHeap::new();
        // SAFETY: `frames` is exclusive memory of this length, and the pool keeps it as long as the heap.
        unsafe { heap.lock().init(frames.start().addr(), count * FRAME_BYTES) };
        Ok(Self { heap, _frames: frames })
    }

    fn handle(&self, _: usize) -> &Self {
        self
    }

    fn alloc(handle: &mut &Self, order: u8, _: bool) -> Option<BlockRef> {
        let start = handle.heap.lock().alloc(layout(order)?).ok()?;
        BlockRef::new(start.expose_provenance().get() as u64)
    }

    unsafe fn free(handle: &mut &Self, block: BlockRef, order: u8) {
        let start = NonNull::new(with_exposed_provenance_mut(block.get() as usize));
        if let (Some(start), Some(layout)) = (start, layout(order)) {
            // SAFETY: by the contract of `Pool::free`, this heap allocated the block at this order, and so in this
            // layout.
            unsafe { handle.heap.lock().dealloc(start, layout) };
        }
    }
}
