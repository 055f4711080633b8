//! A pool of pages over two memory tiers: node 0 near the CPUs, and node 1 with CPU-less, slower memory (CXL).
//!
//! Threads fill movable pages from the slow tier while one of its memory blocks goes offline: its pages migrate, and their
//! handles stay valid. Run it with `cargo run --example pool --package zonelist-core`.

use std::{error::Error, sync::Arc, thread, time::Duration};

use zonelist_core::{
    Mobility, NodeId, Page, PageRequest, Pfn, Published, ZoneId, ZoneKind,
    hotplug::{
        AllocatorProvider, Arena, BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, OnlineTo, Operation,
        RunningMachine, State, Until,
    },
    page_alloc::{Handle, MovablePages, MoveError},
    stop_world::StopWorld,
    table::Slots,
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
};

const FAST: NodeId = NodeId::new(0).unwrap();
const SLOW: NodeId = NodeId::new(1).unwrap();
const PAGE_BYTES: usize = 4096;
/// Pages of a memory block: 8 MiB.
const BLOCK: u64 = 2048;
/// The slow tier has block 1 from the start. Block 2 comes online, and goes.
const SPARE: BlockId = BlockId::new(2);

/// Both tiers, 10 and 25 apart, with one block each, and the spare block, which is offline.
fn tiers() -> Result<State, Box<dyn Error>> {
    let zone = |node, block: u64| ZoneSize {
        zone: ZoneId::new(node, ZoneKind::Normal),
        start_pfn: Pfn::new(block * BLOCK),
        spanned: BLOCK,
        present: BLOCK,
        managed: BLOCK,
    };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0, 1],
        distance: vec![vec![10, 25], vec![25, 10]],
        online: vec![0, 1],
        has_memory: vec![0, 1],
        memory: Some(Memory {
            page_bytes: PAGE_BYTES as u64,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
            zones: vec![zone(FAST, 0), zone(SLOW, 1)],
            tunables: Tunables { min_free_kbytes: 512, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    })?;
    let spare = MemoryBlock {
        number: SPARE,
        node: Some(SLOW),
        state: MemoryBlockState::Offline,
        has_holes: false,
        memmap_pages: 0,
    };
    let blocks = MemoryBlocks { pages: BLOCK, list: vec![spare], ..MemoryBlocks::default() };
    Ok(State::booted(machine, blocks, Rules::LINUX_6_1)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let state = tiers()?;
    let arena = Arc::new(Arena::reserve(Pfn::range(0..3 * BLOCK), PAGE_BYTES)?);
    let copy = {
        let arena = Arc::clone(&arena);
        move |_: Handle, from: &Page, to: &Page| {
            let (from, to) = (arena.bytes(from), arena.bytes(to));
            let (from, to) = from.zip(to).ok_or(MoveError::NotNow)?;
            // SAFETY: both pages are allocated and committed, of one length, and no guard of the page exists.
            unsafe { from.cast::<u8>().copy_to_nonoverlapping(to.cast::<u8>(), from.len()) };
            Ok::<_, MoveError>(())
        }
    };
    let lists = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let provider = AllocatorProvider::new(lists, &state)?
        .with_migration_source(MovablePages::boxed(copy, 4096))
        .with_backing(Arc::clone(&arena));
    let machine = RunningMachine::new(state.clone(), provider.boot(&state)?)?;
    machine.apply(&Operation::Online { block: SPARE, to: OnlineTo::Movable })?;

    let (allocator, pages) = (machine.provider().allocator(), machine.provider().migration_source());
    let slow = allocator.prepare(&PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable));
    let fill = |thread: u64| -> Vec<(Handle, u64)> {
        let mut local = allocator.local().expect("a reader slot for each thread");
        let filled = (0..500).map(|nth| {
            let handle = pages.insert(local.alloc(SLOW, &slow).expect("a page")).expect("a handle");
            let (guard, value) = (pages.hold(handle).expect("a page of this pool"), thread << 32 | nth);
            let bytes = arena.bytes(guard.page()).expect("a committed page");
            // SAFETY: the page is allocated, and this thread alone holds it; a page is aligned for a word.
            unsafe { bytes.cast::<u64>().write(value) };
            (handle, value)
        });
        filled.collect()
    };
    let filled = thread::scope(|scope| {
        let threads: Vec<_> = (1..=2).map(|thread| scope.spawn(move || fill(thread))).collect();
        // Under load: pages in the block migrate, and requests go on in the other blocks. A page that a thread has
        // allocated, and not yet put behind a handle, is waited for.
        machine.apply_within(&Operation::Offline { block: SPARE }, &mut Until::after(Duration::from_secs(10)))?;
        Ok::<_, Box<dyn Error>>(
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>(),
        )
    })?;

    let mut local = allocator.local()?;
    for &(handle, value) in &filled {
        let page = pages.remove(handle)?;
        // SAFETY: the page is allocated, and nothing else refers to it.
        assert_eq!(unsafe { arena.bytes(&page).expect("a committed page").cast::<u64>().read() }, value);
        assert!(!state.block_frames(SPARE).contains(&page.pfn()), "the block is offline");
        local.free(page)?;
    }
    println!("{} pages kept their content while block {SPARE} went offline", filled.len());
    Ok(())
}
