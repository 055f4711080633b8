//! `bitmap-allocator`: a tree of bitmaps, which looks for more than one frame by scanning.

use bitmap_allocator::{BitAlloc, BitAlloc1M, BitAlloc16M};
use spin::Mutex;

use super::{block, frame};
use crate::{
    Block, Outcome, Pool, SetUpError, Trial,
    course::{Course, TrialError},
};

/// A bitmap behind a lock.
#[derive(Debug)]
pub struct Bitmap<B>(Mutex<Box<B>>);

/// Runs a trial with the smallest of its bitmaps that has room for the frames.
///
/// # Errors
/// See [`Trial::run`].
pub fn run(trial: Trial, course: &Course<'_>) -> Result<Outcome, TrialError> {
    if course.frames <= BitAlloc1M::CAP {
        trial.run::<Bitmap<BitAlloc1M>>(course)
    } else {
        trial.run::<Bitmap<BitAlloc16M>>(course)
    }
}

impl<B: BitAlloc + Send> Pool for Bitmap<B> {
    type Local<'p>
        = &'p Self
    where
        Self: 'p;

    fn new(frames: usize, _: usize) -> Result<Self, SetUpError> {
        if frames > B::CAP {
            let reason = format!("has room for {} frames, not for {frames}", B::CAP);
            return Err(SetUpError::Refused { pool: "bitmap-allocator", reason });
        }
        let mut bitmap = Box::new(B::DEFAULT);
        bitmap.insert(0..frames);
        Ok(Self(Mutex::new(bitmap)))
    }

    fn local(&self, _: usize) -> &Self {
        self
    }

    fn alloc(local: &mut &Self, order: u8, _: bool) -> Option<Block> {
        let mut bitmap = local.0.lock();
        let first = match order {
            0 => bitmap.alloc(),
            _ => bitmap.alloc_contiguous(None, 1 << order, order.into()),
        };
        block(first?)
    }

    unsafe fn free(local: &mut &Self, block: Block, order: u8) {
        let mut bitmap = local.0.lock();
        match order {
            0 => bitmap.dealloc(frame(block)),
            _ => bitmap.dealloc_contiguous(frame(block), 1 << order),
        };
    }
}
