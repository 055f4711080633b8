//! `frame-alloc`: a buddy of atomic bitmaps without a lock, and its depot, a cache for each CPU above it.

use std::{
    cell::Cell,
    num::NonZeroUsize,
    ptr::{NonNull, with_exposed_provenance_mut},
};

use frame_alloc::{CpuId, DepotAllocator, PageSize, PhysicalAllocator, Provenance, RegionInit, SummaryBuddyAllocator};

use crate::{
    Block, Pool, SetUpError,
    frames::{FRAME, Frames},
    pool::LARGEST,
};

/// A frame's size.
const BASE: PageSize = PageSize::from_log2(FRAME.trailing_zeros() as u8);

/// The buddy, of as many orders as are asked for.
type Buddy = SummaryBuddyAllocator<{ LARGEST as usize + 1 }, Mapped>;

/// The depot with its default depths, for no more CPUs than trials have threads.
type Cached = DepotAllocator<Buddy, Thread, 2>;

/// The buddy alone, with the memory that its bitmaps are in.
pub type Summary = Framed<Buddy>;

/// The depot above the buddy, with the same memory.
pub type Depot = Framed<Cached>;

/// One of the crate's allocators.
#[expect(missing_debug_implementations, reason = "what it holds has none")]
pub struct Framed<A> {
    allocator: A,
    /// Held as long as the allocator is.
    _frames: Frames,
}

/// Physical addresses are those of [`Frames`].
#[derive(Debug)]
pub struct Mapped;

// SAFETY: the memory is one mapping, whose provenance is exposed.
unsafe impl Provenance for Mapped {
    unsafe fn create(physical: usize) -> NonNull<u8> {
        NonNull::new(with_exposed_provenance_mut(physical)).unwrap_or(NonNull::dangling())
    }

    unsafe fn destroy<T>(pointer: NonNull<T>) -> usize {
        pointer.expose_provenance().get()
    }
}

thread_local! {
    static PLACE: Cell<usize> = const { Cell::new(0) };
}

/// A thread's number, where a kernel would have a CPU's: one load from a thread's own memory.
#[derive(Debug)]
pub struct Thread;

impl CpuId for Thread {
    #[inline]
    fn current_cpu() -> usize {
        PLACE.get()
    }
}

/// One of the crate's allocators, before it has memory.
pub trait Empty: PhysicalAllocator + RegionInit + Sync {
    /// Makes it.
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
    type Local<'p>
        = &'p Self
    where
        A: 'p;

    fn new(count: usize, _: usize) -> Result<Self, SetUpError> {
        let (frames, allocator) = (Frames::take(count)?, A::empty());
        // SAFETY: the memory is this pool's as long as `frames` is held, and no other thread knows the pool yet.
        let done = unsafe { allocator.try_init_region(frames.start().addr(), count * FRAME) };
        done.map_err(|error| SetUpError::Refused { pool: "frame-alloc", reason: error.to_string() })?;
        Ok(Self { allocator, _frames: frames })
    }

    fn local(&self, thread: usize) -> &Self {
        PLACE.set(thread);
        self
    }

    fn alloc(local: &mut &Self, order: u8, _: bool) -> Option<Block> {
        let start = local.allocator.allocate_physical(BASE, frames_of(order)).ok()?;
        Block::new(start as u64)
    }

    unsafe fn free(local: &mut &Self, block: Block, order: u8) {
        // SAFETY: the caller says that it was allocated so.
        unsafe { local.allocator.deallocate_physical(BASE, frames_of(order), block.get() as usize) };
    }
}

fn frames_of(order: u8) -> NonZeroUsize {
    NonZeroUsize::new(1 << order).unwrap_or(NonZeroUsize::MIN)
}
