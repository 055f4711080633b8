//! `buddy_system_allocator`: its frame allocator, which keeps free blocks in ordered sets, and its
//! heap, which keeps them in lists through the free memory itself.

use std::ptr::{NonNull, with_exposed_provenance_mut};

use buddy_system_allocator::{LockedFrameAllocator, LockedHeap};

use super::{block, frame, layout};
use crate::{
    Block, Pool, SetUpError,
    frames::{FRAME, Frames},
    pool::LARGEST,
};

/// Orders of the frame allocator: one more than the largest.
const ORDERS: usize = LARGEST as usize + 1;

/// Orders of the heap, which counts them from a byte on.
const BYTE_ORDERS: usize = ORDERS + FRAME.trailing_zeros() as usize;

/// The frame allocator.
#[expect(missing_debug_implementations, reason = "what it holds has none")]
pub struct SystemFrames(LockedFrameAllocator<ORDERS>);

impl Pool for SystemFrames {
    type Local<'p> = &'p Self;

    fn new(frames: usize, _: usize) -> Result<Self, SetUpError> {
        let allocator = LockedFrameAllocator::new();
        allocator.lock().add_frame(0, frames);
        Ok(Self(allocator))
    }

    fn local(&self, _: usize) -> &Self {
        self
    }

    fn alloc(local: &mut &Self, order: u8, _: bool) -> Option<Block> {
        block(local.0.lock().alloc(1 << order)?)
    }

    unsafe fn free(local: &mut &Self, block: Block, order: u8) {
        local.0.lock().dealloc(frame(block), 1 << order);
    }
}

/// The heap, with the memory it writes to.
#[expect(missing_debug_implementations, reason = "what it holds has none")]
pub struct SystemHeap {
    heap: LockedHeap<BYTE_ORDERS>,
    /// Held as long as the heap is.
    _frames: Frames,
}

impl Pool for SystemHeap {
    type Local<'p> = &'p Self;

    fn new(count: usize, _: usize) -> Result<Self, SetUpError> {
        let frames = Frames::take(count)?;
        let heap = LockedHeap::new();
        // SAFETY: the memory is this pool's as long as `frames` is held.
        unsafe { heap.lock().init(frames.start().addr(), count * FRAME) };
        Ok(Self { heap, _frames: frames })
    }

    fn local(&self, _: usize) -> &Self {
        self
    }

    fn alloc(local: &mut &Self, order: u8, _: bool) -> Option<Block> {
        let start = local.heap.lock().alloc(layout(order)?).ok()?;
        Block::new(start.expose_provenance().get() as u64)
    }

    unsafe fn free(local: &mut &Self, block: Block, order: u8) {
        let start = NonNull::new(with_exposed_provenance_mut(block.get() as usize));
        if let (Some(start), Some(layout)) = (start, layout(order)) {
            // SAFETY: the heap's own block, and the caller says that it was allocated in this layout.
            unsafe { local.heap.lock().dealloc(start, layout) };
        }
    }
}
