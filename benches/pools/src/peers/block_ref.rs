//! Conversions between [`BlockRef`]s and the frame numbers and layouts that peers use.

use std::alloc::Layout;

use crate::{frame_memory::FRAME_BYTES, pool::BlockRef};

/// The block that begins with this frame.
pub(super) fn block(frame: usize) -> Option<BlockRef> {
    BlockRef::new(frame as u64 + 1)
}

/// The first frame of a block.
pub(super) fn frame(block: BlockRef) -> usize {
    (block.get() - 1) as usize
}

/// The layout of a block in bytes, aligned to its size.
pub(super) fn layout(order: u8) -> Option<Layout> {
    Layout::from_size_align(FRAME_BYTES << order, FRAME_BYTES << order).ok()
}
