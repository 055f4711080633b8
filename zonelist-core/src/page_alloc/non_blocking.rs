//! Allocations and frees that wait for nothing: for signal handlers and interrupts.
//!
//! A handler may have interrupted its own thread anywhere: with a zone's lock held, amid a publish, or amid a drain
//! that has the very caches of the handler's handle. So nothing here waits: not for a lock, which is tried a few times;
//! not for a drain, without whose caches it goes on; not for a publish, whose stopped walks it does not begin.

use super::{
    LocalHandle, Page, PreparedRequest,
    slow_path::{Blocking, Unfreed},
};
use crate::{
    FreeError, NodeId, RawLock,
    publish::{Barrier, Scheme},
};

/// Why a request that waits for nothing got no page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryAllocError {
    /// No zone could serve it: [`LocalHandle::failure`] says why.
    #[error("no zone that the request admits has such a block to spare; expected one that has")]
    OutOfMemory,
    /// It would have had to wait: some zone's lock was held, or a publish was under way. [`LocalHandle::failure`] says which.
    #[error("a lock was held or a publish was under way; expected neither, or a request that may wait")]
    WouldBlock,
    /// Walks may wait under this scheme, whatever the request: its facts do not call it interrupt-safe.
    #[error("walks may wait under {scheme}; expected a scheme that is interrupt-safe")]
    SchemeBlocks {
        /// The scheme.
        scheme: &'static str,
    },
}

/// Why a page was not given back. It is still the caller's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryFreeError {
    /// It would have had to wait: there was no room in the handle's cache, or a drain had that, and the zone's lock was
    /// held. Free it later.
    #[error("{page:?}: no room in the cache, and the zone's lock was held; expected either, or to free it later")]
    Busy {
        /// The page.
        page: Page,
    },
    /// It cannot have been handed out.
    #[error(transparent)]
    Free(#[from] FreeError),
}

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> LocalHandle<'_, '_, S, B, L, READERS> {
    /// The same as [`LocalHandle::alloc`], but waits for nothing at all: for signal handlers and interrupts, which may have
    /// interrupted any operation of another handle, a drain, a publish, or an operation on the machine.
    ///
    /// Takes what this handle has at hand, or else what a zone gives whose lock is free. Drains nothing. Does not call
    /// what [`PageAllocator::on_low`](super::PageAllocator::on_low) has, but puts that off. A handle must not be used
    /// from within an operation of its own, which debug builds catch: a handler has a handle for itself.
    ///
    /// ```
    /// # use zonelist_core::{*, publish::{FullFence, Published}};
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zone = Zone::boxed(normal, 0..4096, MAX_ORDER, Spin::new())?;
    /// # zone.add(0..4096)?;
    /// # let published = Published::<_, FullFence, 4>::new(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())));
    /// # let allocator = PageAllocator::boxed(published, vec![zone])?;
    /// let class = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal))?;
    /// let mut for_handler = allocator.local()?;
    /// // Readers of `StopWorld` may wait for a publish, and a handler may have interrupted that.
    /// let error = for_handler.try_alloc(normal.node(), &class).unwrap_err();
    /// assert_eq!(error, TryAllocError::SchemeBlocks { scheme: "StopWorld" });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// There is no page to be had without waiting, or the scheme's walks may wait.
    pub fn try_alloc(&mut self, node: NodeId, class: &PreparedRequest<S>) -> Result<Page, TryAllocError> {
        if !S::FACTS.interrupt_safe {
            return Err(TryAllocError::SchemeBlocks { scheme: S::FACTS.scheme });
        }
        self.allocator.check(class);
        let _in_use = self.reader.in_use();
        // With `checked`, what is at hand needs the zone's lock to be noted.
        let at_hand = if cfg!(feature = "checked") { None } else { self.alloc_from_cache(node, class) };
        if let Some(page) = at_hand {
            return Ok(page);
        }
        let slowly = self.alloc_slowly(node, class, Blocking::Forbidden);
        slowly.map_err(|_| match self.failure.would_block() {
            true => TryAllocError::WouldBlock,
            false => TryAllocError::OutOfMemory,
        })
    }

    /// The same as [`LocalHandle::free`], but waits for nothing at all, under any scheme: for signal handlers and interrupts.
    ///
    /// Keeps the page in this handle's cache where there is room, or gives it to its zone if the zone's lock is free.
    ///
    /// # Errors
    /// Neither can be done now, and the page is still the caller's; or it cannot have been handed out.
    pub fn try_free(&mut self, page: Page) -> Result<(), TryFreeError> {
        let _in_use = self.reader.in_use();
        #[cfg(feature = "checked")]
        let freed = self.try_free_noted(page);
        #[cfg(not(feature = "checked"))]
        let freed = if self.free_to_cache(page) { Ok(()) } else { self.free_slowly(page, Blocking::Forbidden) };
        freed.map_err(|unfreed| match unfreed {
            Unfreed::Wrong(error) => TryFreeError::Free(error),
            Unfreed::Busy => TryFreeError::Busy { page },
        })
    }

    /// The same, where it is noted what is handed out: the note and the page go together, or neither.
    #[cfg(feature = "checked")]
    fn try_free_noted(&mut self, page: Page) -> Result<(), Unfreed> {
        let (zone, cache, frame) = self.checked_for(page).map_err(Unfreed::Wrong)?;
        self.freed = cache.stack_ref(page.tag());
        if let Some(_critical_section) = self.reader.enter_caches() {
            // SAFETY: we are active in our slot, and its per-CPU pages are not revoked: no drain touches them.
            let mut access = unsafe { super::per_cpu_pages::CacheAccess::on(self.freed.cache) };
            if access.has_room_for(page) {
                zone.try_note_freed(frame, page.order()).ok_or(Unfreed::Busy)?.map_err(Unfreed::Wrong)?;
                access.push(page);
                return Ok(());
            }
        }
        zone.try_free_block_noted(frame, page.order()).ok_or(Unfreed::Busy)?.map_err(Unfreed::Wrong)
    }
}
