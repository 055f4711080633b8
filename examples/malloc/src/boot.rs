//! The memory of the allocator itself, before and below it: a static region from which nothing is returned.
//!
//! It serves requests that are made while the allocator starts, and those of the library while a thread gets its handle.

use core::{
    cell::UnsafeCell,
    ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Bytes of the region, which takes memory only where it is used.
const BYTES: usize = 64 << 20;

/// The bytes before an allocation, of which the last word is its size.
const HEADER: usize = 16;

#[repr(align(4096))]
struct Region(UnsafeCell<[u8; BYTES]>);

// SAFETY: `alloc` gives each byte to one caller. The words with sizes are written before their allocation is returned,
// and never again.
unsafe impl Sync for Region {}

static REGION: Region = Region(UnsafeCell::new([0; BYTES]));

/// The offset of the first byte that was not given away.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Allocates zeroed bytes. Null if the region is used up.
pub(crate) fn alloc(size: usize, align: usize) -> *mut u8 {
    let align = align.max(HEADER);
    let place = |next: usize| (next + HEADER).next_multiple_of(align);
    let taken = NEXT.fetch_update(Relaxed, Relaxed, |next| {
        let end = place(next).checked_add(size)?;
        (end <= BYTES).then_some(end)
    });
    let Ok(next) = taken else { return ptr::null_mut() };
    let at = REGION.0.get().cast::<u8>().wrapping_add(place(next));
    // SAFETY: the header is within the region, in bytes that this call alone has taken.
    unsafe { size_place(at).write(size) };
    at
}

/// The place of the size of an allocation.
fn size_place(at: *mut u8) -> *mut usize {
    at.cast::<usize>().wrapping_sub(1)
}

/// True if the address is in the region.
#[inline]
pub(crate) fn contains(at: *mut u8) -> bool {
    at.addr().wrapping_sub(REGION.0.get().addr()) < BYTES
}

/// The size of an allocation of the region.
pub(crate) fn size_of_allocation(at: *mut u8) -> usize {
    // SAFETY: `alloc` has written the word before it returned the address.
    unsafe { size_place(at).read() }
}
