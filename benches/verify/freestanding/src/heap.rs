//! Zones and an allocator on a heap, and the errors that they return if the heap has no room.

extern crate alloc;

use alloc::vec::Vec;
use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::null_mut,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use zonelist_core::{
    Mobility, NodeId, PageAllocator, PageRequest, Pfn, Zone, ZoneId, ZoneKind,
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    sync::Spin,
    table::{Capacity, Slot, Slots},
    zone::Order,
};

use crate::{any, holds, length};

/// A bump allocator: each byte is allocated once, and never freed.
struct Heap;

const BYTES: usize = 1 << 20;
static mut MEMORY: [u8; BYTES] = [0; BYTES];
static TAKEN: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: each byte is allocated once, a block has the alignment of its layout, and the program has one thread.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = (&raw mut MEMORY).addr();
        let from = (start + TAKEN.load(Relaxed)).wrapping_add(layout.align() - 1) & !(layout.align() - 1);
        match from.checked_add(layout.size()) {
            Some(end) if end <= start + BYTES => {
                TAKEN.store(end - start, Relaxed);
                (&raw mut MEMORY).cast::<u8>().with_addr(from)
            }
            _ => null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

const CAPACITY: Capacity = Capacity::new(1, 1).unwrap();

pub(crate) fn check() -> Option<()> {
    let id = ZoneId::new(NodeId::new(any(0))?, any(ZoneKind::Normal));
    let boxed = |frames: u64| Zone::boxed(id, Pfn::range(any(0..frames)), any(Order::MAX), Spin::new());
    holds(boxed(1 << 30).is_err_and(|error| length(error) > 0))?;
    let zone = Zone::without_metadata(id, Pfn::range(any(0..4096)), any(Order::MAX), Spin::new()).ok()?;
    holds(zone.attach_metadata().is_ok() && zone.add(Pfn::range(any(0..4096))).is_ok())?;
    let published = || {
        let slots = Slots::<[Slot; CAPACITY.words()]>::in_array(CAPACITY)?;
        Some(Published::with_slots(StopWorld::new(slots), ReaderSlots::try_boxed(2)?))
    };
    holds(PageAllocator::boxed(published()?, Vec::<Zone<'_>>::new()).is_err())?;
    let mut zones = Vec::new();
    zones.try_reserve(1).ok()?;
    zones.spare_capacity_mut().first_mut()?.write(boxed(8192).ok()?);
    // Not by `push`: its reservation may fail, which is a path to a panic.
    // SAFETY: the vector has room for one element, and the line above has initialised it.
    unsafe { zones.set_len(1) };
    let allocator = PageAllocator::boxed(published()?, zones).ok()?;
    // Ranges of two page frames in 16 pageblocks: they need more bitmaps than the zone has, so that it allocates
    // memory.
    for block in 0..any(16) {
        for at in 0..any(40) {
            allocator.add(id, Pfn::range(any(512 * block + 4 * at..512 * block + 4 * at + 2))).ok()?;
        }
    }
    let request = PageRequest::up_to(any(ZoneKind::Normal)).mobility(any(Mobility::Movable));
    let request = allocator.prepare(&request);
    allocator.add_boxed_handles(any(2)).ok()?;
    // Nothing was published, so that a request finds no zone.
    holds(allocator.zone(id)?.managed() == 16 * 40 * 2 && allocator.local().ok()?.alloc(id.node(), &request).is_err())
}
