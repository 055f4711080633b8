//! A heap that counts: who reaches for it, what is kept, and whether somebody is within it.
#![allow(dead_code, reason = "each test needs a part of it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

struct Counting;

thread_local! {
    /// Allocations and frees of this thread.
    static TOUCHES: Cell<u64> = const { Cell::new(0) };
    /// Bytes that this thread has allocated, less those that it has freed.
    static KEPT: Cell<i64> = const { Cell::new(0) };
    /// Whether this thread is within the heap's code, and perhaps has its locks.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

static KEPT_BY_ALL: AtomicI64 = AtomicI64::new(0);

fn counted<R>(bytes: i64, work: impl FnOnce() -> R) -> R {
    TOUCHES.set(TOUCHES.get() + 1);
    KEPT.set(KEPT.get() + bytes);
    KEPT_BY_ALL.fetch_add(bytes, Relaxed);
    let outer = INSIDE.replace(true);
    let result = work();
    INSIDE.set(outer);
    result
}

// SAFETY: the system's allocator does all the work, and counting in a cell allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promised.
        counted(layout.size() as i64, || unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: what the caller promised.
        counted(-(layout.size() as i64), || unsafe { System.dealloc(at, layout) })
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// How often this reached for the heap on this thread, be it to allocate or to free.
pub(crate) fn touches<R>(what: impl FnOnce() -> R) -> (u64, R) {
    let before = TOUCHES.get();
    let result = what();
    (TOUCHES.get() - before, result)
}

/// Bytes that this thread has allocated, less those that it has freed.
pub(crate) fn kept() -> i64 {
    KEPT.get()
}

/// Bytes that all threads have allocated and not freed.
pub(crate) fn kept_by_all() -> i64 {
    KEPT_BY_ALL.load(Relaxed)
}

/// Whether this thread was interrupted within the heap's code. Its locks are no scheme's.
pub(crate) fn is_inside() -> bool {
    INSIDE.get()
}
