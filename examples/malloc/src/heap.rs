//! A thread's heap: slabs of each size class, and the objects that other threads have freed.
//!
//! ```text
//! alloc(class):                              free(object) by the thread that has the heap:
//!   the current slab's first free object       link the object to its slab's free objects
//!   or its next fresh object                   the slab was full: into the list of its class
//!   or take over the remote list, again        the slab is empty, and not the only one: free its page
//!   or the next slab of the list
//!   or a new slab, from the page allocator   free(object) by another thread:
//!                                              push the object to the remote list
//! ```
//!
//! A heap is never freed. The heap of a thread that ends waits for the next thread, with its slabs and its handle.

use core::{
    cell::Cell,
    ptr,
    sync::atomic::{
        AtomicPtr, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use zonelist_core::zone::Order;

use crate::{
    block::{self, Block, CURRENT, FULL, LISTED},
    pages::Pages,
    size_class::{CLASSES, SIZES, SLAB_BYTES},
};

/// The order of a slab.
const SLAB_ORDER: Order = Order::of::<3>();

/// The slabs of one class.
struct Bin {
    /// The slab that serves: a number and 1, or 0 for none.
    current: AtomicU32,
    /// The first of the other slabs that have a free object.
    first: AtomicU32,
}

/// The heap of a thread.
pub(crate) struct Heap {
    bins: [Bin; CLASSES],
    /// The thread's way to the page allocator: its handle. Taken out while it is used.
    pages: Cell<Option<Box<dyn Pages>>>,
    /// The next heap without a thread: a number and 1.
    pub next_idle: AtomicU32,
    /// Objects that other threads have freed, on a cache line that these threads write.
    remote: Remote,
}

#[repr(align(64))]
struct Remote(AtomicPtr<u8>);

// SAFETY: `pages` is accessed through `Owned` only, which one thread has at a time. The handle in it may be used by any
// thread (`Pages: Send`). All other fields are atomic.
unsafe impl Sync for Heap {}

/// The most heaps: threads at a time. Further threads share one.
pub(crate) const HEAPS: usize = 4096;

/// All zeros, in `.bss`.
static ALL: [Heap; HEAPS] = [const { Heap::new() }; HEAPS];

/// The heap of that number.
#[inline(always)]
pub(crate) fn heap(number: usize) -> &'static Heap {
    &ALL[number % HEAPS]
}

/// The word that links a free object to the next.
#[inline(always)]
fn next(object: *mut u8) -> *mut u8 {
    // SAFETY: a free object is aligned to 16 bytes, belongs to the allocator, and `set_next` has written this word.
    unsafe { object.cast::<*mut u8>().read() }
}

/// Links a free object to the next.
#[inline(always)]
fn set_next(object: *mut u8, next: *mut u8) {
    // SAFETY: a free object is aligned to 16 bytes, and belongs to the allocator.
    unsafe { object.cast::<*mut u8>().write(next) };
}

impl Heap {
    const fn new() -> Self {
        Self {
            bins: [const { Bin { current: AtomicU32::new(0), first: AtomicU32::new(0) } }; CLASSES],
            pages: Cell::new(None),
            next_idle: AtomicU32::new(0),
            remote: Remote(AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// The number of the heap.
    #[inline(always)]
    pub(crate) fn number(&'static self) -> usize {
        (ptr::from_ref(self).addr() - ALL.as_ptr().addr()) / size_of::<Self>()
    }

    /// Frees an object of a slab of this heap, by any thread: the heap's thread takes it over later.
    pub(crate) fn free_remotely(&self, object: *mut u8) {
        let mut first = self.remote.0.load(Relaxed);
        loop {
            set_next(object, first);
            // Release: pairs with the acquire in `Owned::take_over`, which reads the link.
            match self.remote.0.compare_exchange_weak(first, object, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }
}

/// A heap, for the thread that has it.
#[derive(Clone, Copy)]
pub(crate) struct Owned(&'static Heap);

impl Owned {
    /// Declares that this thread has the heap.
    ///
    /// # Safety
    /// No other thread has the heap, and what the last one did with it happened before.
    pub(crate) unsafe fn new(heap: &'static Heap) -> Self {
        Self(heap)
    }

    /// The heap itself.
    #[inline(always)]
    pub(crate) fn heap(self) -> &'static Heap {
        self.0
    }

    /// Sets the way to the page allocator.
    pub(crate) fn set_pages(self, pages: Box<dyn Pages>) {
        self.0.pages.set(Some(pages));
    }

    /// Uses the handle. `None` if there is none, or it is in use further up the stack.
    pub(crate) fn with_pages<R>(self, use_it: impl FnOnce(&mut dyn Pages) -> Option<R>) -> Option<R> {
        let mut pages = self.0.pages.take()?;
        let result = use_it(&mut *pages);
        self.0.pages.set(Some(pages));
        result
    }

    /// Allocates an object of a class. Null if there is no memory.
    #[inline(always)]
    pub(crate) fn alloc(self, class: usize) -> *mut u8 {
        let bin = &self.0.bins[class];
        let current = bin.current.load(Relaxed);
        if current != 0 {
            let slab = block::block(current as usize - 1);
            let object = slab.free.load(Relaxed);
            if !object.is_null() {
                slab.free.store(next(object), Relaxed);
                slab.used.store(slab.used.load(Relaxed) + 1, Relaxed);
                return object;
            }
        }
        self.alloc_slow(class)
    }

    /// Allocates an object of a class whose current slab has no freed one.
    #[cold]
    #[inline(never)]
    fn alloc_slow(self, class: usize) -> *mut u8 {
        if let Some(object) = self.alloc_fresh(class) {
            return object;
        }
        self.take_over();
        let bin = &self.0.bins[class];
        loop {
            let current = bin.current.load(Relaxed);
            if current != 0 && !block::block(current as usize - 1).free.load(Relaxed).is_null() {
                return self.alloc(class);
            }
            if current != 0 {
                // Its next free lists it again.
                block::block(current as usize - 1).state.store(FULL, Relaxed);
            }
            let first = bin.first.load(Relaxed);
            bin.current.store(first, Relaxed);
            if first == 0 {
                break;
            }
            let slab = block::block(first as usize - 1);
            self.unlist(slab);
            slab.state.store(CURRENT, Relaxed);
            if let Some(object) = self.alloc_fresh(class) {
                return object;
            }
        }
        match self.new_slab(class) {
            Some(_) => self.alloc_fresh(class).unwrap_or(ptr::null_mut()),
            None => ptr::null_mut(),
        }
    }

    /// Allocates the next fresh object of the current slab.
    fn alloc_fresh(self, class: usize) -> Option<*mut u8> {
        let number = (self.0.bins[class].current.load(Relaxed) as usize).checked_sub(1)?;
        let (slab, size) = (block::block(number), SIZES[class]);
        let fresh = slab.fresh.load(Relaxed) as usize;
        if !slab.free.load(Relaxed).is_null() || fresh + size > SLAB_BYTES {
            return None;
        }
        slab.fresh.store((fresh + size) as u32, Relaxed);
        slab.used.store(slab.used.load(Relaxed) + 1, Relaxed);
        Some(block::address(number).wrapping_add(fresh))
    }

    /// Makes a block of the page allocator the current slab of a class.
    fn new_slab(self, class: usize) -> Option<()> {
        let (page, number) = self.with_pages(|pages| pages.alloc(SLAB_ORDER))?;
        let slab = block::block(number);
        slab.free.store(ptr::null_mut(), Relaxed);
        slab.page.store(page, Relaxed);
        slab.fresh.store(0, Relaxed);
        slab.size.store(SIZES[class] as u32, Relaxed);
        // No truncation: there are fewer heaps and classes.
        slab.owner.store(self.0.number() as u16, Relaxed);
        slab.class.store(class as u8, Relaxed);
        slab.used.store(0, Relaxed);
        slab.state.store(CURRENT, Relaxed);
        slab.kind.store(block::SLAB, Relaxed);
        self.0.bins[class].current.store(number as u32 + 1, Relaxed);
        Some(())
    }

    /// Frees an object of a slab of this heap.
    #[inline(always)]
    pub(crate) fn free(self, slab: &'static Block, object: *mut u8) {
        set_next(object, slab.free.load(Relaxed));
        slab.free.store(object, Relaxed);
        let used = slab.used.load(Relaxed) - 1;
        slab.used.store(used, Relaxed);
        if slab.state.load(Relaxed) == FULL || used == 0 {
            self.freed(slab, used);
        }
    }

    /// Lists a slab that was full, or frees the page of one that is empty.
    #[inline(never)]
    fn freed(self, slab: &'static Block, used: u32) {
        let state = slab.state.load(Relaxed);
        if state == CURRENT {
            return;
        }
        if state == FULL {
            let (bin, number) = (&self.0.bins[slab.class.load(Relaxed) as usize], block::number_of(slab) as u32 + 1);
            let first = bin.first.swap(number, Relaxed);
            slab.next.store(first, Relaxed);
            slab.previous.store(0, Relaxed);
            if first != 0 {
                block::block(first as usize - 1).previous.store(number, Relaxed);
            }
            slab.state.store(LISTED, Relaxed);
        }
        // One slab stays, or a thread that allocates and frees one object would allocate and free its page.
        let others = slab.next.load(Relaxed) != 0 || slab.previous.load(Relaxed) != 0;
        if used == 0 && others {
            self.unlist(slab);
            slab.kind.store(block::NONE, Relaxed);
            let page = slab.page.load(Relaxed);
            // Without a handle the page is lost: only while the handle is in use further up the stack.
            let _ = self.with_pages(|pages| {
                pages.free(page);
                Some(())
            });
        }
    }

    /// Takes a slab from the list of its class.
    fn unlist(self, slab: &'static Block) {
        let (next, previous) = (slab.next.swap(0, Relaxed), slab.previous.swap(0, Relaxed));
        match previous {
            0 => self.0.bins[slab.class.load(Relaxed) as usize].first.store(next, Relaxed),
            previous => block::block(previous as usize - 1).next.store(next, Relaxed),
        }
        if next != 0 {
            block::block(next as usize - 1).previous.store(previous, Relaxed);
        }
    }

    /// Frees the objects that other threads have freed.
    pub(crate) fn take_over(self) {
        if self.0.remote.0.load(Relaxed).is_null() {
            return;
        }
        // Acquire: pairs with the release of each push: the links are those that the threads have written.
        let mut object = self.0.remote.0.swap(ptr::null_mut(), Acquire);
        while !object.is_null() {
            // Before the free, which overwrites the link.
            let after = next(object);
            if let Some(number) = block::number_at(object) {
                self.free(block::block(number), object);
            }
            object = after;
        }
    }
}
