//! Requests that few others make: DMA memory, contiguous ranges, and a memory block that goes offline and comes back.

use alloc::{boxed::Box, vec::Vec};
use core::error::Error;

use zonelist_core::{
    Mobility, NodeId, PageRequest, Zone, ZoneId, ZoneKind,
    hotplug::{BlockId, MemoryBlockState, OnlineTo, Operation, StopReason},
    zone::Order,
};

use crate::{
    cpus::{COUNTS, Cpu},
    line,
    memory::{MOVABLE, Machine},
    owners,
};

/// Allocates blocks that a device can reach which has 24 address lines.
pub fn dma(cpu: &mut Cpu, machine: &Machine) -> Result<(), Box<dyn Error>> {
    let request = machine.provider().allocator().prepare(&PageRequest::up_to(ZoneKind::Dma).order(Order::of::<3>()));
    for _ in 0..8 {
        let page = cpu.local.alloc(cpu.node, &request)?;
        owners::claim(&page);
        if page.frames().end.number() > 1 << 12 {
            return Err("a DMA block above 16 MiB".into());
        }
        cpu.free(page);
    }
    line!("DMA: 8 blocks of 8 frames below 16 MiB");
    Ok(())
}

/// Allocates a range of frames that is no power of two, at a boundary of 2 MiB.
pub fn contiguous(machine: &Machine) -> Result<(), Box<dyn Error>> {
    for zone in machine.provider().allocator().zones().iter().filter(|zone| zone.id().kind() == ZoneKind::Normal) {
        let start = zone.alloc_contig(1500, 512).ok_or("no contiguous range")?;
        zone.free_contig(start..start + 1500).map_err(|error| alloc::format!("{error}"))?;
        line!("contiguous: 1500 frames of {} at a multiple of 512", zone.id());
    }
    Ok(())
}

/// The block that is Movable as a whole, and its node.
fn movable_block(machine: &Machine) -> Option<(BlockId, NodeId)> {
    let state = machine.state();
    let block = state.blocks().iter().find(|block| block.state == MemoryBlockState::Online(ZoneKind::Movable))?;
    Some((block.number, block.node?))
}

/// Puts a block offline whose pages are in use, and online again. Other CPUs allocate meanwhile.
pub fn hotplug(cpu: &mut Cpu, machine: &'static Machine) -> Result<(), Box<dyn Error>> {
    let (block, node) = movable_block(machine).ok_or("no Movable block")?;
    let (allocator, movable) = (machine.provider().allocator(), machine.provider().migration_source());
    let request = PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable);
    let request = allocator.prepare(&request);
    let frames = machine.state().block_frames(block);
    let mut handles = Vec::new();
    for number in 0..MOVABLE {
        let page = cpu.local.alloc(node, &request)?;
        owners::claim(&page);
        // SAFETY: the page is this function's, RAM, and mapped to itself.
        unsafe { owners::bytes(&page).write([owners::content(number); _]) };
        handles.push(movable.insert(page)?);
    }
    // Pages of other CPUs can't be moved, and are soon freed: the operation waits for them.
    let end = COUNTS[0].ticks.get() + 200_000;
    let mut deadline = || if COUNTS[0].ticks.get() < end { Ok(()) } else { Err(StopReason::Deadline) };
    machine.apply_within(&Operation::Offline { block }, &mut deadline)?;
    let zone = ZoneId::new(node, ZoneKind::Movable);
    line!(
        "block {block} of node {node} is offline: {} frames are left in {zone}",
        allocator.zone(zone).map_or(0, Zone::managed)
    );
    let mut moved = 0;
    for (number, &handle) in handles.iter().enumerate() {
        let guard = movable.hold(handle)?;
        // SAFETY: the guard keeps the page where it is, and no one writes it. It is RAM, mapped to itself.
        let content = unsafe { owners::bytes(guard.page()).read() };
        if content != [owners::content(number); _] {
            return Err(alloc::format!("the content of page {number} was lost").into());
        }
        moved += usize::from(!frames.contains(&guard.page().pfn()));
    }
    line!("{moved} of {MOVABLE} movable pages are elsewhere, with their contents");
    for handle in handles {
        cpu.free(movable.remove(handle)?);
    }
    machine.apply(&Operation::Online { block, to: OnlineTo::Movable })?;
    let page = cpu.local.alloc(node, &request)?;
    let inside = frames.contains(&page.pfn());
    owners::claim(&page);
    cpu.free(page);
    if moved != MOVABLE || !inside {
        return Err("pages stayed in the block, or it serves none after it is back".into());
    }
    line!("block {block} of node {node} is online in {zone}: the next movable page is of it");
    Ok(())
}
