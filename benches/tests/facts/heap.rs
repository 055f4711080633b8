//! The heap of these tests: it knows who is in it, who must not be, and how much it has given away.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed},
};

struct Watched;

thread_local! {
    /// Whether this thread is within the heap's code, and perhaps has its locks.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread must not reach for the heap.
    static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

static TRESPASSES: AtomicUsize = AtomicUsize::new(0);
static KEPT: AtomicIsize = AtomicIsize::new(0);

fn inside<R>(bytes: isize, work: impl FnOnce() -> R) -> R {
    if FORBIDDEN.get() {
        TRESPASSES.fetch_add(1, Relaxed);
    }
    KEPT.fetch_add(bytes, Relaxed);
    let outer = INSIDE.replace(true);
    let result = work();
    INSIDE.set(outer);
    result
}

// SAFETY: the system's allocator does all the work, and the cells allocate nothing.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promised.
        inside(layout.size() as isize, || unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: what the caller promised.
        inside(-(layout.size() as isize), || unsafe { System.dealloc(at, layout) })
    }
}

#[global_allocator]
static HEAP: Watched = Watched;

/// Whether this thread was interrupted within the heap's code. Its locks are no scheme's.
pub(crate) fn is_inside() -> bool {
    INSIDE.get()
}

/// Bytes that all threads have allocated and not freed.
pub(crate) fn kept() -> isize {
    KEPT.load(Relaxed)
}

/// Does something in a place where nobody may reach for the heap, and says how often it did.
pub(crate) fn forbidden<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = TRESPASSES.load(Relaxed);
    FORBIDDEN.set(true);
    let result = work();
    FORBIDDEN.set(false);
    (TRESPASSES.load(Relaxed) - before, result)
}
