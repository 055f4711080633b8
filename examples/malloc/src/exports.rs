//! The functions of the C library that this one replaces.

use core::{
    ffi::{c_int, c_void},
    ptr,
};

use crate::{
    block::{self, LARGE, SLAB},
    boot, handle,
    heap::{self, Owned},
    large, mapped,
    size_class::{self, SIZES, class_of},
};
use core::sync::atomic::Ordering::Relaxed;

/// Bytes of a page frame.
const PAGE: usize = block::FRAME_BYTES;

/// Every allocation is aligned to this.
const ALIGN: usize = 16;

/// Allocates from a heap, or without one from the static region. Null if there is no memory.
fn alloc_any(heap: Option<Owned>, size: usize, align: usize) -> *mut u8 {
    let Some(heap) = heap else { return boot::alloc(size, align) };
    if let Some(class) = size_class::class_aligned(size, align) {
        return heap.alloc(class);
    }
    let at =
        if size <= large::LARGEST && align <= large::ALIGN { large::alloc(heap, size, align) } else { ptr::null_mut() };
    // Also if malloc's zone has all its frames.
    if at.is_null() { mapped::alloc(size, align) } else { at }
}

/// Allocates.
#[inline(always)]
pub(crate) fn alloc(size: usize) -> *mut u8 {
    match handle::current() {
        Some(heap) if size <= size_class::LARGEST => heap.alloc(class_of(size)),
        _ => alloc_aligned(size, ALIGN),
    }
}

/// Allocates with an alignment, a power of two.
#[inline(never)]
pub(crate) fn alloc_aligned(size: usize, align: usize) -> *mut u8 {
    let at = match handle::current() {
        Some(heap) => alloc_any(Some(heap), size, align),
        None => handle::with_any(|heap| alloc_any(heap, size, align)),
    };
    if at.is_null() {
        set_error(libc::ENOMEM);
    }
    at
}

/// Frees an allocation.
#[inline(always)]
pub(crate) fn release(at: *mut u8) {
    let Some(number) = block::number_at(at) else { return release_other(at) };
    let entry = block::block(number);
    match handle::current() {
        Some(heap) if entry.kind.load(Relaxed) == SLAB && entry.owner.load(Relaxed) == heap.heap().number() as u16 => {
            heap.free(entry, at);
        }
        _ => release_remote(number, at),
    }
}

/// Frees an object of another heap, or a large allocation.
#[inline(never)]
fn release_remote(number: usize, at: *mut u8) {
    let entry = block::block(number);
    match entry.kind.load(Relaxed) {
        SLAB => heap::heap(entry.owner.load(Relaxed).into()).free_remotely(at),
        LARGE => match handle::current() {
            Some(heap) => large::free(heap, number),
            None => handle::with_any(|heap| heap.into_iter().for_each(|heap| large::free(heap, number))),
        },
        _ => crate::fail("free of an address that is not allocated; expected one of malloc"),
    }
}

/// Frees a mapping. The static region keeps what it has given, and there is nothing at null.
#[cold]
#[inline(never)]
fn release_other(at: *mut u8) {
    if !at.is_null() && !boot::contains(at) {
        mapped::free(at);
    }
}

/// The bytes of an allocation.
fn usable(at: *mut u8) -> usize {
    let Some(number) = block::number_at(at) else {
        return if boot::contains(at) { boot::size_of_allocation(at) } else { mapped::usable(at) };
    };
    let entry = block::block(number);
    match entry.kind.load(Relaxed) {
        SLAB => SIZES.get(usize::from(entry.class.load(Relaxed))).copied().unwrap_or(0),
        LARGE => large::usable(number),
        _ => crate::fail("an address that is not allocated; expected one of malloc"),
    }
}

/// Changes the size of an allocation. Null if there is no memory; it is then as before.
fn resize(at: *mut u8, size: usize) -> *mut u8 {
    if at.is_null() {
        return alloc(size);
    }
    let before = usable(at);
    // In place if it fits, and does not leave most of it unused.
    if size <= before && size >= before / 2 {
        return at;
    }
    let is_mapped = block::number_at(at).is_none() && !boot::contains(at);
    if is_mapped && size > large::LARGEST {
        let at = mapped::resize(at, size);
        if at.is_null() {
            set_error(libc::ENOMEM);
        }
        return at;
    }
    let new = alloc(size);
    if !new.is_null() {
        // SAFETY: both are allocations of at least that many bytes, and the new one is no part of the other.
        unsafe { at.copy_to_nonoverlapping(new, before.min(size)) };
        release(at);
    }
    new
}

/// Sets the thread's error number.
fn set_error(number: c_int) {
    // SAFETY: the C library returns a place of the thread.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the place is the thread's, and holds a number.
    unsafe { place.write(number) };
}

/// The product of two sizes; `None`, with the error set, if there is no such size.
fn product(count: usize, size: usize) -> Option<usize> {
    let bytes = count.checked_mul(size).filter(|&bytes| bytes <= isize::MAX as usize);
    if bytes.is_none() {
        set_error(libc::ENOMEM);
    }
    bytes
}

// Each has the contract of the function of that name in C: an address that is passed was returned by one of these
// functions, and was not freed since.

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    alloc(size).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(at: *mut c_void) {
    release(at.cast());
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfree(at: *mut c_void) {
    release(at.cast());
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let Some(bytes) = product(count, size) else { return ptr::null_mut() };
    let at = alloc(bytes);
    // A mapping is of zeros, and so is the static region.
    if !at.is_null() && block::number_at(at).is_some() {
        // SAFETY: the allocation has at least that many bytes.
        unsafe { at.write_bytes(0, bytes) };
    }
    at.cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(at: *mut c_void, size: usize) -> *mut c_void {
    if size == 0 && !at.is_null() {
        release(at.cast());
        return ptr::null_mut();
    }
    resize(at.cast(), size).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(at: *mut c_void, count: usize, size: usize) -> *mut c_void {
    product(count, size).map_or(ptr::null_mut(), |bytes| resize(at.cast(), bytes).cast())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) => alloc_aligned(size, align.max(ALIGN)).cast(),
        None => {
            set_error(libc::EINVAL);
            ptr::null_mut()
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        set_error(libc::EINVAL);
        return ptr::null_mut();
    }
    alloc_aligned(size, align.max(ALIGN)).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<usize>()) {
        return libc::EINVAL;
    }
    let at = alloc_aligned(size, align.max(ALIGN));
    if at.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller passes a place for the address.
    unsafe { place.write(at.cast()) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    alloc_aligned(size, PAGE).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    match size.checked_next_multiple_of(PAGE) {
        Some(size) => alloc_aligned(size, PAGE).cast(),
        None => {
            set_error(libc::ENOMEM);
            ptr::null_mut()
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(at: *mut c_void) -> usize {
    if at.is_null() { 0 } else { usable(at.cast()) }
}
