//! Memory for pools that write into the frames that they manage.
//!
//! Every workload of every round sets up a new pool. Page faults are the system's cost and not the pool's, so mappings
//! are reused: a new pool gets memory that an earlier pool has already touched.

use std::{
    io,
    ptr::{NonNull, null_mut},
    sync::{Mutex, PoisonError},
};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::pool::{LARGEST_ORDER, PoolError};

/// Bytes of a page frame.
pub const FRAME_BYTES: usize = 4096;

/// The alignment of the first frame: the bytes of the largest block.
const ALIGN: usize = FRAME_BYTES << LARGEST_ORDER;

/// Mappings that no pool uses.
static SPARE: Mutex<Vec<Mapping>> = Mutex::new(Vec::new());

/// Exclusive memory for a number of page frames, with unspecified contents.
#[derive(Debug)]
pub struct FrameMemory(Option<Mapping>);

#[derive(Debug)]
struct Mapping {
    address: usize,
    bytes: usize,
}

impl FrameMemory {
    /// Memory for this number of frames: a spare mapping of the same size, or a new one.
    ///
    /// # Errors
    /// The system has no address space for it.
    pub fn take(frames: usize) -> Result<Self, PoolError> {
        let bytes = frames * FRAME_BYTES + ALIGN;
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        // Sizes are run one after the other: a mapping of another size is not needed again.
        spare.retain(|mapping| mapping.bytes == bytes);
        let mapping = spare.pop().map_or_else(|| Mapping::new(bytes), Ok);
        mapping.map(|mapping| Self(Some(mapping))).map_err(|error| PoolError::Memory { frames, error })
    }

    /// The address of the first frame.
    ///
    /// The pointer is valid for all frames while `self` lives. So is a pointer that is made from its address by
    /// [`with_exposed_provenance_mut`](std::ptr::with_exposed_provenance_mut).
    #[must_use]
    pub fn start(&self) -> *mut u8 {
        let address = self.0.as_ref().map_or(0, |mapping| mapping.address.next_multiple_of(ALIGN));
        std::ptr::with_exposed_provenance_mut(address)
    }
}

impl Drop for FrameMemory {
    fn drop(&mut self) {
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).extend(self.0.take());
    }
}

impl Mapping {
    fn new(bytes: usize) -> io::Result<Self> {
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::NORESERVE);
        // SAFETY: without a fixed address the system chooses a free range, so no existing mapping is replaced.
        let start = unsafe { mmap_anonymous(null_mut(), bytes, access, kind)? };
        Ok(Self { address: start.expose_provenance(), bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(start) = NonNull::new(std::ptr::with_exposed_provenance_mut(self.address)) {
            // An error would mean that nothing is mapped there, which is the intended result.
            // SAFETY: `Mapping::new` mapped this range in this length, and no `FrameMemory` refers to a mapping that
            // is dropped, so no pointer into the range is used any more.
            let _ = unsafe { munmap(start.as_ptr(), self.bytes) };
        }
    }
}
