//! Real memory behind a machine's frames: committed and released with its blocks; migrated pages keep their contents.
#![cfg(target_os = "linux")]

use std::{cell::Cell, sync::Arc};

use zonelist_core::{
    Mobility, Page, PageRequest, Pfn, ZoneKind,
    hotplug::{AllocatorProvider, Arena, BlockId, OnlineTo, Operation, RunningMachine},
    page_alloc::{Handle, MovablePages, MoveError},
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    table::Slots,
    zone::Order,
};

use super::{BLOCKS, PAGES, READERS, node, offline, spare, spare_frames, state};

#[test]
fn an_offline_block_has_no_memory_and_migrated_pages_keep_their_contents() {
    let state = state();
    let arena = Arc::new(Arena::reserve(Pfn::range(0..2 * (BLOCKS + 1) * PAGES), 4096).unwrap());
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(READERS));
    let (memory, copied) = (Arc::clone(&arena), Cell::new(0));
    let migrate = move |_: Handle, from: &Page, to: &Page| {
        let (from, to) = memory.bytes(from).zip(memory.bytes(to)).ok_or(MoveError::Never)?;
        // SAFETY: both pages are allocated, of one length, and used by this thread only.
        unsafe { to.cast::<u8>().copy_from_nonoverlapping(from.cast(), from.len()) };
        copied.set(copied.get() + 1);
        Ok(())
    };
    let frames: AllocatorProvider<'_, _, _> = AllocatorProvider::new(published, &state).unwrap();
    let frames = frames.with_migration_source(MovablePages::boxed(migrate, 64)).with_backing(Arc::clone(&arena));
    let running = RunningMachine::new(state.clone(), frames.boot(&state).unwrap()).unwrap();
    let frames = running.provider();
    let mut local = frames.allocator().local().unwrap();
    let request = PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable).order(Order::of::<1>());
    let prepared = frames.allocator().prepare(&request);
    for round in 1..4_u8 {
        assert_eq!(arena.resident(spare_frames()).unwrap(), 0);
        running.apply(&Operation::Online { block: BlockId::new(spare(1)), to: OnlineTo::Movable }).unwrap();
        let page = local.alloc(node(1), &prepared).unwrap();
        assert!(spare_frames().contains(&page.pfn()));
        let bytes = arena.bytes(&page).unwrap();
        // SAFETY: the page is committed, and allocated by this thread.
        unsafe { bytes.cast::<u8>().write_bytes(round, bytes.len()) };
        assert_eq!(arena.resident(spare_frames()).unwrap(), bytes.len() as u64);
        let handle = frames.migration_source().insert(page).unwrap();
        running.apply(&offline()).unwrap();

        let moved = frames.migration_source().remove(handle).unwrap();
        assert!(!spare_frames().contains(&moved.pfn()));
        // SAFETY: the page is committed, and no thread writes to it.
        assert!(unsafe { arena.bytes(&moved).unwrap().as_ref() }.iter().all(|&byte| byte == round));
        local.free(moved).unwrap();
    }
}
