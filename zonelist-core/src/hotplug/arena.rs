//! The arena: address space for page frames, reserved once, with memory committed where frames are online.

use core::{ffi::c_void, fmt, ops::Range, ptr::NonNull};

use rustix::{
    io::Errno,
    mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap},
};

use super::backing::{Backing, BackingError};
use crate::{NodeId, Page, Pfn, ZoneId, heap::with_room, ids::Order, zone::PAGEBLOCK_FRAMES};

/// A range of page frames with addresses: one mapping, of which the online parts have memory.
///
/// Reserved frames cost address space only. The system provides memory for a committed frame at its first write, from
/// the host's NUMA node with the number of the zone's node if the host has such a node, else from any node. Released
/// frames are returned to the system: their contents are lost, and an access faults. A pageblock starts at a multiple
/// of its length, so that the system can use a huge page.
///
/// ```
/// use zonelist_core::{Mobility, NodeId, Pfn, Zone, ZoneId, ZoneKind, hotplug::Arena, sync::Spin, zone::Order};
/// let node = NodeId::new(0).unwrap();
/// let arena = Arena::reserve(Pfn::range(0..1 << 16), 4096)?; // 256 MiB of addresses
/// arena.commit(node, Pfn::range(0..1024))?;
///
/// let zone = Zone::boxed(ZoneId::new(node, ZoneKind::Normal), Pfn::range(0..1 << 16), Order::MAX, Spin::new())?;
/// zone.add(Pfn::range(0..1024))?;
/// let pfn = zone.alloc(Order::ZERO, Mobility::Movable).unwrap();
/// let address = arena.address(pfn).unwrap();
/// // SAFETY: the frame is committed, and allocated here.
/// unsafe { address.write(42) };
/// assert_eq!((arena.frame_of(address), arena.resident(Pfn::range(0..1024))?), (Some(pfn), 4096));
///
/// arena.release(Pfn::range(0..1024))?;
/// assert_eq!(arena.resident(Pfn::range(0..1024))?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Arena {
    /// The start of the mapping, and its length in bytes.
    mapping: (NonNull<c_void>, usize),
    /// The address of the first frame.
    first: NonNull<u8>,
    frames: Range<Pfn>,
    page_bytes: usize,
}

// SAFETY: the mapping belongs to the arena alone and is not tied to a thread. Any thread may map, protect and unmap.
unsafe impl Send for Arena {}
// SAFETY: methods on `&self` read immutable fields and call the system, which serialises changes of a mapping. None
// creates a reference to a frame's bytes.
unsafe impl Sync for Arena {}

/// Why an arena refused a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArenaError {
    /// The system has no pages of that length.
    #[error("pages of {bytes} bytes; expected a power of two, and a multiple of the system's {system}")]
    PageBytes {
        /// The length, in bytes.
        bytes: usize,
        /// The system's page length, in bytes.
        system: usize,
    },
    /// The range is empty, or larger than the address space.
    #[error(
        "frames {start} to {end} of {page_bytes} bytes; expected one or more, and as many as there are addresses for"
    )]
    Length {
        /// The first frame.
        start: Pfn,
        /// The end.
        end: Pfn,
        /// The length of a frame, in bytes.
        page_bytes: usize,
    },
    /// The range is empty, or not within the arena.
    #[error("frames {start} to {end}; expected one or more of the arena's, {} to {}", .arena.0, .arena.1)]
    Frames {
        /// The first frame.
        start: Pfn,
        /// The end.
        end: Pfn,
        /// The first frame and the end of the arena.
        arena: (Pfn, Pfn),
    },
    /// The system refused.
    #[error("the system refused: {0}; expected it to have the memory")]
    System(Errno),
}

impl Arena {
    /// Reserves addresses for frames of `page_bytes` each.
    ///
    /// # Errors
    /// There are no frames, the system has no pages of that length, or no address range of that size is free.
    pub fn reserve(frames: Range<Pfn>, page_bytes: usize) -> Result<Self, ArenaError> {
        let system = rustix::param::page_size();
        if !page_bytes.is_power_of_two() || page_bytes < system {
            return Err(ArenaError::PageBytes { bytes: page_bytes, system });
        }
        let wrong = ArenaError::Length { start: frames.start, end: frames.end, page_bytes };
        // A whole pageblock more than the frames need, so that the start can be rounded up to one.
        let before = frames.start - frames.start.align_down(Order::PAGEBLOCK);
        if frames.is_empty() {
            return Err(wrong);
        }
        let align = PAGEBLOCK_FRAMES.checked_mul(page_bytes).ok_or(wrong)?;
        let pages = (frames.end - frames.start).checked_add(before).and_then(|pages| usize::try_from(pages).ok());
        let bytes = pages.and_then(|pages| pages.checked_mul(page_bytes));
        let bytes = bytes.and_then(|bytes| bytes.checked_add(align));
        // The limit of Rust's objects, although a 32-bit system may have more addresses.
        let bytes = bytes.filter(|&bytes| bytes <= isize::MAX as usize).ok_or(wrong)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: without an address and `FIXED` the system replaces no mapping.
        let start = unsafe { mmap_anonymous(core::ptr::null_mut(), bytes, ProtFlags::empty(), flags) };
        let start = NonNull::new(start.map_err(ArenaError::System)?).ok_or(wrong)?;
        let skip = start.as_ptr().cast::<u8>().align_offset(align) + before as usize * page_bytes;
        // SAFETY: `skip` is less than `align` plus the frames before the first, and the mapping has room for both.
        let first = unsafe { start.cast::<u8>().add(skip) };
        Ok(Self { mapping: (start, bytes), first, frames, page_bytes })
    }

    /// Makes frames readable and writable. Their contents are zero unless written since the last release.
    ///
    /// Returns true if the frames are bound to the host's node of that number, and so get memory of that node or none.
    /// They are not bound if the host has no such node with memory, or does not permit it.
    ///
    /// # Errors
    /// Frames are outside the arena, or the system refused.
    pub fn commit(&self, node: NodeId, frames: Range<Pfn>) -> Result<bool, ArenaError> {
        let (start, bytes) = self.part(&frames)?;
        // SAFETY: the part lies within the arena's own mapping, and wider access invalidates nothing.
        unsafe { mprotect(start.as_ptr().cast(), bytes, MprotectFlags::READ | MprotectFlags::WRITE) }
            .map_err(ArenaError::System)?;
        Ok(bind(start, bytes, node))
    }

    /// Returns the memory of frames to the system.
    ///
    /// # Errors
    /// Frames are outside the arena, or the system refused.
    pub fn release(&self, frames: Range<Pfn>) -> Result<(), ArenaError> {
        let (start, bytes) = self.part(&frames)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        // A new mapping, and not `madvise`: a new mapping also drops the binding to a node.
        // SAFETY: only this part of the arena's own mapping is replaced. The arena keeps no reference into it, and an
        // access by address after the release is the caller's fault, as documented.
        let mapped = unsafe { mmap_anonymous(start.as_ptr().cast(), bytes, ProtFlags::empty(), flags) };
        mapped.map(drop).map_err(ArenaError::System)
    }

    /// The resident bytes of frames.
    ///
    /// # Errors
    /// Frames are outside the arena, or the system refused.
    pub fn resident(&self, frames: Range<Pfn>) -> Result<u64, ArenaError> {
        let (start, bytes) = self.part(&frames)?;
        let system = rustix::param::page_size();
        let mut resident = with_room(bytes / system).map_err(|_| ArenaError::System(Errno::NOMEM))?;
        resident.resize(bytes / system, 0);
        // SAFETY: the part is mapped, and `resident` has a byte for each page of it.
        let failed = unsafe { libc::mincore(start.as_ptr().cast(), bytes, resident.as_mut_ptr()) } != 0;
        if failed {
            let error = std::io::Error::last_os_error();
            return Err(ArenaError::System(Errno::from_io_error(&error).unwrap_or(Errno::NOMEM)));
        }
        Ok(resident.iter().filter(|&&page| page & 1 != 0).count() as u64 * system as u64)
    }

    /// The frames.
    #[must_use]
    pub fn frames(&self) -> Range<Pfn> {
        self.frames.clone()
    }

    /// The length of a frame, in bytes.
    #[must_use]
    pub fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// The address of a frame; `None` if it is outside the arena.
    #[must_use]
    pub fn address(&self, pfn: Pfn) -> Option<NonNull<u8>> {
        if !self.frames.contains(&pfn) {
            return None;
        }
        // SAFETY: the frame is in `self.frames`, and the mapping has room for all of these from `first` on.
        Some(unsafe { self.first.add((pfn - self.frames.start) as usize * self.page_bytes) })
    }

    /// The frame that contains an address; `None` if it is outside the arena.
    #[must_use]
    pub fn frame_of(&self, address: NonNull<u8>) -> Option<Pfn> {
        let offset = address.addr().get().checked_sub(self.first.addr().get())?;
        Some(self.frames.start.saturating_add((offset / self.page_bytes) as u64))
            .filter(|pfn| self.frames.contains(pfn))
    }

    /// The bytes of a page, `2^order` frames. `None` if a frame is outside the arena.
    ///
    /// The [ownership](Page#ownership) of the page is what makes an access through the pointer exclusive.
    #[must_use]
    pub fn bytes(&self, page: &Page) -> Option<NonNull<[u8]>> {
        let (start, bytes) = self.part(&page.frames()).ok()?;
        Some(NonNull::slice_from_raw_parts(start, bytes))
    }

    /// The address and length in bytes of frames.
    fn part(&self, frames: &Range<Pfn>) -> Result<(NonNull<u8>, usize), ArenaError> {
        let arena = (self.frames.start, self.frames.end);
        let wrong = ArenaError::Frames { start: frames.start, end: frames.end, arena };
        if frames.start >= frames.end || frames.end > self.frames.end {
            return Err(wrong);
        }
        Ok((self.address(frames.start).ok_or(wrong)?, (frames.end - frames.start) as usize * self.page_bytes))
    }
}

/// Binds memory to the host's node of that number. The policy is strict: a zone has pages of its own node or none.
/// Returns true if the host accepts it.
fn bind(start: NonNull<u8>, bytes: usize, node: NodeId) -> bool {
    const WORD: usize = usize::BITS as usize;
    let mut mask = [0_usize; crate::ids::MAX_NODES / WORD];
    mask[node.index() / WORD] = 1 << (node.index() % WORD);
    // SAFETY: the mask has `MAX_NODES` bits, and the kernel reads one bit less than the count it is passed. A policy
    // changes where memory comes from, and no contents.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mbind,
            start.as_ptr(),
            bytes,
            libc::MPOL_BIND,
            mask.as_ptr(),
            crate::ids::MAX_NODES + 1,
            0,
        )
    };
    result == 0
}

impl Backing for Arena {
    fn commit(&self, zone: ZoneId, frames: Range<Pfn>) -> Result<(), BackingError> {
        let failed = |error| {
            let errno = if let ArenaError::System(errno) = error { errno.raw_os_error() } else { 0 };
            BackingError { frames: (frames.start, frames.end), errno }
        };
        Self::commit(self, zone.node(), frames.clone()).map(drop).map_err(failed)
    }

    fn release(&self, _: ZoneId, frames: Range<Pfn>) {
        // Committed frames are within the arena. If the system refuses, the drop of the arena returns their memory.
        let _ = Self::release(self, frames);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the mapping is the arena's own. The arena creates no reference into it, only addresses, and their use
        // after the drop is the caller's fault.
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
