//! Memory for pools that write into the frames they manage.
//!
//! A pool is made anew for every trial of every round, but page faults are the system's cost and
//! not the pool's: the memory goes from one pool to the next, touched as it is.

use std::{
    io,
    ptr::{NonNull, null_mut},
    sync::{Mutex, PoisonError},
};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::pool::{LARGEST, SetUpError};

/// Bytes of a frame.
pub const FRAME: usize = 4096;

/// Frames begin at a multiple of the largest block's bytes.
const ALIGN: usize = FRAME << LARGEST;

/// Mappings that nobody uses now.
static SPARE: Mutex<Vec<Mapping>> = Mutex::new(Vec::new());

/// Memory of so many frames, with anything in it, for its holder alone.
#[derive(Debug)]
pub struct Frames(Option<Mapping>);

#[derive(Debug)]
struct Mapping {
    address: usize,
    bytes: usize,
}

impl Frames {
    /// Takes memory that a pool has left, or has the system map some.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn take(frames: usize) -> Result<Self, SetUpError> {
        let bytes = frames * FRAME + ALIGN;
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        // What does not fit is of a size that is done with.
        spare.retain(|mapping| mapping.bytes == bytes);
        let mapping = spare.pop().map_or_else(|| Mapping::new(bytes), Ok);
        mapping.map(|mapping| Self(Some(mapping))).map_err(|error| SetUpError::Memory { frames, error })
    }

    /// Where the first frame begins.
    ///
    /// The pointer is good for all frames as long as they are held, also if it is made anew from
    /// its address by [`with_exposed_provenance_mut`](std::ptr::with_exposed_provenance_mut).
    #[must_use]
    pub fn start(&self) -> *mut u8 {
        let address = self.0.as_ref().map_or(0, |mapping| mapping.address.next_multiple_of(ALIGN));
        std::ptr::with_exposed_provenance_mut(address)
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).extend(self.0.take());
    }
}

impl Mapping {
    fn new(bytes: usize) -> io::Result<Self> {
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::NORESERVE);
        // SAFETY: a new mapping, at a place that the system chooses.
        let start = unsafe { mmap_anonymous(null_mut(), bytes, access, kind)? };
        Ok(Self { address: start.expose_provenance(), bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(start) = NonNull::new(std::ptr::with_exposed_provenance_mut(self.address)) {
            // SAFETY: mapped by `new` in this length; whoever held it has given it back.
            // An error would mean that nothing is mapped there, and that is what is wanted.
            let _ = unsafe { munmap(start.as_ptr(), self.bytes) };
        }
    }
}
