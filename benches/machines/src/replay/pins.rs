//! Pages that are allocated and can't be moved, for the steps whose record has a pinned page in the block.

use zonelist_core::{
    Mobility, Page, Pfn, ZoneId,
    hotplug::{AllocatorProvider, BlockId, MemoryBlockState, RunningMachine},
    page_alloc::{Handle, Migrate, MovablePages, MoveError},
    publish::{Platform, Scheme},
    sync::Spin,
    zone::{Order, PAGEBLOCK_FRAMES},
};

/// Refuses to migrate every page.
#[derive(Debug)]
pub(super) struct NeverMoves;

impl Migrate for NeverMoves {
    fn move_page(&self, _: Handle, _: &Page, _: &Page) -> Result<(), MoveError> {
        Err(MoveError::Never)
    }
}

pub(super) type PinnedPages = MovablePages<'static, NeverMoves>;
pub(super) type ReplayedMachine<S, P> = RunningMachine<AllocatorProvider<'static, S, P, (PinnedPages, ())>>;

/// True if boot allocated pages of the block, so that it can't go offline, regardless of its other pages.
pub(super) fn holds_boot_memory<S: Scheme, P: Platform<Lock = Spin>>(
    running: &ReplayedMachine<S, P>,
    block: u64,
) -> bool {
    let state = running.state();
    let Ok(there) = state.block(BlockId::new(block)) else { return false };
    let (MemoryBlockState::Online(kind), Some(node)) = (there.state, there.node) else { return false };
    let Some(zone) = running.provider().allocator().zone(ZoneId::new(node, kind)) else { return false };
    let frames = state.block_frames(BlockId::new(block));
    let usable = frames.end - frames.start - there.memmap_pages;
    let managed = Pfn::iter(frames).step_by(PAGEBLOCK_FRAMES).filter_map(|pfn| zone.pageblock(pfn));
    managed.map(|pageblock| pageblock.managed as u64).sum::<u64>() < usable
}

/// An allocated page of a block, pinned until the drop.
pub(super) struct PinnedPage<'m, S: Scheme, P: Platform<Lock = Spin>> {
    running: &'m ReplayedMachine<S, P>,
    handle: Handle,
}

impl<'m, S: Scheme, P: Platform<Lock = Spin>> PinnedPage<'m, S, P> {
    /// Allocates a page of a block and pins it; `None` if the block has no free page.
    pub(super) fn allocate(running: &'m ReplayedMachine<S, P>, block: u64) -> Option<Self> {
        let state = running.state();
        let there = state.block(BlockId::new(block)).ok()?;
        let (MemoryBlockState::Online(kind), Some(node)) = (there.state, there.node) else { return None };
        let frames = state.block_frames(BlockId::new(block));
        let allocator = running.provider().allocator();
        let zone = allocator.zone(ZoneId::new(node, kind))?;
        // The zone chooses the page. So allocate, the largest order first, until a page lies in the block; then free
        // the others.
        let (mut others, mut found) = (Vec::new(), None);
        for order in Order::ALL.into_iter().rev() {
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
        let pins = running.provider().migration_source();
        // SAFETY: the zone has allocated the block above, as a frame number and not as a page.
        let page = unsafe { allocator.page(pfn, order, Mobility::Movable) }?;
        let handle = pins.insert(page).ok()?;
        pins.pin(handle).ok()?;
        Some(Self { running, handle })
    }
}

impl<S: Scheme, P: Platform<Lock = Spin>> Drop for PinnedPage<'_, S, P> {
    fn drop(&mut self) {
        let frames = self.running.provider();
        if let Ok(page) = frames.migration_source().remove(self.handle)
            && let Some(zone) = frames.allocator().zone_of(&page)
        {
            let _ = zone.free(page.pfn(), page.order());
        }
    }
}
