//! The table of blocks: for each 32 KiB of the arena, whether it is a slab or a part of a larger allocation.
//!
//! A slab's entry has its state. All fields are atomic, so that the table needs no `unsafe`: the owner of the slab alone
//! stores to them, and other threads read `kind`, `class` and `owner` of a slab in which they have an object.

use core::sync::atomic::{
    AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, Release},
};

use crate::size_class::SLAB_BYTES;

/// Bytes of a page frame.
pub(crate) const FRAME_BYTES: usize = 4096;

/// Page frames of a slab.
pub(crate) const SLAB_FRAMES: u64 = (SLAB_BYTES / FRAME_BYTES) as u64;

/// Page frames that malloc's memory can have: 16 GiB, of which only the used part takes memory.
pub(crate) const FRAMES: u64 = 4 << 20;

/// The number of entries.
const BLOCKS: usize = FRAMES as usize / SLAB_FRAMES as usize;

/// Values of [`Block::kind`].
pub(crate) const NONE: u8 = 0;
/// The block is a slab.
pub(crate) const SLAB: u8 = 1;
/// The block is the first of a large allocation, or of one of its parts.
pub(crate) const LARGE: u8 = 2;

/// Values of [`Block::state`]: no object is free;
pub(crate) const FULL: u8 = 0;
/// the slab is in the list of its class;
pub(crate) const LISTED: u8 = 1;
/// the slab is the current one of its class.
pub(crate) const CURRENT: u8 = 2;

/// An entry of the table, on a cache line of its own.
#[repr(align(64))]
pub(crate) struct Block {
    /// Objects of the slab that are free, linked.
    pub free: AtomicPtr<u8>,
    /// The word of the page, which owns the block.
    pub page: AtomicU64,
    /// The first byte that never was in an object, as an offset in the slab.
    pub fresh: AtomicU32,
    /// The bytes of an object.
    pub size: AtomicU32,
    /// The number of the heap that has the slab.
    pub owner: AtomicU16,
    pub kind: AtomicU8,
    /// The size class.
    pub class: AtomicU8,
    /// The objects in use, or in the remote list of the owner.
    pub used: AtomicU32,
    /// Of a large allocation, the blocks from here on to its end.
    pub blocks: AtomicU32,
    /// Of a slab, one of the values below.
    pub state: AtomicU8,
    /// The neighbours in that list: a number and 1, or 0 for none.
    pub previous: AtomicU32,
    pub next: AtomicU32,
}

impl Block {
    const fn new() -> Self {
        Self {
            free: AtomicPtr::new(core::ptr::null_mut()),
            page: AtomicU64::new(0),
            fresh: AtomicU32::new(0),
            size: AtomicU32::new(0),
            owner: AtomicU16::new(0),
            kind: AtomicU8::new(NONE),
            class: AtomicU8::new(0),
            used: AtomicU32::new(0),
            blocks: AtomicU32::new(0),
            state: AtomicU8::new(FULL),
            previous: AtomicU32::new(0),
            next: AtomicU32::new(0),
        }
    }
}

/// All zeros, in `.bss`.
static TABLE: [Block; BLOCKS] = [const { Block::new() }; BLOCKS];

/// The address of frame 0; the largest address before the start.
static BASE: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Sets the address of frame 0.
pub(crate) fn set_base(base: *mut u8) {
    // Release, with the release of the allocator's state: no thread has an address of the arena before.
    BASE.store(base.expose_provenance(), Release);
}

/// The number of the block that contains an address; `None` outside of malloc's memory.
#[inline(always)]
pub(crate) fn number_at(at: *mut u8) -> Option<usize> {
    let number = at.addr().wrapping_sub(BASE.load(Relaxed)) / SLAB_BYTES;
    (number < BLOCKS).then_some(number)
}

/// The address of a block.
#[inline(always)]
pub(crate) fn address(number: usize) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(BASE.load(Relaxed) + number * SLAB_BYTES)
}

/// The entry of a block.
#[inline(always)]
pub(crate) fn block(number: usize) -> &'static Block {
    &TABLE[number % BLOCKS]
}

/// The number of an entry.
#[inline(always)]
pub(crate) fn number_of(block: &'static Block) -> usize {
    (core::ptr::from_ref(block).addr() - TABLE.as_ptr().addr()) / size_of::<Block>()
}
