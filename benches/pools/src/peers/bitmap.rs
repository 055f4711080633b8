//! `bitmap-allocator`: a tree of bitmaps, which scans for blocks of more than one frame.

use bitmap_allocator::{BitAlloc, BitAlloc1M, BitAlloc16M};
use spin::Mutex;

use super::block_ref::{block, frame};
use crate::{
    pool::{BlockRef, Pool, PoolError},
    run_config::{RunConfig, WorkloadError},
    workloads::{Outcome, Workload},
};

/// The bitmap behind a spin lock.
#[derive(Debug)]
pub struct Bitmap<B>(Mutex<Box<B>>);

/// Runs a workload with the smallest bitmap of the crate that has a bit for each frame.
///
/// # Errors
/// See [`Workload::run`].
pub fn run(workload: Workload, config: &RunConfig<'_>) -> Result<Outcome, WorkloadError> {
    if config.frames <= BitAlloc1M::CAP {
        workload.run::<Bitmap<BitAlloc1M>>(config)
    } else {
        workload.run::<Bitmap<BitAlloc16M>>(config)
    }
}

impl<B: BitAlloc + Send> Pool for Bitmap<B> {
    type Handle<'p>
        = &'p Self
    where
        Self: 'p;

    fn new(frames: usize, _: usize) -> Result<Self, PoolError> {
        if frames > B::CAP {
            let reason = format!("has room for {} frames, not for {frames}", B::CAP);
            return Err(PoolError::Refused { pool: "bitmap-allocator", reason });
        }
        let mut bitmap = Box::new(B::DEFAULT);
        bitmap.insert(0..frames);
        Ok(Self(Mutex::new(bitmap)))
    }

    fn handle(&self, _: usize) -> &Self {
        self
    }

    fn alloc(handle: &mut &Self, order: u8, _: bool) -> Option<BlockRef> {
        let mut bitmap = handle.0.lock();
        let first = match order {
            0 => bitmap.alloc(),
            _ => bitmap.alloc_contiguous(None, 1 << order, order.into()),
        };
        block(first?)
    }

    unsafe fn free(handle: &mut &Self, block: BlockRef, order: u8) {
        let mut bitmap = handle.0.lock();
        match order {
            0 => bitmap.dealloc(frame(block)),
            _ => bitmap.dealloc_contiguous(frame(block), 1 << order),
        };
    }
}
