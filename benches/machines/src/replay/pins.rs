//! A page of a block that is really in use and can't be moved, as a record says there was one.

use zonelist_core::{
    Handle, MAX_ORDER, Mobility, Movables, MoveError, Mover, PAGEBLOCK_FRAMES, Page, ZoneId,
    hotplug::{AllocatorFrames, BlockState, RunningMachine},
    publish::{Barrier, Scheme},
};

use super::SEATS;

/// Nobody moves a page that is pinned.
#[derive(Debug)]
pub(super) struct Never;

impl Mover for Never {
    fn move_page(&self, _: Handle, _: Page, _: Page) -> Result<(), MoveError> {
        Err(MoveError::Never)
    }
}

pub(super) type Pins = Movables<'static, Never>;
pub(super) type Machine<S, B> = RunningMachine<AllocatorFrames<'static, S, B, zonelist_core::Spin, SEATS, Pins>>;

/// Whether a block holds pages that boot took, so that it can't go off line, whatever its other pages are used for.
pub(super) fn holds_boot_memory<S: Scheme, B: Barrier>(running: &Machine<S, B>, block: u64) -> bool {
    let state = running.state();
    let Ok(there) = state.block(block) else { return false };
    let (BlockState::Online(kind), Some(node)) = (there.state, there.node) else { return false };
    let Some(zone) = running.frames().allocator().zone(ZoneId::new(node, kind)) else { return false };
    let frames = state.frames_of_block(block);
    let usable = frames.end - frames.start - there.memmap_pages;
    let managed = frames.step_by(PAGEBLOCK_FRAMES).filter_map(|pfn| zone.pageblock(pfn));
    managed.map(|pageblock| pageblock.managed as u64).sum::<u64>() < usable
}

/// A page that is in use until this goes.
pub(super) struct Pin<'m, S: Scheme, B: Barrier> {
    running: &'m Machine<S, B>,
    handle: Handle,
}

impl<'m, S: Scheme, B: Barrier> Pin<'m, S, B> {
    /// Takes a page of a block and pins it. `None` if the block has none to give.
    pub(super) fn on(running: &'m Machine<S, B>, block: u64) -> Option<Self> {
        let state = running.state();
        let there = state.block(block).ok()?;
        let (BlockState::Online(kind), Some(node)) = (there.state, there.node) else { return None };
        let frames = state.frames_of_block(block);
        let allocator = running.frames().allocator();
        let zone = allocator.zone(ZoneId::new(node, kind))?;
        // The zone says which page it gives: asked until one is in the block.
        let (mut others, mut found) = (Vec::new(), None);
        for order in (0..=MAX_ORDER).rev() {
            while found.is_none()
                && let Some(pfn) = zone.alloc(order, Mobility::Movable)
            {
                if frames.contains(&pfn) { found = Some((pfn, order)) } else { others.push((pfn, order)) }
            }
        }
        for (pfn, order) in others {
            let _ = zone.free(pfn, order);
        }
        let (pfn, order) = found?;
        let pins = running.frames().owners();
        let handle = pins.insert(allocator.page(pfn, order, Mobility::Movable)?).ok()?;
        pins.pin(handle).ok()?;
        Some(Self { running, handle })
    }
}

impl<S: Scheme, B: Barrier> Drop for Pin<'_, S, B> {
    fn drop(&mut self) {
        let frames = self.running.frames();
        if let Ok(page) = frames.owners().remove(self.handle)
            && let Some(zone) = frames.allocator().zone_of(page)
        {
            let _ = zone.free(page.pfn(), page.order());
        }
    }
}
