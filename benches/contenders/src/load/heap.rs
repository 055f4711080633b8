//! The bytes that are allocated and not freed, counted by the program's allocator.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed},
};

/// The system's allocator, which counts bytes while a [`Counted`] exists. Otherwise it adds a load and a branch to each
/// operation.
///
/// A program that makes it its `#[global_allocator]` can measure the bytes that are kept for a stalled reader.
#[derive(Clone, Copy, Debug)]
pub struct CountingHeap;

/// The number of [`Counted`].
static COUNTED: AtomicUsize = AtomicUsize::new(0);

/// Bytes allocated, less bytes freed, while there was a [`Counted`].
static KEPT: AtomicI64 = AtomicI64::new(0);

/// Counts bytes while it exists.
#[derive(Debug)]
pub struct Counted(());

impl Counted {
    /// Counts from now on. `None` if the program's allocator is not [`CountingHeap`].
    #[must_use]
    pub fn begin() -> Option<Self> {
        // Relaxed, with all other operations on the two counters: each is exact by itself, and they order nothing.
        COUNTED.fetch_add(1, Relaxed);
        let counted = Self(());
        let before = counted.kept();
        let block = black_box(Box::new([0_u8; 64]));
        let is_counted = counted.kept() != before;
        drop(block);
        is_counted.then_some(counted)
    }

    /// Bytes that all threads have allocated and not freed. Only a difference means anything: blocks that were allocated
    /// before are not included, and make it less when they are freed.
    #[must_use]
    pub fn kept(&self) -> i64 {
        KEPT.load(Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        COUNTED.fetch_sub(1, Relaxed);
    }
}

#[inline]
fn count(bytes: i64) {
    if COUNTED.load(Relaxed) != 0 {
        KEPT.fetch_add(bytes, Relaxed);
    }
}

// SAFETY: every block is of the system's allocator, which gets the caller's arguments unchanged. Counting allocates
// nothing.
unsafe impl GlobalAlloc for CountingHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller passes a layout of a size above 0, as `GlobalAlloc::alloc` requires.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller passes a layout of a size above 0, as `GlobalAlloc::alloc_zeroed` requires.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller passes a block of this allocator, which is one of the system's, with its layout.
        unsafe { System.dealloc(at, layout) };
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: the caller passes a block of this allocator, which is one of the system's, with its layout, and a size
        // above 0.
        unsafe { System.realloc(at, layout, size) }
    }
}
