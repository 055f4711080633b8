//! Real memory behind frames: address space that is reserved once, and filled where memory is online.

use core::{ffi::c_void, fmt, ops::Range, ptr::NonNull};

use rustix::{
    io::Errno,
    mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap},
};

use crate::{
    NodeId, PAGEBLOCK_FRAMES, Page, ZoneId,
    heap::with_room,
    hotplug::{Backing, BackingError},
};

/// A range of page frames with addresses: one reservation, of which the parts that are online have memory.
///
/// Reserved frames cost address space only. Committed ones are filled by the system as they are
/// written to, from the host's NUMA node of their zone's number where the host has such a node, and
/// from any other else. Released ones go back to the system: what was in them is lost, and to touch
/// them is a fault. A pageblock begins at a multiple of its length, so that the system can use a huge page.
///
/// ```
/// use zonelist_core::{Arena, NodeId, Spin, Zone, ZoneId, ZoneKind, Mobility};
/// let node = NodeId::new(0).unwrap();
/// let arena = Arena::reserve(0..1 << 16, 4096)?; // 256 MiB of addresses
/// arena.commit(node, 0..1024)?;
///
/// let zone = Zone::boxed(ZoneId::new(node, ZoneKind::Normal), 0..1 << 16, 10, Spin::new())?;
/// zone.add(0..1024)?;
/// let pfn = zone.alloc(0, Mobility::Movable).unwrap();
/// let address = arena.address(pfn).unwrap();
/// // SAFETY: the frame is committed, and ours.
/// unsafe { address.write(42) };
/// assert_eq!((arena.frame_of(address), arena.resident(0..1024)?), (Some(pfn), 4096));
///
/// arena.release(0..1024)?;
/// assert_eq!(arena.resident(0..1024)?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Arena {
    /// Where the mapping begins, and its bytes.
    mapping: (NonNull<c_void>, usize),
    /// Where the first frame is.
    first: NonNull<u8>,
    frames: Range<u64>,
    page_bytes: usize,
}

// SAFETY: an arena is numbers and a mapping that lives as long as it does; its methods change what the
// system keeps of it, which any thread may.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

/// Why nothing was done to an arena.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArenaError {
    /// Pages are not of a length that the system has.
    #[error("pages of {bytes} bytes; expected a power of two, and a multiple of the system's {system}")]
    PageBytes {
        /// The length.
        bytes: usize,
        /// The system's.
        system: usize,
    },
    /// There are no frames, or more than there are addresses for.
    #[error(
        "frames {start} to {end} of {page_bytes} bytes; expected one or more, and as many as there are addresses for"
    )]
    Length {
        /// The first frame.
        start: u64,
        /// The one behind the last.
        end: u64,
        /// Bytes of a frame.
        page_bytes: usize,
    },
    /// Some frames are not the arena's, or there are none.
    #[error("frames {start} to {end}; expected one or more of the arena's, {} to {}", .arena.0, .arena.1)]
    Frames {
        /// The first frame.
        start: u64,
        /// The one behind the last.
        end: u64,
        /// The same of the arena.
        arena: (u64, u64),
    },
    /// The system would not.
    #[error("the system refused: {0}; expected it to have the memory")]
    System(Errno),
}

impl Arena {
    /// Reserves addresses for frames of `page_bytes` each.
    ///
    /// # Errors
    /// There are none, pages are not of a length that the system has, or it has no such range of addresses.
    pub fn reserve(frames: Range<u64>, page_bytes: usize) -> Result<Self, ArenaError> {
        let system = rustix::param::page_size();
        if !page_bytes.is_power_of_two() || page_bytes < system {
            return Err(ArenaError::PageBytes { bytes: page_bytes, system });
        }
        let wrong = ArenaError::Length { start: frames.start, end: frames.end, page_bytes };
        // A whole pageblock more, to begin where one does.
        let before = frames.start % PAGEBLOCK_FRAMES as u64;
        let pages = frames.end.checked_sub(frames.start).filter(|&pages| pages > 0).ok_or(wrong)?;
        let align = PAGEBLOCK_FRAMES.checked_mul(page_bytes).ok_or(wrong)?;
        let pages = pages.checked_add(before).and_then(|pages| usize::try_from(pages).ok());
        let bytes = pages.and_then(|pages| pages.checked_mul(page_bytes));
        let bytes = bytes.and_then(|bytes| bytes.checked_add(align));
        // Longer than that no object may be, although a 32-bit system may have the addresses.
        let bytes = bytes.filter(|&bytes| bytes <= isize::MAX as usize).ok_or(wrong)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: no address is asked for, so nothing that is there is replaced.
        let start = unsafe { mmap_anonymous(core::ptr::null_mut(), bytes, ProtFlags::empty(), flags) };
        let start = NonNull::new(start.map_err(ArenaError::System)?).ok_or(wrong)?;
        let skip = start.as_ptr().cast::<u8>().align_offset(align) + before as usize * page_bytes;
        // SAFETY: it is less than `align` and the frames before the first, both of which the mapping has room for.
        let first = unsafe { start.cast::<u8>().add(skip) };
        Ok(Self { mapping: (start, bytes), first, frames, page_bytes })
    }

    /// Makes frames readable and writable, zeroed if nobody used them since they were released. Says whether they
    /// are bound to the host's node of that number, so that they are from there or not at all.
    ///
    /// They are not where the host has no such node with memory, or does not let us say.
    ///
    /// # Errors
    /// Some are not the arena's, or the system would not.
    pub fn commit(&self, node: NodeId, frames: Range<u64>) -> Result<bool, ArenaError> {
        let (start, bytes) = self.part(&frames)?;
        // SAFETY: the part is ours, and to make it accessible harms nobody.
        unsafe { mprotect(start.as_ptr().cast(), bytes, MprotectFlags::READ | MprotectFlags::WRITE) }
            .map_err(ArenaError::System)?;
        Ok(bind(start, bytes, node))
    }

    /// Gives frames back to the system.
    ///
    /// # Errors
    /// Some are not the arena's, or the system would not.
    pub fn release(&self, frames: Range<u64>) -> Result<(), ArenaError> {
        let (start, bytes) = self.part(&frames)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        // Mapped anew, so that the node that it was bound to is forgotten as well.
        // SAFETY: only this part of our own mapping is replaced; whoever has a page of it was told that it goes.
        let mapped = unsafe { mmap_anonymous(start.as_ptr().cast(), bytes, ProtFlags::empty(), flags) };
        mapped.map(drop).map_err(ArenaError::System)
    }

    /// Bytes of these frames that are in memory now.
    ///
    /// # Errors
    /// Some are not the arena's, or the system would not say.
    pub fn resident(&self, frames: Range<u64>) -> Result<u64, ArenaError> {
        let (start, bytes) = self.part(&frames)?;
        let system = rustix::param::page_size();
        let mut there = with_room(bytes / system).map_err(|_| ArenaError::System(Errno::NOMEM))?;
        there.resize(bytes / system, 0);
        // SAFETY: the part is mapped, and there is a byte for each page of it.
        let failed = unsafe { libc::mincore(start.as_ptr().cast(), bytes, there.as_mut_ptr()) } != 0;
        if failed {
            let error = std::io::Error::last_os_error();
            return Err(ArenaError::System(Errno::from_io_error(&error).unwrap_or(Errno::NOMEM)));
        }
        Ok(there.iter().filter(|&&page| page & 1 != 0).count() as u64 * system as u64)
    }

    /// The frames.
    #[must_use]
    pub fn frames(&self) -> Range<u64> {
        self.frames.clone()
    }

    /// Bytes of a frame.
    #[must_use]
    pub fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// Where a frame begins; `None` if it is not the arena's.
    #[must_use]
    pub fn address(&self, pfn: u64) -> Option<NonNull<u8>> {
        if !self.frames.contains(&pfn) {
            return None;
        }
        // SAFETY: the frame is one of those that the mapping has room for.
        Some(unsafe { self.first.add((pfn - self.frames.start) as usize * self.page_bytes) })
    }

    /// The frame that an address is in; `None` if it is not the arena's.
    #[must_use]
    pub fn frame_of(&self, address: NonNull<u8>) -> Option<u64> {
        let offset = address.addr().get().checked_sub(self.first.addr().get())?;
        self.frames.start.checked_add((offset / self.page_bytes) as u64).filter(|pfn| self.frames.contains(pfn))
    }

    /// The bytes of a page: `2^order` frames. `None` if some are not the arena's.
    #[must_use]
    pub fn bytes(&self, page: Page) -> Option<NonNull<[u8]>> {
        let (start, bytes) = self.part(&(page.pfn()..page.pfn() + (1 << page.order()))).ok()?;
        Some(NonNull::slice_from_raw_parts(start, bytes))
    }

    /// Where frames are, and how many bytes.
    fn part(&self, frames: &Range<u64>) -> Result<(NonNull<u8>, usize), ArenaError> {
        let arena = (self.frames.start, self.frames.end);
        let wrong = ArenaError::Frames { start: frames.start, end: frames.end, arena };
        if frames.start >= frames.end || frames.end > self.frames.end {
            return Err(wrong);
        }
        Ok((self.address(frames.start).ok_or(wrong)?, (frames.end - frames.start) as usize * self.page_bytes))
    }
}

/// Binds memory to the host's node of that number. Strictly, or a zone's pages would not be what its name says.
fn bind(start: NonNull<u8>, bytes: usize, node: NodeId) -> bool {
    const WORD: usize = usize::BITS as usize;
    let mut mask = [0_usize; crate::MAX_NODES / WORD];
    mask[node.index() / WORD] = 1 << (node.index() % WORD);
    // SAFETY: the mask has as many bits as we say, one more as the kernel counts them; where memory comes from
    // changes nothing of what is in it.
    let result = unsafe {
        libc::syscall(libc::SYS_mbind, start.as_ptr(), bytes, libc::MPOL_BIND, mask.as_ptr(), crate::MAX_NODES + 1, 0)
    };
    result == 0
}

impl Backing for Arena {
    fn commit(&self, zone: ZoneId, frames: Range<u64>) -> Result<(), BackingError> {
        let failed = |error| {
            let errno = if let ArenaError::System(errno) = error { errno.raw_os_error() } else { 0 };
            BackingError { frames: (frames.start, frames.end), errno }
        };
        Self::commit(self, zone.node(), frames.clone()).map(drop).map_err(failed)
    }

    fn release(&self, _: ZoneId, frames: Range<u64>) {
        // Frames that were committed are the arena's; what the system keeps of them it will have back with the rest.
        let _ = Self::release(self, frames);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: nothing that was lent out outlives the arena but addresses, which are no longer to be used.
        let _ = unsafe { munmap(self.mapping.0.as_ptr(), self.mapping.1) };
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, frames, page_bytes, .. } = self;
        f.debug_struct("Arena")
            .field("frames", frames)
            .field("page_bytes", page_bytes)
            .field("first", first)
            .finish_non_exhaustive()
    }
}
