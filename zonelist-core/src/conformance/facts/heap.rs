//! A heap that counts: what reaches for it, what is kept, and whether a thread is within it.

use core::cell::Cell;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    boxed::Box,
    hint::black_box,
    sync::atomic::{
        AtomicI64, AtomicPtr,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread_local,
};

/// The heap of a test program: the system's, and counted. [`facts!`](crate::facts) makes it the global allocator.
#[derive(Debug)]
pub struct Heap;

/// An allocator that may take the place of the system's.
///
/// # Safety
/// Its blocks are as large and aligned as asked, and nothing else's until they are freed.
pub(super) unsafe trait Serves: Sync {
    /// Memory for that, or null; `None` for what it does not serve.
    fn alloc(&self, layout: Layout) -> Option<*mut u8>;

    /// Frees what it has served; false if it has not.
    fn free(&self, at: *mut u8, layout: Layout) -> bool;
}

/// The allocator in charge, once there is one.
static IN_CHARGE: AtomicPtr<&'static dyn Serves> = AtomicPtr::new(core::ptr::null_mut());

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

/// From now on an allocator serves the whole program.
pub(super) fn put_in_charge(serves: &'static dyn Serves) {
    IN_CHARGE.store(Box::into_raw(Box::new(serves)), Release);
}

fn in_charge() -> Option<&'static dyn Serves> {
    // SAFETY: it is null, or a box that was leaked, and published with release behind its making.
    unsafe { IN_CHARGE.load(Acquire).as_ref() }.copied()
}

// SAFETY: the system's allocator does all the work, or one that promises the same; counting in a cell allocates nothing.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match in_charge().and_then(|serves| serves.alloc(layout)) {
            Some(memory) => memory,
            // SAFETY: what the caller promised.
            None => counted(layout.size() as i64, || unsafe { System.alloc(layout) }),
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if !in_charge().is_some_and(|serves| serves.free(at, layout)) {
            // SAFETY: what the caller promised; nothing else has served it, so it came from the system.
            counted(-(layout.size() as i64), || unsafe { System.dealloc(at, layout) });
        }
    }
}

/// How often this reached for the heap on this thread, be it to allocate or to free.
pub fn touches<R>(what: impl FnOnce() -> R) -> (u64, R) {
    let before = TOUCHES.get();
    let result = what();
    (TOUCHES.get() - before, result)
}

/// Panics if [`Heap`] is not the global allocator: nothing would be counted.
pub(super) fn expect_counting() {
    let before = TOUCHES.get();
    drop(black_box(Box::new(0_u8)));
    assert!(
        TOUCHES.get() > before || in_charge().is_some(),
        "this program's heap is not counted; expected `zonelist_core::conformance::facts::Heap` as its global allocator"
    );
}

/// Bytes that this thread has allocated, less those that it has freed.
#[must_use]
pub fn kept() -> i64 {
    KEPT.get()
}

/// Bytes that all threads have allocated and not freed.
#[must_use]
pub fn kept_by_all() -> i64 {
    KEPT_BY_ALL.load(Relaxed)
}

/// Whether this thread was interrupted within the heap's code. Its locks are no scheme's.
#[must_use]
pub fn is_inside() -> bool {
    INSIDE.get()
}
