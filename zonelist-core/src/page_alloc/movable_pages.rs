//! Pages that can be moved: handles that stay while the frames behind them change.
//!
//! An entry's state is one word: how many hold the page, or that it is one thread's, never both. The mover gets the word
//! from the last holder, and the next holder gets it from the mover; so each sees what the other did to the page. Loom:
//! `a_page_that_is_held_is_not_moved`, `a_page_that_is_removed_is_moved_before_or_not_at_all` and their siblings in
//! `tests/models/movables.rs`.

use core::{fmt, mem, ops::Range};

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::{
    Handle, HandleError, Migrate, MigrationSource, MigrationTargets, MovableEntry, MoveError, NoRoom, Page, Pinned,
    movable_entry::{GENERATION, HOLDERS, MOVING, NONE, PINNED, USED},
    slow_path::{Blocking, OnUnwind},
    zone_pool::Store,
};
use crate::{
    Locked, RawLock, Spin,
    sync::{
        atomic::Ordering::{Relaxed, Release},
        or_mutant,
    },
};

/// One owner's movable pages, each behind a [`Handle`].
///
/// A user of a page holds it for that long ([`MovablePages::hold`]); a page that is not held may be moved, and the next hold
/// gets another frame. Holding costs two atomic read-modify-writes of a word of the page's own. A mover that looks for
/// pages to move leaves no trace: only a page that it copies is away meanwhile. Then [`hold`](MovablePages::hold),
/// [`remove`](MovablePages::remove), [`pin`](MovablePages::pin) and [`unpin`](MovablePages::unpin) wait for that one
/// [`Migrate::move_page`]; [`try_hold`](MovablePages::try_hold) and [`try_remove`](MovablePages::try_remove) return
/// [`HandleError::Moving`], for handlers that may have interrupted the mover.
///
/// ```
/// use std::{cell::Cell, ops::Range};
/// use zonelist_core::{MigrationTargets, Handle, MoveError, MovablePages, MigrationSource, Page};
/// # fn page(pfn: u64) -> Page { Page::from_word(1 << 63 | pfn).unwrap() }
///
/// // Two frames of memory; the mover copies from one to the other.
/// let memory = [const { Cell::new(0) }; 2];
/// let mover = |_: Handle, from: Page, to: Page| {
///     memory[to.pfn() as usize].set(memory[from.pfn() as usize].get());
///     Ok::<_, MoveError>(())
/// };
/// let movables = MovablePages::boxed(mover, 16);
/// let handle = movables.insert(page(0))?;
/// memory[movables.hold(handle)?.page().pfn() as usize].set(42);
///
/// // What an allocator does when frame 0 goes off line.
/// struct Other(Vec<Page>);
/// impl MigrationTargets for Other {
///     fn alloc_target(&mut self, _: Page) -> Option<Page> { Some(page(1)) }
///     fn free_source(&mut self, page: Page) { self.0.push(page) }
/// }
/// let mut other = Other(vec![]);
/// assert_eq!(movables.move_away(&(0..1), &mut other), Ok(()));
/// assert_eq!(other.0, [page(0)]);
///
/// let held = movables.hold(handle)?;
/// assert_eq!((held.page(), memory[held.page().pfn() as usize].get()), (page(1), 42));
/// drop(held);
/// assert_eq!(movables.remove(handle)?, page(1));
/// assert!(movables.hold(handle).is_err(), "it is gone");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MovablePages<'m, M, L = Spin> {
    mover: M,
    /// Its number, which its handles have too.
    number: u32,
    pub(super) entries: Store<'m, MovableEntry>,
    /// The first entry that is free; each of those says which is the next.
    pub(super) free: Locked<u32, L>,
}

/// The number of the movables that are made next. Not of the models' atomics: it orders nothing.
static NEXT: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

#[cfg(feature = "alloc")]
impl<M: Migrate> MovablePages<'_, M> {
    /// Room for so many pages, on the heap; at most 2^32 - 1. Ends the process, as `Vec` does, if the heap has less.
    #[must_use]
    pub fn boxed(mover: M, pages: usize) -> Self {
        let entries: Vec<MovableEntry> = (0..pages.min(NONE as usize)).map(|_| MovableEntry::new()).collect();
        Self::over(mover, Store::Owned(entries), Spin::new())
    }
}

impl<'m, M: Migrate, L: RawLock> MovablePages<'m, M, L> {
    /// Room for as many pages as there are entries, in memory that the caller gives.
    pub fn new(mover: M, entries: &'m mut [MovableEntry], lock: L) -> Self {
        entries.iter_mut().for_each(|entry| *entry = MovableEntry::new());
        Self::over(mover, Store::Given(entries), lock)
    }

    fn over(mover: M, entries: Store<'m, MovableEntry>, lock: L) -> Self {
        let count = entries.len().min(NONE as usize) as u32;
        entries.iter().zip((1..count).chain([NONE])).for_each(|(entry, next)| entry.set_next_free(next));
        let first = if count == 0 { NONE } else { 0 };
        Self { mover, number: NEXT.fetch_add(1, Relaxed), entries, free: Locked::new(lock, first) }
    }

    /// What moves the pages.
    pub fn mover(&self) -> &M {
        &self.mover
    }

    /// Makes a page movable, which must be used through the handle alone from now on.
    ///
    /// That the page is handed out, and in no other handle, is the caller's promise: of two handles of one page, each
    /// is moved and freed as if it were alone.
    ///
    /// # Errors
    /// There is no room: the page comes back.
    pub fn insert(&self, page: Page) -> Result<Handle, NoRoom> {
        let index = self.free.with(|first| {
            let index = *first;
            *first = self.entries.get(index as usize)?.next_free()?;
            Some(index)
        });
        let no_room = NoRoom { page, entries: self.entries.len().min(NONE as usize) };
        let index = index.ok_or(no_room)?;
        let entry = self.entries.get(index as usize).ok_or(no_room)?;
        entry.set_page(page);
        let state = entry.state.load(Relaxed);
        // Pairs with the acquire in `change`, and in `look`.
        entry.state.store(state | USED, Release);
        Ok(self.handle(index, state))
    }

    fn handle(&self, index: u32, state: usize) -> Handle {
        Handle { index, of: self.number, generation: state >> GENERATION }
    }

    /// Ends a handle: its page is the caller's alone again. Waits while the page is being moved.
    ///
    /// # Errors
    /// A [`PageGuard`] of it is there, it has no page, or it is of other movables.
    pub fn remove(&self, handle: Handle) -> Result<Page, HandleError> {
        let entry = self.entry(handle)?;
        self.own(handle, Blocking::Allowed)?;
        // The lock may panic, and the page then stays.
        let disowned = OnUnwind(|| entry.disown());
        let ended = self.free.with(|first| self.end(handle, first));
        mem::forget(disowned);
        ended
    }

    /// The same as [`MovablePages::remove`], but waits for nothing.
    ///
    /// # Errors
    /// As for `remove`; or the page is being moved ([`HandleError::Moving`]), or another thread is at the list of free
    /// entries ([`HandleError::Busy`]).
    pub fn try_remove(&self, handle: Handle) -> Result<Page, HandleError> {
        let ended = self.free.try_with(|first| {
            self.own(handle, Blocking::Forbidden)?;
            self.end(handle, first)
        });
        ended.ok_or(HandleError::Busy)?
    }

    /// Has the entry for itself.
    fn own(&self, handle: Handle, blocking: Blocking) -> Result<(), HandleError> {
        self.entry(handle)?.change(blocking, |state| match handle.check(state)? & HOLDERS {
            0 => Ok(state | MOVING),
            _ => Err(HandleError::Held),
        })
    }

    /// Makes an entry that the caller has for itself the first free one; its page.
    fn end(&self, handle: Handle, first: &mut u32) -> Result<Page, HandleError> {
        let entry = self.entry(handle)?;
        let page = entry.page().ok_or(HandleError::Gone)?;
        // Relaxed: from here on the handle finds no page, and a call that tries acquires nothing.
        entry.state.store(handle.generation.wrapping_add(1) << GENERATION, Relaxed);
        entry.set_next_free(*first);
        *first = handle.index;
        Ok(page)
    }

    /// Keeps a page where it is for as long as what this returns lives. Waits while it is being moved.
    ///
    /// # Errors
    /// The handle has no page or is of other movables, or too many hold the page.
    #[inline]
    pub fn hold(&self, handle: Handle) -> Result<PageGuard<'_>, HandleError> {
        self.hold_if(handle, Blocking::Allowed)
    }

    /// The same as [`MovablePages::hold`], but waits for nothing.
    ///
    /// # Errors
    /// As for `hold`; or the page is being moved: [`HandleError::Moving`].
    #[inline]
    pub fn try_hold(&self, handle: Handle) -> Result<PageGuard<'_>, HandleError> {
        self.hold_if(handle, Blocking::Forbidden)
    }

    fn hold_if(&self, handle: Handle, blocking: Blocking) -> Result<PageGuard<'_>, HandleError> {
        let entry = self.entry(handle)?;
        entry.change(blocking, |state| match handle.check(state)? & HOLDERS {
            HOLDERS => Err(HandleError::TooMany),
            _ => Ok(state + 1),
        })?;
        match entry.page() {
            Some(page) => Ok(PageGuard { entry, page }),
            None => {
                entry.let_go();
                Err(HandleError::Gone)
            }
        }
    }

    /// Keeps a page where it is until it is unpinned: an operation that would take its memory off line fails at once.
    /// Waits while the page is being moved.
    ///
    /// # Errors
    /// The handle has no page, or is of other movables.
    pub fn pin(&self, handle: Handle) -> Result<(), HandleError> {
        self.entry(handle)?.change(Blocking::Allowed, |state| Ok(handle.check(state)? | PINNED))
    }

    /// Lets a page be moved again.
    ///
    /// # Errors
    /// The handle has no page, or is of other movables.
    pub fn unpin(&self, handle: Handle) -> Result<(), HandleError> {
        self.entry(handle)?.change(Blocking::Allowed, |state| Ok(handle.check(state)? & !PINNED))
    }

    fn entry(&self, handle: Handle) -> Result<&MovableEntry, HandleError> {
        if handle.of != self.number {
            return Err(HandleError::Foreign);
        }
        self.entries.get(handle.index()).ok_or(HandleError::Gone)
    }

    /// Moves an entry's page away if it is in these frames, is not held, and there is another.
    fn move_one(
        &self,
        (index, entry): (u32, &MovableEntry),
        frames: &Range<u64>,
        exchange: &mut dyn MigrationTargets,
    ) -> Result<(), Pinned> {
        let Some((state, from)) = entry.look() else { return Ok(()) };
        let pfn = from.pfn();
        if pfn >= frames.end || pfn + (1 << from.order()) <= frames.start || !exchange.has(from) {
            return Ok(());
        }
        if state & PINNED != 0 {
            return Err(Pinned { pfn });
        }
        if or_mutant!(state & HOLDERS != 0 => false, "movables: holders unseen") {
            return Ok(());
        }
        let Some(to) = exchange.alloc_target(from) else { return Ok(()) };
        if !entry.try_own(state) {
            exchange.free_source(to);
            return Ok(());
        }
        // Another mover may have moved it since the look, within the same generation.
        let keeps = entry.page().unwrap_or(from);
        let mut attempt = Attempt { entry, exchange, keeps, gives: to };
        if or_mutant!(keeps != from => false, "movables: another page than was looked at") {
            return Ok(());
        }
        match self.mover.move_page(self.handle(index, state), from, to) {
            Ok(()) => {
                (attempt.keeps, attempt.gives) = (to, from);
                Ok(())
            }
            Err(MoveError::NotNow) => Ok(()),
            Err(MoveError::Never) => Err(Pinned { pfn }),
        }
    }
}

impl<M: Migrate, L: RawLock> MigrationSource for MovablePages<'_, M, L> {
    /// Goes through all entries. Passes over pages that are held or being moved, or for which there is no other.
    fn move_away(&self, frames: &Range<u64>, exchange: &mut dyn MigrationTargets) -> Result<(), Pinned> {
        (0..).zip(self.entries.iter()).try_for_each(|entry| self.move_one(entry, frames, exchange))
    }
}

impl<M, L> fmt::Debug for MovablePages<'_, M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MovablePages").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// A page that stays where it is for now.
#[derive(Debug)]
pub struct PageGuard<'h> {
    entry: &'h MovableEntry,
    page: Page,
}

impl PageGuard<'_> {
    /// The page, as long as it is held.
    #[must_use]
    pub fn page(&self) -> Page {
        self.page
    }
}

impl Drop for PageGuard<'_> {
    fn drop(&mut self) {
        self.entry.let_go();
    }
}

/// A page that is being moved. When this goes, also out of a panic, the handle has the one page and
/// the other is given back.
struct Attempt<'a> {
    entry: &'a MovableEntry,
    exchange: &'a mut dyn MigrationTargets,
    keeps: Page,
    gives: Page,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.entry.set_page(self.keeps);
        self.entry.disown();
        self.exchange.free_source(self.gives);
    }
}
