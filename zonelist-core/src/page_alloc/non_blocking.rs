//! Allocations and frees that wait for nothing: for signal handlers and interrupts.
//!
//! A handler may have interrupted its own thread anywhere: while it holds a zone's lock, during a publish, or during a
//! drain that has revoked the per-CPU pages of the handler's handle. So nothing here waits. A lock is tried a few
//! times; revoked per-CPU pages are done without; a walk does not begin while a publish has stopped walks.

use super::{
    LocalHandle, NotFreed, Page, PreparedRequest,
    slow_path::{Blocking, FreeFailure},
};
use crate::{
    NodeId,
    publish::{Platform, Scheme},
};

/// Why an allocation that waits for nothing failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryAllocError {
    /// No zone could serve the request. [`LocalHandle::failure`] reports why.
    #[error("{}", super::OutOfMemory)]
    OutOfMemory,
    /// The request would have had to wait: a zone's lock was held, or a publish was under way. [`LocalHandle::failure`]
    /// reports which.
    #[error(
        "a lock was held or a publish was under way; expected neither, or a request that may wait: \
         `LocalHandle::failure` says which"
    )]
    WouldBlock,
    /// Walks of this scheme may wait, for any request: by its facts, the scheme is not interrupt-safe.
    #[error("walks may wait under {scheme}; expected a scheme that is interrupt-safe")]
    SchemeBlocks {
        /// The name of the scheme.
        scheme: &'static str,
    },
}

/// Why a free that waits for nothing failed. The page is the caller's again.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryFreeError {
    /// The free would have had to wait: the handle's per-CPU pages were full or revoked, and the zone's lock was held.
    /// The caller can free the page later.
    #[error(
        "{page:?}: no room in the per-CPU pages, and the zone's lock was held; expected either, or to free it later"
    )]
    Busy {
        /// The page.
        page: Page,
    },
    /// The page cannot have been allocated.
    #[error(transparent)]
    Free(#[from] NotFreed),
}

impl TryFreeError {
    /// The page, which was not freed: for a later try.
    ///
    /// ```
    /// # use zonelist_core::{Page, page_alloc::TryFreeError};
    /// /// Keeps a page that can't be freed now.
    /// fn later(freed: Result<(), TryFreeError>, kept: &mut Vec<Page>) {
    ///     kept.extend(freed.err().map(TryFreeError::into_page));
    /// }
    /// # let mut kept = Vec::new();
    /// # // SAFETY: the page is of no allocator, and no code relies on its ownership.
    /// # let page = unsafe { Page::from_raw(1 << 63) }.unwrap();
    /// # later(Err(TryFreeError::Busy { page }), &mut kept);
    /// # assert_eq!(kept.len(), 1);
    /// ```
    pub fn into_page(self) -> Page {
        match self {
            Self::Busy { page } | Self::Free(NotFreed { page, .. }) => page,
        }
    }
}

impl<S: Scheme, P: Platform> LocalHandle<'_, '_, S, P> {
    /// Allocates a block as [`LocalHandle::alloc`] does, but waits for nothing: for signal handlers and interrupts.
    ///
    /// A handler may have interrupted any operation of another handle, a drain, a publish, or a hotplug operation. A
    /// complete example: [the guide](crate::guide::interrupts).
    ///
    /// The block comes from this handle's per-CPU pages, or from a zone whose lock is free. Nothing is drained. A
    /// report to [`PageAllocator::on_low`](super::PageAllocator::on_low) is deferred. A handle must not be used from
    /// within one of its own operations, which debug builds detect: a handler has a handle of its own.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     page_alloc::TryAllocError,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::Order,
    /// # };
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zone = Zone::boxed(normal, Pfn::range(0..4096), Order::MAX, Spin::new())?;
    /// # zone.add(Pfn::range(0..4096))?;
    /// # let published = Published::new(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())));
    /// # let allocator = PageAllocator::boxed(published, vec![zone])?;
    /// let request = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
    /// let mut for_handler = allocator.local()?;
    /// // Readers of `StopWorld` may wait for a publish, which the handler may have interrupted.
    /// let error = for_handler.try_alloc(normal.node(), &request).unwrap_err();
    /// assert_eq!(error, TryAllocError::SchemeBlocks { scheme: "StopWorld" });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No block can be allocated without a wait, or the scheme's walks may wait.
    pub fn try_alloc(&mut self, node: NodeId, request: &PreparedRequest<S>) -> Result<Page, TryAllocError> {
        if !S::FACTS.interrupt_safe {
            return Err(TryAllocError::SchemeBlocks { scheme: S::FACTS.scheme });
        }
        self.allocator.check(request);
        let _in_use = self.reader.in_use();
        // With `checked`, an allocation from the per-CPU pages needs the zone's lock too, to be noted.
        let cached = if cfg!(feature = "checked") { None } else { self.alloc_from_cache(node, request) };
        if let Some(page) = cached {
            return Ok(page);
        }
        let page = self.alloc_slow(node, request, Blocking::Forbidden);
        page.map_err(|_| match self.failure.would_block() {
            // A later try may succeed, after the interrupted operation has gone on.
            true => TryAllocError::WouldBlock,
            false => TryAllocError::OutOfMemory,
        })
    }

    /// Frees a block as [`LocalHandle::free`] does, but waits for nothing, under any scheme: for signal handlers and
    /// interrupts.
    ///
    /// The block goes to this handle's per-CPU pages if there is room, or to its zone if the zone's lock is free.
    ///
    /// # Errors
    /// Neither is possible now, or the page cannot have been allocated. The error has the page.
    pub fn try_free(&mut self, page: Page) -> Result<(), TryFreeError> {
        let _in_use = self.reader.in_use();
        #[cfg(feature = "checked")]
        let freed = self.try_free_noted(page.word());
        #[cfg(not(feature = "checked"))]
        let freed =
            if self.free_to_cache(page.word()) { Ok(()) } else { self.free_slow(page.word(), Blocking::Forbidden) };
        freed.map_err(|failure| match failure {
            FreeFailure::Invalid(error) => TryFreeError::Free(NotFreed { page, error }),
            FreeFailure::Busy => TryFreeError::Busy { page },
        })
    }

    /// Frees a block with the feature `checked`: the zone's note and the block change together, or neither does.
    #[cfg(feature = "checked")]
    fn try_free_noted(&mut self, page: super::page::PageWord) -> Result<(), FreeFailure> {
        let (zone, cache, frame) = self.check_page(page).map_err(FreeFailure::Invalid)?;
        self.freed = cache.stack_ref(page.tag());
        if let Some(_critical_section) = self.reader.enter_caches() {
            // SAFETY: the slot is active and its per-CPU pages are not revoked, so this thread alone accesses them.
            let mut access = unsafe { super::per_cpu_pages::CacheAccess::on(self.freed.cache) };
            // Before the note, which can't be taken back without the lock.
            if access.has_room_for(page) {
                zone.try_note_freed(frame, page.order()).ok_or(FreeFailure::Busy)?.map_err(FreeFailure::Invalid)?;
                access.push(page);
                return Ok(());
            }
        }
        zone.try_free_block_noted(frame, page.order()).ok_or(FreeFailure::Busy)?.map_err(FreeFailure::Invalid)
    }
}
