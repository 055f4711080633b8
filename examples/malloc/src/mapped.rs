//! Allocations that are larger than any block: each is a mapping of its own.

use core::ptr;

/// The bytes of a page, of which the one before an allocation has its header.
const PAGE: usize = 4096;

/// The header, in the last bytes before an allocation.
#[derive(Clone, Copy)]
struct Header {
    /// The start of the mapping.
    start: usize,
    /// Its bytes.
    bytes: usize,
}

/// Maps memory for `size` zeroed bytes that are aligned to `align`, a power of two. Null if the system refuses.
pub(crate) fn alloc(size: usize, align: usize) -> *mut u8 {
    let align = align.max(PAGE);
    let Some(bytes) = size.checked_add(align).and_then(|bytes| bytes.checked_next_multiple_of(PAGE)) else {
        return ptr::null_mut();
    };
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: an anonymous mapping at an address of the system's choice replaces no other mapping.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    let start = start.cast::<u8>();
    // At least a page after the start, since a mapping is aligned to a page.
    let at = start.wrapping_add((start.addr() + PAGE).next_multiple_of(align) - start.addr());
    // SAFETY: the header is within the mapping, which this call has created: at least a page lies before `at`.
    unsafe { header(at).write(Header { start: start.addr(), bytes }) };
    at
}

/// The place of the header of an allocation.
fn header(at: *mut u8) -> *mut Header {
    at.cast::<Header>().wrapping_sub(1)
}

/// The header of an allocation.
fn header_of(at: *mut u8) -> Header {
    // SAFETY: `at` is of `alloc` or `resize`, which have written the header before they returned it.
    unsafe { header(at).read() }
}

/// The bytes of an allocation.
pub(crate) fn usable(at: *mut u8) -> usize {
    let Header { start, bytes } = header_of(at);
    start + bytes - at.addr()
}

/// Returns an allocation to the system.
pub(crate) fn free(at: *mut u8) {
    let Header { start, bytes } = header_of(at);
    // SAFETY: the mapping is that of `alloc`, and its user has ended its use.
    unsafe { libc::munmap(at.with_addr(start).cast(), bytes) };
}

/// Changes the size of an allocation, whose address may change. Null if the system refuses; it is then as before.
pub(crate) fn resize(at: *mut u8, size: usize) -> *mut u8 {
    let Header { start, bytes } = header_of(at);
    let before = at.addr() - start;
    let Some(new) = size.checked_add(before).and_then(|bytes| bytes.checked_next_multiple_of(PAGE)) else {
        return ptr::null_mut();
    };
    // SAFETY: the mapping is that of `alloc`, and its user uses no address in it during the call.
    let start = unsafe { libc::mremap(at.with_addr(start).cast(), bytes, new, libc::MREMAP_MAYMOVE) };
    if start == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    let at = start.cast::<u8>().wrapping_add(before);
    // SAFETY: the header has moved with the mapping, and is written in its place.
    unsafe { header(at).write(Header { start: start.addr(), bytes: new }) };
    at
}
