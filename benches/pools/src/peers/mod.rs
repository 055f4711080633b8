//! Peers: page-frame allocators from crates.io, each used as its documentation says.
//!
//! Where a peer has a limit, its largest block is of order 10, the largest order that workloads request. A peer for one
//! thread is behind a spin lock of the kind that the other peers contain.

mod bitmap;
mod block_ref;
mod buddy;
mod buddy_system;
mod frame;

pub use bitmap::{Bitmap, run as run_bitmap};
pub use buddy::Buddy;
pub use buddy_system::{SystemFrames, SystemHeap};
pub use frame::{Depot, Summary};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bitmap_allocator::BitAlloc1M;

    use super::*;
    use crate::pool::{BlockRef, Pool};

    /// Allocates all frames one by one, frees them, and allocates blocks of order 9.
    fn allocates_each_frame_once<P: Pool>() {
        const FRAMES: usize = 4096;
        let pool = P::new(FRAMES, 1).unwrap();
        let mut handle = pool.handle(0);
        let all: Vec<BlockRef> = std::iter::from_fn(|| P::alloc(&mut handle, 0, true)).collect();
        assert!((FRAMES * 9 / 10..=FRAMES).contains(&all.len()), "{}", all.len());
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        // SAFETY: the same handle allocated each block at order 0, and each is freed once.
        all.into_iter().for_each(|block| unsafe { P::free(&mut handle, block, 0) });
        let large: Vec<BlockRef> = std::iter::from_fn(|| P::alloc(&mut handle, 9, false)).collect();
        assert!((FRAMES / 512 - 1..=FRAMES / 512).contains(&large.len()), "{large:?}");
    }

    #[test]
    fn every_peer_allocates_each_frame_once() {
        allocates_each_frame_once::<Summary>();
        allocates_each_frame_once::<Depot>();
        allocates_each_frame_once::<SystemFrames>();
        allocates_each_frame_once::<SystemHeap>();
        allocates_each_frame_once::<Buddy>();
        allocates_each_frame_once::<Bitmap<BitAlloc1M>>();
    }
}
