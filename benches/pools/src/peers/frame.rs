//! `frame-alloc`: a lock-free buddy allocator of atomic bitmaps, and its depot, which adds a cache for each CPU.

use std::{
    cell::Cell,
    num::NonZeroUsize,
    ptr::{NonNull, with_exposed_provenance_mut},
};

use frame_alloc::{CpuId, DepotAllocator, PageSize, PhysicalAllocator, Provenance, RegionInit, SummaryBuddyAllocator};

use crate::{
    frame_memory::{FRAME_BYTES, FrameMemory},
    pool::{BlockRef, LARGEST_ORDER, Pool, PoolError},
};

/// The size of a page frame.
const BASE: PageSize = PageSize::from_log2(FRAME_BYTES.trailing_zeros() as u8);

/// The buddy allocator, with the orders that workloads request.
type Buddy = SummaryBuddyAllocator<{ LARGEST_ORDER as usize + 1 }, Mapped>;

/// The depot with its default depths, for two CPUs: no workload has more threads.
type Cached = DepotAllocator<Buddy, Thread, 2>;

/// The buddy allocator alone, with the memory that has its bitmaps.
pub type Summary = Framed<Buddy>;

/// The depot over the buddy allocator, with the same memory.
pub type Depot = Framed<Cached>;

/// An allocator of the crate, with its memory.
#[expect(missing_debug_implementations, reason = "its fields have none")]
pub struct Framed<A> {
    allocator: A,
    /// Keeps the memory while the allocator lives.
    _frames: FrameMemory,
}

/// The identity mapping: physical addresses are addresses in a [`FrameMemory`].
#[derive(Debug)]
pub struct Mapped;

// SAFETY: every physical address is in the mapping of a `FrameMemory`, whose provenance is exposed.
unsafe impl Provenance for Mapped {
    unsafe fn create(physical: usize) -> NonNull<u8> {
        NonNull::new(with_exposed_provenance_mut(physical)).unwrap_or(NonNull::dangling())
    }

    unsafe fn destroy<T>(pointer: NonNull<T>) -> usize {
        pointer.expose_provenance().get()
    }
}

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(0) };
}

/// The thread's number in place of a kernel's CPU number: one load of a thread-local.
#[derive(Debug)]
pub struct Thread;

impl CpuId for Thread {
    #[inline]
    fn current_cpu() -> usize {
        THREAD.get()
    }
}

/// An allocator of the crate without memory yet.
pub trait Empty: PhysicalAllocator + RegionInit + Sync {
    /// Creates it.
    fn empty() -> Self;
}

impl Empty for Buddy {
    fn empty() -> Self {
        Self::new(BASE)
    }
}

impl Empty for Cached {
    fn empty() -> Self {
        Self::new(BASE, Buddy::empty())
    }
}

impl<A: Empty> Pool for Framed<A> {
    type Handle<'p>
        = &'p Self
    where
        A: 'p;

    fn new(count: usize, _: usize) -> Result<Self, PoolError> {
        let (frames, allocator) = (FrameMemory::take(count)?, A::empty());
        // SAFETY: `frames` is exclusive memory of this length, and the pool keeps it as long as the allocator.
        // No other thread has a reference to the allocator yet.
        let done = unsafe { allocator.try_init_region(frames.start().addr(), count * FRAME_BYTES) };
        done.map_err(|error| PoolError::Refused { pool: "frame-alloc", reason: error.to_string() })?;
        Ok(Self { allocator, _frames: frames })
    }

    fn handle(&self, thread: usize) -> &Self {
        THREAD.set(thread);
        self
    }

    fn alloc(handle: &mut &Self, order: u8, _: bool) -> Option<BlockRef> {
        let start = handle.allocator.allocate_physical(BASE, frames_of(order)).ok()?;
        BlockRef::new(start as u64)
    }

    unsafe fn free(handle: &mut &Self, block: BlockRef, order: u8) {
        // SAFETY: by the contract of `Pool::free`, this allocator allocated the block with this number of frames.
        unsafe { handle.allocator.deallocate_physical(BASE, frames_of(order), block.get() as usize) };
    }
}

fn frames_of(order: u8) -> NonZeroUsize {
    NonZeroUsize::new(1 << order).unwrap_or(NonZeroUsize::MIN)
}
