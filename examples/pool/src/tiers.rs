//! The machine: a near tier that is always online, and a far tier without CPUs (CXL) whose blocks come and go.

use std::sync::Arc;

use zonelist_core::{
    NodeId, Page, Pfn, ZoneId, ZoneKind,
    hotplug::{AllocatorProvider, Arena, BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, RunningMachine, State},
    page_alloc::{Handle, Migrate, MovablePages, MoveError},
    publish::{Published, Standard},
    table::{OrderTables, Slot},
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
};
use zonelist_inplace::Presence;

use crate::error::PoolError;

/// The tier near the CPUs.
pub const NEAR: NodeId = NodeId::new(0).unwrap();
/// The tier without CPUs.
pub const FAR: NodeId = NodeId::new(1).unwrap();
/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;
/// Pages of a memory block: 8 MiB.
pub const BLOCK: u64 = 2048;
/// Blocks of the near tier.
pub const NEAR_BLOCKS: u64 = 2;
/// The block of the far tier that is always online, and after it those that come and go.
pub const FIRST_SPARE: u64 = NEAR_BLOCKS + 1;

/// The scheme that publishes the zonelists: a zone comes and goes by one store.
pub type Listing = Presence<Box<[Slot]>>;
/// The page allocator of the machine, with movable pages and real memory.
pub type Provider = AllocatorProvider<'static, Listing, Standard, (MovablePages<'static, Copier>, Arc<Arena>)>;
/// The machine.
pub type Tiers = RunningMachine<Provider>;

/// Copies a page that migrates.
#[derive(Debug)]
pub struct Copier(Arc<Arena>);

impl Migrate for Copier {
    fn move_page(&self, _: Handle, from: &Page, to: &Page) -> Result<(), MoveError> {
        copy(&self.0, from, to).map_err(|_| MoveError::NotNow)
    }
}

/// Copies the content of a page that has no other user.
pub(crate) fn copy(arena: &Arena, from: &Page, to: &Page) -> Result<(), PoolError> {
    let (from, to) = arena.bytes(from).zip(arena.bytes(to)).ok_or(PoolError::NoMemory)?;
    // SAFETY: both pages are allocated and their frames committed, both have one length, and `from` has no other user:
    // a page that migrates has no guard, and a page that the pool copies is under the lock of its slot.
    unsafe { from.cast::<u8>().copy_to_nonoverlapping(to.cast::<u8>(), from.len().min(to.len())) };
    Ok(())
}

/// Boots the machine, with `spares` blocks of the far tier offline, and room for `pages` movable pages.
///
/// # Errors
/// The system has not enough address space or memory.
pub fn boot(spares: u64, pages: usize) -> Result<Tiers, PoolError> {
    let state = state(spares)?;
    let arena = Arc::new(Arena::reserve(Pfn::range(0..(FIRST_SPARE + spares) * BLOCK), PAGE_BYTES)?);
    let lists = Published::new(Presence::new(OrderTables::boxed(state.capacity())));
    let provider = AllocatorProvider::new(lists, &state)?
        .with_migration_source(MovablePages::boxed(Copier(Arc::clone(&arena)), pages))
        .with_backing(arena)
        .boot(&state)?;
    Ok(RunningMachine::new(state, provider)?)
}

/// The state that the machine boots with.
fn state(spares: u64) -> Result<State, PoolError> {
    let zone = |node, first: u64, blocks: u64| ZoneSize {
        zone: ZoneId::new(node, ZoneKind::Normal),
        start_pfn: Pfn::new(first * BLOCK),
        spanned: blocks * BLOCK,
        present: blocks * BLOCK,
        managed: blocks * BLOCK,
    };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0, 1],
        distance: vec![vec![10, 25], vec![25, 10]],
        online: vec![0, 1],
        has_cpu: vec![0],
        has_memory: vec![0, 1],
        memory: Some(Memory {
            page_bytes: PAGE_BYTES as u64,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
            zones: vec![zone(NEAR, 0, NEAR_BLOCKS), zone(FAR, NEAR_BLOCKS, 1)],
            tunables: Tunables { min_free_kbytes: 512, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    })?;
    let spare = |number| MemoryBlock {
        number: BlockId::new(number),
        node: Some(FAR),
        state: MemoryBlockState::Offline,
        has_holes: false,
        memmap_pages: 0,
    };
    let list = (FIRST_SPARE..FIRST_SPARE + spares).map(spare).collect();
    Ok(State::booted(machine, MemoryBlocks { pages: BLOCK, list, ..MemoryBlocks::default() }, Rules::LINUX_6_12)?)
}
