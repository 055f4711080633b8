//! The access of a thread to the page allocator: its handle, of any scheme.
//!
//! The scheme is decided here, by one indirect call for each page, not for each zone of a walk: behind the call, the
//! handle and its walks are compiled for their scheme.

use zonelist_core::{
    LocalHandle, Page, Scheme,
    publish::{HandleId, Parts, SystemBarrier},
    zone::Order,
};

use crate::{
    block::SLAB_FRAMES,
    site::{NODE, Site},
};

/// The barrier pair and the locks: the same for all schemes.
pub(crate) type System = Parts<SystemBarrier>;

/// The handle of a thread. Any thread may use it, one at a time.
pub(crate) trait Pages: Send {
    /// Allocates the page of an order of 3 or more: its word, and the number of its first block of order 3. `None` if
    /// there is no memory.
    fn alloc(&mut self, order: Order) -> Option<(u64, usize)>;

    /// Splits a page into its halves.
    fn split(&mut self, page: u64) -> Option<[u64; 2]>;

    /// Frees a page, by its word.
    fn free(&mut self, page: u64);

    /// Returns the per-CPU pages to their zones.
    fn drain(&mut self);

    /// The name of the handle, for a fork.
    fn id(&self) -> HandleId;
}

/// A handle with the site whose pages it allocates.
pub(crate) struct ThreadPages<S: Scheme + 'static> {
    pub local: LocalHandle<'static, 'static, S, System>,
    pub site: &'static Site<S>,
}

/// Walks before the memory grows: a walk that a publish has torn may miss the zone, under a `Racy` scheme.
const TRIES: usize = 3;

impl<S: Scheme + 'static> Pages for ThreadPages<S>
where
    LocalHandle<'static, 'static, S, System>: Send,
{
    fn alloc(&mut self, order: Order) -> Option<(u64, usize)> {
        let request = self.site.request(order);
        loop {
            for _ in 0..TRIES {
                if let Ok(page) = self.local.alloc(NODE, request) {
                    let number = page.pfn().number() / SLAB_FRAMES;
                    return Some((page.into_raw(), number as usize));
                }
            }
            self.site.grow()?;
        }
    }

    fn split(&mut self, page: u64) -> Option<[u64; 2]> {
        // SAFETY: the word is of `into_raw`, and its caller gives it up.
        let page = unsafe { Page::from_raw(page) }?;
        let halves = self.local.allocator().split(page).ok()?;
        Some(halves.map(Page::into_raw))
    }

    fn free(&mut self, page: u64) {
        // SAFETY: the word is of `into_raw`, and its caller gives it up.
        let Some(page) = (unsafe { Page::from_raw(page) }) else { return };
        // Fails for a page of no zone only, which is none of this allocator.
        let _ = self.local.free(page);
    }

    fn drain(&mut self) {
        self.local.drain();
    }

    fn id(&self) -> HandleId {
        self.local.id()
    }
}
