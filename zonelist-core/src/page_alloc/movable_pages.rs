//! Movable pages: handles that stay the same while the frames of their pages change.
//!
//! ```text
//! move_away(frames, targets):
//!   for each entry:
//!     (state, page) := inspect the entry          # no store: users never see a search
//!     page outside of frames, or another allocator's: next entry
//!     pinned: fail; has holders: next entry
//!     allocate a target                           # before the claim, so that users wait for a copy alone
//!     state unchanged: set claimed; else free the target, next entry
//!     copy by the Migrate callback
//!     set the entry's page, clear claimed, free the source    # failed or panicked: free the target instead
//! ```
//!
//! The state of an entry is one word: the number of holders, or a claim of one thread, never both. A move reads the
//! word that the last holder wrote, and the next holder reads the word that the move wrote. So each sees what the other
//! did to the page. Loom: `a_page_that_is_held_is_not_moved`, `a_page_that_is_removed_is_moved_before_or_not_at_all`
//! and the other models of `tests/models/movable_pages.rs`.

use core::{fmt, mem, ops::Range};

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::{
    Handle, HandleError, Migrate, MigrationSource, MigrationTargets, MovableEntry, MoveError, NoRoom, Page, Pinned,
    movable_entry::{GENERATION, HOLDERS, MOVING, NONE, PINNED, USED},
    page::PageWord,
    slow_path::{Blocking, OnUnwind},
    zone_pool::Store,
};
use crate::{
    Pfn,
    locking::{Locked, RawLock, Spin},
    sync::{
        atomic::Ordering::{Relaxed, Release},
        or_mutant,
    },
};

/// Movable pages of one owner, each named by a [`Handle`].
///
/// A user holds a page while it uses the page ([`MovablePages::hold`]). A page without holders may be moved, and the
/// next hold returns another frame. A hold and its end cost one atomic read-modify-write each, of a word of the page's
/// own. The search for pages to move stores nothing: users wait only for a page that is being copied. During that one
/// [`Migrate::move_page`], [`hold`](MovablePages::hold), [`remove`](MovablePages::remove), [`pin`](MovablePages::pin)
/// and [`unpin`](MovablePages::unpin) wait. [`try_hold`](MovablePages::try_hold) and
/// [`try_remove`](MovablePages::try_remove) return [`HandleError::Moving`] instead, for handlers that may have
/// interrupted the move.
///
/// Only an operation that takes frames offline moves pages. To move a page for another reason, as to a nearer node,
/// allocate a page there, copy the content, [`remove`](MovablePages::remove) the old page and insert the new one, with
/// the users of the handle excluded: the handle changes.
///
/// ```
/// use std::{cell::Cell, ops::Range};
/// use zonelist_core::{Page, Pfn, page_alloc::{Handle, MigrationSource, MigrationTargets, MovablePages, MoveError}};
/// # // SAFETY: each frame is made a page once, and no code relies on its ownership.
/// # fn page(pfn: u64) -> Page { unsafe { Page::from_raw(1 << 63 | pfn) }.unwrap() }
///
/// // Two frames of memory; the callback copies from one to the other.
/// let memory = [const { Cell::new(0) }; 2];
/// let cell = |page: &Page| &memory[page.pfn().number() as usize];
/// let copy = |_: Handle, from: &Page, to: &Page| {
///     cell(to).set(cell(from).get());
///     Ok::<_, MoveError>(())
/// };
/// let pages = MovablePages::boxed(copy, 16);
/// let handle = pages.insert(page(0))?;
/// cell(pages.hold(handle)?.page()).set(42);
///
/// // What an allocator does when frame 0 goes offline.
/// struct Targets(Vec<Page>);
/// impl MigrationTargets for Targets {
///     fn alloc_target(&mut self, _: &Page) -> Option<Page> { Some(page(1)) }
///     fn free_source(&mut self, page: Page) { self.0.push(page) }
/// }
/// let mut targets = Targets(vec![]);
/// assert_eq!(pages.move_away(&Pfn::range(0..1), &mut targets), Ok(()));
/// assert_eq!(targets.0[0].pfn(), Pfn::new(0));
///
/// let held = pages.hold(handle)?;
/// assert_eq!((held.page().pfn(), cell(held.page()).get()), (Pfn::new(1), 42));
/// drop(held);
/// let page = pages.remove(handle)?;
/// assert_eq!(page.pfn(), Pfn::new(1));
/// assert!(pages.hold(handle).is_err(), "the handle has ended");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MovablePages<'m, M, L = Spin> {
    callback: M,
    /// The number of this set of movable pages, which its handles have too.
    number: u32,
    pub(super) entries: Store<'m, MovableEntry>,
    /// The first free entry; each free entry has the number of the next.
    pub(super) free: Locked<u32, L>,
}

/// The number of the next [`MovablePages`]. Not the atomics of the models: it orders nothing.
static NEXT: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

#[cfg(feature = "alloc")]
impl<M: Migrate> MovablePages<'_, M> {
    /// Creates room for `pages` movable pages on the heap; at most 2^32 - 1. Ends the process, as `Vec` does, if the
    /// heap has less.
    #[must_use]
    pub fn boxed(callback: M, pages: usize) -> Self {
        let entries: Vec<MovableEntry> = (0..pages.min(NONE as usize)).map(|_| MovableEntry::new()).collect();
        Self::with_entries(callback, Store::Owned(entries), Spin::new())
    }
}

impl<'m, M: Migrate, L: RawLock> MovablePages<'m, M, L> {
    /// Creates room for as many movable pages as there are entries, in memory of the caller.
    pub fn new(callback: M, entries: &'m mut [MovableEntry], lock: L) -> Self {
        // The memory may have been another set's, with pages.
        entries.iter_mut().for_each(|entry| *entry = MovableEntry::new());
        Self::with_entries(callback, Store::Given(entries), lock)
    }

    /// Links the entries to the free list.
    fn with_entries(callback: M, entries: Store<'m, MovableEntry>, lock: L) -> Self {
        let count = entries.len().min(NONE as usize) as u32;
        entries.iter().zip((1..count).chain([NONE])).for_each(|(entry, next)| entry.set_next_free(next));
        let first = if count == 0 { NONE } else { 0 };
        Self { callback, number: NEXT.fetch_add(1, Relaxed), entries, free: Locked::new(lock, first) }
    }

    /// The callback that moves pages.
    pub fn migrate_callback(&self) -> &M {
        &self.callback
    }

    /// Makes a page movable. From then on the handle has the page, and [`MovablePages::remove`] returns it. Pages that
    /// are still behind handles when these movable pages are dropped are leaked.
    ///
    /// # Errors
    /// There is no free entry. The error has the page.
    pub fn insert(&self, page: Page) -> Result<Handle, NoRoom> {
        let index = self.free.with(|first| {
            let index = *first;
            *first = self.entries.get(index as usize)?.next_free()?;
            Some(index)
        });
        let entry = index.and_then(|index| Some((index, self.entries.get(index as usize)?)));
        let Some((index, entry)) = entry else {
            return Err(NoRoom { page, entries: self.entries.len().min(NONE as usize) });
        };
        // Off the free list, the entry is this thread's alone until it is marked as used.
        entry.set_page(page.word());
        let state = entry.state.load(Relaxed);
        // Release: pairs with the acquire in `MovableEntry::change` and `MovableEntry::inspect`, which then read the
        // page.
        entry.state.store(state | USED, Release);
        Ok(self.handle(index, state))
    }

    /// The handle of an entry in a state.
    fn handle(&self, index: u32, state: usize) -> Handle {
        Handle { index, owner: self.number, generation: state >> GENERATION }
    }

    /// Ends a handle and returns its page, which can't be moved any more. Waits while the page is being moved.
    ///
    /// # Errors
    /// A [`PageGuard`] of the page exists, the handle has no page, or the handle is of other movable pages.
    pub fn remove(&self, handle: Handle) -> Result<Page, HandleError> {
        let entry = self.entry(handle)?;
        // Claimed first, so that no thread waits for the move of a page while it has the lock of the free list.
        self.claim(handle, Blocking::Allowed)?;
        // The lock may panic, and the page then stays.
        let release_claim = OnUnwind(|| entry.release_claim());
        let page = self.free.with(|first| self.free_entry(handle, first));
        mem::forget(release_claim);
        page
    }

    /// Ends a handle as [`MovablePages::remove`] does, but waits for nothing.
    ///
    /// # Errors
    /// The errors of `remove`; or the page is being moved ([`HandleError::Moving`]), or another thread has the lock of
    /// the free list ([`HandleError::Busy`]).
    pub fn try_remove(&self, handle: Handle) -> Result<Page, HandleError> {
        // The lock first: a claim would have to be released again if the lock were held.
        let page = self.free.try_with(|first| {
            self.claim(handle, Blocking::Forbidden)?;
            self.free_entry(handle, first)
        });
        page.ok_or(HandleError::Busy)?
    }

    /// Claims the entry of a handle, whose page must have no holder.
    fn claim(&self, handle: Handle, blocking: Blocking) -> Result<(), HandleError> {
        self.entry(handle)?.change(blocking, |state| match handle.check(state)? & HOLDERS {
            0 => Ok(state | MOVING),
            _ => Err(HandleError::Held),
        })
    }

    /// Makes an entry that the caller has claimed the first of the free list. Returns its page.
    fn free_entry(&self, handle: Handle, first: &mut u32) -> Result<Page, HandleError> {
        let entry = self.entry(handle)?;
        let page = entry.page().ok_or(HandleError::Gone)?;
        // The next generation: from here on the handle finds no page. Relaxed: a call that sees this acquires nothing,
        // and the next user of the entry gets it by the lock of the free list.
        entry.state.store(handle.generation.wrapping_add(1) << GENERATION, Relaxed);
        entry.set_next_free(*first);
        *first = handle.index;
        // The entry had the page, and has none now.
        Ok(Page::new(page))
    }

    /// Keeps a page from being moved until the guard is dropped. Waits while the page is being moved.
    ///
    /// # Errors
    /// The handle has no page or is of other movable pages, or the number of guards is at its maximum.
    #[inline]
    pub fn hold(&self, handle: Handle) -> Result<PageGuard<'_>, HandleError> {
        self.hold_with(handle, Blocking::Allowed)
    }

    /// Holds a page as [`MovablePages::hold`] does, but waits for nothing.
    ///
    /// # Errors
    /// The errors of `hold`; or the page is being moved: [`HandleError::Moving`].
    #[inline]
    pub fn try_hold(&self, handle: Handle) -> Result<PageGuard<'_>, HandleError> {
        self.hold_with(handle, Blocking::Forbidden)
    }

    /// Holds a page; waits while it is being moved, if `blocking` allows that.
    fn hold_with(&self, handle: Handle, blocking: Blocking) -> Result<PageGuard<'_>, HandleError> {
        let entry = self.entry(handle)?;
        entry.change(blocking, |state| match handle.check(state)? & HOLDERS {
            HOLDERS => Err(HandleError::TooMany),
            _ => Ok(state + 1),
        })?;
        // Read under the hold, which keeps the page from changing.
        match entry.page() {
            // Lent by the guard: the entry keeps it.
            Some(page) => Ok(PageGuard { entry, page: Page::new(page) }),
            None => {
                entry.release_hold();
                Err(HandleError::Gone)
            }
        }
    }

    /// Keeps a page from being moved until it is unpinned: an operation that would take its memory offline fails at
    /// once. Waits while the page is being moved.
    ///
    /// # Errors
    /// The handle has no page, or is of other movable pages.
    pub fn pin(&self, handle: Handle) -> Result<(), HandleError> {
        self.entry(handle)?.change(Blocking::Allowed, |state| Ok(handle.check(state)? | PINNED))
    }

    /// Allows that a page is moved again. Waits while the page is being moved.
    ///
    /// # Errors
    /// The handle has no page, or is of other movable pages.
    pub fn unpin(&self, handle: Handle) -> Result<(), HandleError> {
        self.entry(handle)?.change(Blocking::Allowed, |state| Ok(handle.check(state)? & !PINNED))
    }

    /// The entry of a handle.
    fn entry(&self, handle: Handle) -> Result<&MovableEntry, HandleError> {
        if handle.owner != self.number {
            return Err(HandleError::Foreign);
        }
        self.entries.get(handle.index()).ok_or(HandleError::Gone)
    }

    /// Moves the page of an entry if it is in these frames, has no holder, and a target can be allocated.
    fn move_one(
        &self,
        (index, entry): (u32, &MovableEntry),
        frames: &Range<Pfn>,
        targets: &mut dyn MigrationTargets,
    ) -> Result<(), Pinned> {
        let Some((state, from)) = entry.inspect() else { return Ok(()) };
        let pfn = from.pfn();
        // A large page may begin before the frames and reach into them.
        if pfn >= frames.end || pfn + from.order().pages() <= frames.start || !targets.has(&Page::new(from)) {
            return Ok(());
        }
        // An error rather than a skip: the caller would otherwise retry a page that will not move.
        if state & PINNED != 0 {
            return Err(Pinned { pfn });
        }
        // Holds are short: the caller tries again.
        if or_mutant!(state & HOLDERS != 0 => false, "movables: holders unseen") {
            return Ok(());
        }
        let Some(to) = targets.alloc_target(&Page::new(from)) else { return Ok(()) };
        // The state may have changed since: a new holder, a pin, a removal.
        if !entry.try_claim(state) {
            targets.free_source(to);
            return Ok(());
        }
        // Another move may have moved the page since the inspection, within the same generation and with the same
        // state.
        let current = entry.page().unwrap_or(from);
        // Ends the claim on every path, and after a panic of the callback too.
        let to = to.word();
        let mut attempt = MoveAttempt { entry, targets, keep: current, free: to };
        if or_mutant!(current != from => false, "movables: another page than was inspected") {
            return Ok(());
        }
        // Both pages are the attempt's, and lent to the callback.
        match self.callback.move_page(self.handle(index, state), &Page::new(from), &Page::new(to)) {
            Ok(()) => {
                (attempt.keep, attempt.free) = (to, from);
                Ok(())
            }
            Err(MoveError::NotNow) => Ok(()),
            Err(MoveError::Never) => Err(Pinned { pfn }),
        }
    }
}

impl<M: Migrate, L: RawLock> MigrationSource for MovablePages<'_, M, L> {
    /// Visits all entries. Passes over pages that are held or being moved, or for which no target can be allocated.
    fn move_away(&self, frames: &Range<Pfn>, targets: &mut dyn MigrationTargets) -> Result<(), Pinned> {
        (0..).zip(self.entries.iter()).try_for_each(|entry| self.move_one(entry, frames, targets))
    }
}

impl<M, L> fmt::Debug for MovablePages<'_, M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MovablePages").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// Holds a page: the page is not moved until the guard is dropped.
#[derive(Debug)]
pub struct PageGuard<'h> {
    entry: &'h MovableEntry,
    page: Page,
}

impl PageGuard<'_> {
    /// The page. It is the handle's page for as long as the guard exists.
    pub fn page(&self) -> &Page {
        &self.page
    }
}

impl Drop for PageGuard<'_> {
    fn drop(&mut self) {
        self.entry.release_hold();
    }
}

/// A move under a claim, which has both pages. Its drop, also by a panic, sets the page to keep, ends the claim, and frees the other page.
struct MoveAttempt<'a> {
    entry: &'a MovableEntry,
    targets: &'a mut dyn MigrationTargets,
    /// The page that the handle has from then on.
    keep: PageWord,
    /// The page that is freed.
    free: PageWord,
}

impl Drop for MoveAttempt<'_> {
    fn drop(&mut self) {
        self.entry.set_page(self.keep);
        self.entry.release_claim();
        // Last, since `free_source` is the caller's code and may panic.
        self.targets.free_source(Page::new(self.free));
    }
}
