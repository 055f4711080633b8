//! A global allocator that counts: allocations and frees, bytes that are kept, and whether a thread is within it.

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

/// The heap of a test program: the system's allocator, counted. [`facts!`](crate::facts) makes it the global allocator.
#[derive(Debug)]
pub struct Heap;

/// An allocator that may replace that of the system.
///
/// # Safety
/// A block has the size and alignment of its layout, and overlaps no other block until it is freed.
pub(super) unsafe trait Serves: Sync {
    /// A block for a layout, or null; `None` for a layout that the allocator does not serve.
    fn alloc(&self, layout: Layout) -> Option<*mut u8>;

    /// Frees a block of this allocator; false if the block is not of this allocator.
    fn free(&self, at: *mut u8, layout: Layout) -> bool;
}

/// The allocator that has replaced that of the system, if any.
static IN_CHARGE: AtomicPtr<&'static dyn Serves> = AtomicPtr::new(core::ptr::null_mut());

thread_local! {
    /// Allocations and frees of this thread.
    static TOUCHES: Cell<u64> = const { Cell::new(0) };
    /// Bytes that this thread has allocated, less those that it has freed.
    static KEPT: Cell<i64> = const { Cell::new(0) };
    /// True if this thread is within the heap's code, and may hold its locks.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Bytes that all threads have allocated, less those that they have freed.
static KEPT_BY_ALL: AtomicI64 = AtomicI64::new(0);

/// Counts an operation of the system's allocator, and runs it.
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
    // Release: pairs with the acquire in `in_charge`, so that the box is seen initialised.
    IN_CHARGE.store(Box::into_raw(Box::new(serves)), Release);
}

/// The allocator that has replaced that of the system, if any.
fn in_charge() -> Option<&'static dyn Serves> {
    // Acquire: pairs with the release in `put_in_charge`.
    // SAFETY: the pointer is null, or that of a leaked box, which the release store has published initialised.
    unsafe { IN_CHARGE.load(Acquire).as_ref() }.copied()
}

// SAFETY: all blocks are of the system's allocator or of a `Serves`, which has the same contract. Counting in a cell
// allocates nothing.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match in_charge().and_then(|serves| serves.alloc(layout)) {
            Some(memory) => memory,
            // SAFETY: the caller passes a layout of a size above 0, as `GlobalAlloc::alloc` requires.
            None => counted(layout.size() as i64, || unsafe { System.alloc(layout) }),
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if !in_charge().is_some_and(|serves| serves.free(at, layout)) {
            // SAFETY: the caller passes a block of this heap with its layout. No `Serves` has allocated it, so that it
            // is of the system's allocator.
            counted(-(layout.size() as i64), || unsafe { System.dealloc(at, layout) });
        }
    }
}

/// Runs a function, and counts its allocations and frees on this thread.
pub fn touches<R>(what: impl FnOnce() -> R) -> (u64, R) {
    let before = TOUCHES.get();
    let result = what();
    (TOUCHES.get() - before, result)
}

/// Panics if [`Heap`] is not the global allocator, since nothing would be counted.
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

/// True if this thread was interrupted within the heap's code, whose locks are not the scheme's.
#[must_use]
pub fn is_inside() -> bool {
    INSIDE.get()
}
