//! Allocators of others, from crates.io, each as its documentation says to use it.
//!
//! Where a peer lets one choose, its largest block is of order 10, the largest that is asked for, and
//! it splits and merges no further. Those made for one thread are put behind the spin lock that the locked ones among them bring
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bitmap_allocator::BitAlloc1M;

    use super::*;
    use crate::Pool;

    /// Empties a pool frame by frame, fills it again, and expects large blocks of it.
    fn hands_out_each_frame_once<P: Pool>() {
        const FRAMES: usize = 4096;
        let pool = P::new(FRAMES, 1).unwrap();
        let mut local = pool.local(0);
        let all: Vec<Block> = std::iter::from_fn(|| P::alloc(&mut local, 0, true)).collect();
        assert!((FRAMES * 9 / 10..=FRAMES).contains(&all.len()), "{}", all.len());
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        // SAFETY: each was allocated above, once.
        all.into_iter().for_each(|block| unsafe { P::free(&mut local, block, 0) });
        let large: Vec<Block> = std::iter::from_fn(|| P::alloc(&mut local, 9, false)).collect();
        assert!((FRAMES / 512 - 1..=FRAMES / 512).contains(&large.len()), "{large:?}");
    }

    #[test]
    fn every_peer_hands_out_each_frame_once() {
        hands_out_each_frame_once::<Summary>();
        hands_out_each_frame_once::<Depot>();
        hands_out_each_frame_once::<SystemFrames>();
        hands_out_each_frame_once::<SystemHeap>();
        hands_out_each_frame_once::<Buddy>();
        hands_out_each_frame_once::<Bitmap<BitAlloc1M>>();
    }
}
