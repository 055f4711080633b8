//! Allocations above half a slab: blocks of an order between 3 and 10, of which unneeded parts are freed at once.

use zonelist_core::zone::Order;

use crate::{
    block::{self, LARGE, NONE},
    heap::Owned,
    size_class::SLAB_BYTES,
};
use core::{ptr, sync::atomic::Ordering::Relaxed};

/// The largest size that is allocated from a block: 4 MiB, a block of the largest order.
pub(crate) const LARGEST: usize = SLAB_BYTES << (Order::MAX.number() - 3);

/// The largest alignment of a block: a pageblock, to which the arena is aligned.
pub(crate) const ALIGN: usize = 2 << 20;

/// Allocates at most [`LARGEST`] bytes, aligned to `align`, at most [`ALIGN`]. Null if there is no memory.
pub(crate) fn alloc(heap: Owned, size: usize, align: usize) -> *mut u8 {
    let blocks = size.div_ceil(SLAB_BYTES).max(1);
    // A block is aligned to its length.
    let order = blocks.max(align / SLAB_BYTES).next_power_of_two().ilog2();
    let allocated = heap.with_pages(|pages| {
        let (mut page, first) = pages.alloc(Order::new(order as u8 + 3)?)?;
        // The rest of the page covers `2^order` blocks from `at` on, of which `left` are needed.
        let (mut at, mut left, mut order) = (first, blocks, order);
        loop {
            if left == 1 << order {
                set_part(at, page, left);
                return Some(first);
            }
            let [lower, upper] = pages.split(page)?;
            order -= 1;
            if left > 1 << order {
                set_part(at, lower, left);
                (at, left, page) = (at + (1 << order), left - (1 << order), upper);
            } else {
                pages.free(upper);
                page = lower;
            }
        }
    });
    allocated.map_or(ptr::null_mut(), block::address)
}

/// Notes a part of an allocation: its page, and the blocks from its first to the end of the allocation.
fn set_part(at: usize, page: u64, blocks: usize) {
    let part = block::block(at);
    part.page.store(page, Relaxed);
    part.blocks.store(blocks as u32, Relaxed);
    part.kind.store(LARGE, Relaxed);
}

/// The bytes of the allocation whose first block this is.
pub(crate) fn usable(first: usize) -> usize {
    block::block(first).blocks.load(Relaxed) as usize * SLAB_BYTES
}

/// Frees the allocation whose first block this is.
pub(crate) fn free(heap: Owned, first: usize) {
    let mut at = first;
    let _ = heap.with_pages(|pages| {
        loop {
            let part = block::block(at);
            let left = part.blocks.load(Relaxed) as usize;
            part.kind.store(NONE, Relaxed);
            pages.free(part.page.load(Relaxed));
            // The parts are powers of two, the largest first: this one is the highest bit of what is left.
            let length = 1 << left.ilog2();
            if left == length {
                return Some(());
            }
            at += length;
        }
    });
}
