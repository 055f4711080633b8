//! Handles in interrupt handlers, and functions for the child of a fork. The program does not fork, so those
//! have no effect.

use zonelist_core::{
    LocalHandle, Mobility, NodeId, Page, PageAllocator, PageRequest, ZoneKind,
    page_alloc::{PreparedRequest, TryAllocError, TryFreeError},
    publish::{Scheme, Standard},
    zone::Urgency,
};

use crate::{any, holds, length};

pub(crate) fn check<S: Scheme>(allocator: &PageAllocator<'_, S>, node: NodeId) -> Option<()> {
    let mut local = allocator.local().ok()?;
    let request = PageRequest::up_to(any(ZoneKind::Movable)).mobility(any(Mobility::Movable));
    let request = allocator.prepare(&request.urgency(any(Urgency::NON_BLOCKING)));
    interrupted(&mut local, &request, node)?;
    let kept = [local.id()];
    let published = allocator.published().prepare_fork().ok()?;
    published.parent();
    let published = allocator.published().prepare_fork().ok()?;
    // SAFETY: the process has one thread, as the child of a fork has, and `kept` names its one handle.
    unsafe { published.child(&kept) };
    // SAFETY: the process has one thread, as the child of a fork has, and `kept` names its one handle.
    let losses = unsafe { allocator.published().after_fork(&kept) };
    holds(!losses.publish)?;
    // SAFETY: the process has one thread, as the child of a fork has, and `kept` names its one handle.
    let losses = unsafe { allocator.after_fork(any(&kept)) };
    holds(losses.zones == 0 && losses.caches == 0)?;
    #[cfg(feature = "heap")]
    {
        allocator.prepare_fork().ok()?.parent();
        let prepared = allocator.prepare_fork().ok()?;
        // SAFETY: the process has one thread, as the child of a fork has, and `kept` names its one handle.
        unsafe { prepared.child(&kept) };
    }
    let page = local.alloc(node, &request).ok()?;
    local.free(page).ok()
}

/// The calls that an interrupt handler may make: none of them waits.
fn interrupted<S: Scheme>(
    local: &mut LocalHandle<'_, '_, S, Standard>,
    request: &PreparedRequest<S>,
    node: NodeId,
) -> Option<()> {
    match local.try_alloc(any(node), request) {
        Ok(page) => local.try_free(page).ok()?,
        Err(error @ TryAllocError::SchemeBlocks { .. }) => holds(!S::FACTS.interrupt_safe && length(error) > 0)?,
        Err(_) => return None,
    }
    holds(!local.failure().would_block() && local.failure().undrained().is_none())?;
    // SAFETY: the page is of no allocator, and no code relies on its ownership.
    let foreign = unsafe { Page::from_raw(any(1 << 63)) }?;
    let error = local.try_free(foreign).err()?;
    holds(length(&error) > 0 && matches!(error, TryFreeError::Free(_)) && error.into_page().pfn().number() == 0)
}
