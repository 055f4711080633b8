//! Handles in interrupts, and in the child of a fork. (There is no fork here: what is called behind one finds nothing to do.)

use zonelist_core::{
    LocalHandle, Mobility, NodeId, Page, PageAllocator, PageRequest, PreparedRequest, Spin, TryAllocError,
    TryFreeError, Urgency, ZoneKind,
    publish::{FullFence, Scheme},
};

use crate::{any, holds, length, pages::READERS};

pub(crate) fn check<S: Scheme>(allocator: &PageAllocator<'_, S, FullFence, Spin, READERS>, node: NodeId) -> Option<()> {
    let mut local = allocator.local().ok()?;
    let request = PageRequest::up_to(any(ZoneKind::Movable)).mobility(any(Mobility::Movable));
    let class = allocator.prepare(&request.urgency(any(Urgency::NON_BLOCKING))).ok()?;
    interrupted(&mut local, &class, node)?;
    let kept = [local.id()];
    let published = allocator.published().prepare_fork().ok()?;
    published.parent();
    let published = allocator.published().prepare_fork().ok()?;
    // SAFETY: this is as good as the child: there is no other thread, and one handle.
    unsafe { published.child(&kept) };
    // SAFETY: the same.
    let losses = unsafe { allocator.published().after_fork(&kept) };
    holds(!losses.publish)?;
    // SAFETY: the same.
    let losses = unsafe { allocator.after_fork(any(&kept)) };
    holds(losses.zones == 0 && losses.caches == 0)?;
    #[cfg(feature = "heap")]
    {
        allocator.prepare_fork().ok()?.parent();
        let prepared = allocator.prepare_fork().ok()?;
        // SAFETY: the same.
        unsafe { prepared.child(&kept) };
    }
    let page = local.alloc(node, &class).ok()?;
    local.free(page).ok()
}

fn interrupted<S: Scheme>(
    local: &mut LocalHandle<'_, '_, S, FullFence, Spin, READERS>,
    class: &PreparedRequest<S>,
    node: NodeId,
) -> Option<()> {
    match local.try_alloc(any(node), class) {
        Ok(page) => local.try_free(page).ok()?,
        Err(error @ TryAllocError::SchemeBlocks { .. }) => holds(!S::FACTS.interrupt_safe && length(error) > 0)?,
        Err(_) => return None,
    }
    holds(!local.failure().would_block() && local.failure().undrained().is_none())?;
    let error = local.try_free(Page::from_word(any(1 << 63))?).err()?;
    holds(length(error) > 0 && matches!(error, TryFreeError::Free(_)))
}
