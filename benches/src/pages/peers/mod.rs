//! Allocators of others, from crates.io, each as its documentation says to use it.
//!
//! Those made for one thread are put behind the spin lock that the locked ones among them bring
//! along themselves.

mod bitmap;
mod buddy;
mod buddy_system;
mod frame;

pub use bitmap::{Bitmap, run as run_bitmap};
pub use buddy::Buddy;
pub use buddy_system::{SystemFrames, SystemHeap};
pub use frame::{Depot, Summary};

use std::alloc::Layout;

use super::{Block, frames::FRAME};

/// The block that begins with this frame.
fn block(frame: usize) -> Option<Block> {
    Block::new(frame as u64 + 1)
}

/// The first frame of a block.
fn frame(block: Block) -> usize {
    (block.get() - 1) as usize
}

/// A block as bytes: as many as it is aligned to.
fn layout(order: u8) -> Option<Layout> {
    Layout::from_size_align(FRAME << order, FRAME << order).ok()
}
