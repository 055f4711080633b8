//! Pages that can be moved: handles that stay while the frames behind them change.
//!
//! An entry's state is one word: how many hold the page, or that it is being moved, never both. Who
//! moves it gets the word from the last who held it, and the next who holds it gets it from him; so
//! each sees what the other did to the page. Loom: `a_page_that_is_held_is_not_moved` and
//! `a_page_that_is_removed_is_moved_before_or_not_at_all` in `tests/models/movables.rs`.

use core::{cell::UnsafeCell, fmt, ops::Range};

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::{Exchange, Handle, HandleError, MoveError, Mover, NoRoom, Owners, Page, Pinned, pool::Store};
use crate::{
    Locked, PAGEBLOCK_ORDER, RawLock, Spin,
    sync::{
        Backoff, Track,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
        const_fn, fault,
    },
};

/// One owner's movable pages, each behind a [`Handle`].
///
/// Whoever uses a page holds it for that long ([`Movables::hold`]); a page that nobody holds may be
/// moved, and the next who holds it gets another frame. Holding costs two atomic read-modify-writes
/// of a word of the page's own. Whoever comes while a page is being moved waits until it is, so a handler that may
/// have interrupted the mover must not.
///
/// ```
/// use std::{cell::Cell, ops::Range};
/// use zonelist_core::{Exchange, Handle, MoveError, Movables, Owners, Page};
/// # fn page(pfn: u64) -> Page { Page::from_word(1 << 63 | pfn).unwrap() }
///
/// // Two frames of memory; the mover copies from one to the other.
/// let memory = [const { Cell::new(0) }; 2];
/// let mover = |_: Handle, from: Page, to: Page| {
///     memory[to.pfn() as usize].set(memory[from.pfn() as usize].get());
///     Ok::<_, MoveError>(())
/// };
/// let movables = Movables::boxed(mover, 16);
/// let handle = movables.insert(page(0))?;
/// memory[movables.hold(handle)?.page().pfn() as usize].set(42);
///
/// // What an allocator does when frame 0 goes off line.
/// struct Other(Vec<Page>);
/// impl Exchange for Other {
///     fn take(&mut self, _: Page) -> Option<Page> { Some(page(1)) }
///     fn give(&mut self, page: Page) { self.0.push(page) }
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
pub struct Movables<'m, M, L = Spin> {
    mover: M,
    /// Its number, which its handles have too.
    number: u32,
    pub(super) entries: Store<'m, Movable>,
    /// The first entry that nobody has; each of those says which is the next.
    pub(super) free: Locked<u32, L>,
}

/// Room for one page.
#[derive(Debug)]
pub struct Movable {
    /// Generation, flags, and how many hold the page.
    pub(super) state: AtomicUsize,
    /// The pageblock that the page is in, or was: where to look for it.
    pageblock: AtomicUsize,
    track: Track,
    content: UnsafeCell<Content>,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Page(Page),
    /// The next entry that nobody has.
    Next(u32),
}

// SAFETY: the content is read by those who hold the entry, and written by one who found that nobody
// does and says so in its state, or by whoever has an entry that is not in use.
unsafe impl Sync for Movable {}

/// How many may hold a page at a time.
pub(super) const HOLDERS: usize = (1 << 12) - 1;
pub(super) const USED: usize = 1 << 12;
pub(super) const MOVING: usize = 1 << 13;
const PINNED: usize = 1 << 14;
pub(super) const GENERATION: u32 = 15;

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

/// The number of the movables that are made next. Not of the models' atomics: it orders nothing.
static NEXT: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

impl Movable {
    const_fn! {
        /// Without a page.
        #[must_use]
        pub const fn new() -> Self {
            Self {
                state: AtomicUsize::new(0),
                pageblock: AtomicUsize::new(0),
                track: Track::new(),
                content: UnsafeCell::new(Content::Next(NONE)),
            }
        }
    }

    fn read(&self) -> Content {
        self.track.read();
        // SAFETY: whoever calls this holds the entry, is its mover, or has one that is not in use, so nobody writes.
        unsafe { *self.content.get() }
    }

    fn write(&self, content: Content) {
        self.track.write();
        if let Content::Page(page) = content {
            self.pageblock.store((page.pfn() >> PAGEBLOCK_ORDER) as usize, Relaxed);
        }
        // SAFETY: whoever calls this is the entry's mover, or has one that is not in use: he is alone.
        unsafe { *self.content.get() = content };
    }

    /// Changes the state, once nobody moves the page, to what `next` makes of it.
    ///
    /// Acquire: pairs with the release of whoever moved the page, or held it, last.
    fn change(&self, next: impl Fn(usize) -> Result<usize, HandleError>) -> Result<(), HandleError> {
        let mut backoff = Backoff::default();
        loop {
            let state = self.state.load(Relaxed);
            let changed = next(state)?;
            if state & MOVING == 0 {
                if self.state.compare_exchange(state, changed, Acquire, Relaxed).is_ok() {
                    return Ok(());
                }
            } else {
                backoff.wait();
            }
        }
    }

    fn let_go(&self) {
        // Pairs with the acquire of whoever moves the page next.
        self.state.fetch_sub(1, Release);
    }
}

impl Default for Movable {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "alloc")]
impl<M: Mover> Movables<'_, M> {
    /// Room for so many pages, on the heap; at most 2^32 - 1. Ends the process, as `Vec` does, if the heap has less.
    #[must_use]
    pub fn boxed(mover: M, pages: usize) -> Self {
        let entries: Vec<Movable> = (0..pages.min(NONE as usize)).map(|_| Movable::new()).collect();
        Self::over(mover, Store::Owned(entries), Spin::new())
    }
}

impl<'m, M: Mover, L: RawLock> Movables<'m, M, L> {
    /// Room for as many pages as there are entries, in memory that the caller gives.
    pub fn new(mover: M, entries: &'m mut [Movable], lock: L) -> Self {
        entries.iter_mut().for_each(|entry| *entry = Movable::new());
        Self::over(mover, Store::Given(entries), lock)
    }

    fn over(mover: M, entries: Store<'m, Movable>, lock: L) -> Self {
        let count = entries.len().min(NONE as usize) as u32;
        for (entry, next) in entries.iter().zip((1..count).chain([NONE])) {
            entry.write(Content::Next(next));
        }
        let first = if count == 0 { NONE } else { 0 };
        Self { mover, number: NEXT.fetch_add(1, Relaxed), entries, free: Locked::new(lock, first) }
    }

    /// Whoever moves the pages.
    pub fn mover(&self) -> &M {
        &self.mover
    }

    /// Makes a page movable, which nobody may use from now on but through the handle.
    ///
    /// That the page is handed out, and in no other handle, is the caller's promise: of two handles of one page, each
    /// is moved and freed as if it were alone.
    ///
    /// # Errors
    /// There is no room: the page comes back.
    pub fn insert(&self, page: Page) -> Result<Handle, NoRoom> {
        let index = self.free.with(|first| {
            let index = *first;
            let Content::Next(next) = self.entries.get(index as usize)?.read() else { return None };
            *first = next;
            Some(index)
        });
        let index = index.ok_or(NoRoom { page })?;
        let entry = self.entries.get(index as usize).ok_or(NoRoom { page })?;
        entry.write(Content::Page(page));
        let state = entry.state.load(Relaxed);
        // Pairs with the acquire of whoever holds it first.
        entry.state.store(state | USED, Release);
        Ok(self.handle(index, state))
    }

    fn handle(&self, index: u32, state: usize) -> Handle {
        Handle { index, of: self.number, generation: state >> GENERATION }
    }

    /// Ends a handle: its page is the caller's alone again. Waits while the page is being moved.
    ///
    /// # Errors
    /// Somebody holds it, or it has no page.
    pub fn remove(&self, handle: Handle) -> Result<Page, HandleError> {
        let entry = self.entry(handle)?;
        entry.change(|state| match handle.check(state)? & HOLDERS {
            0 => Ok(state | MOVING),
            _ => Err(HandleError::Held),
        })?;
        let Content::Page(page) = entry.read() else { return Err(HandleError::Gone) };
        // Nobody finds a page by the handle from here on; those who try acquire nothing.
        entry.state.store(handle.generation.wrapping_add(1) << GENERATION, Relaxed);
        self.free.with(|first| {
            entry.write(Content::Next(*first));
            *first = handle.index;
        });
        Ok(page)
    }

    /// Keeps a page where it is for as long as what this returns lives. Waits while it is being moved.
    ///
    /// # Errors
    /// The handle has no page, or too many hold it.
    pub fn hold(&self, handle: Handle) -> Result<Held<'_>, HandleError> {
        let entry = self.entry(handle)?;
        entry.change(|state| match handle.check(state)? & HOLDERS {
            HOLDERS => Err(HandleError::TooMany),
            _ => Ok(state + 1),
        })?;
        match entry.read() {
            Content::Page(page) => Ok(Held { entry, page }),
            Content::Next(_) => {
                entry.let_go();
                Err(HandleError::Gone)
            }
        }
    }

    /// Keeps a page where it is until it is unpinned: whoever wants its memory off line is told at once that he can't.
    ///
    /// # Errors
    /// The handle has no page.
    pub fn pin(&self, handle: Handle) -> Result<(), HandleError> {
        self.entry(handle)?.change(|state| Ok(handle.check(state)? | PINNED))
    }

    /// Lets a page be moved again.
    ///
    /// # Errors
    /// The handle has no page.
    pub fn unpin(&self, handle: Handle) -> Result<(), HandleError> {
        self.entry(handle)?.change(|state| Ok(handle.check(state)? & !PINNED))
    }

    fn entry(&self, handle: Handle) -> Result<&Movable, HandleError> {
        if handle.of != self.number {
            return Err(HandleError::Gone);
        }
        self.entries.get(handle.index()).ok_or(HandleError::Gone)
    }

    /// Moves an entry's page away if it is in these frames, nobody holds it, and there is another.
    fn move_one(
        &self,
        (index, entry): (u32, &Movable),
        frames: &Range<u64>,
        exchange: &mut dyn Exchange,
    ) -> Result<(), Pinned> {
        let state = entry.state.load(Relaxed);
        let handle = self.handle(index, state);
        if state & USED == 0 || state & MOVING != 0 {
            return Ok(());
        }
        let Ok(held) = self.hold(handle) else { return Ok(()) };
        let (from, pfn) = (held.page(), held.page().pfn());
        if pfn >= frames.end || pfn + (1 << from.order()) <= frames.start {
            return Ok(());
        }
        if entry.state.load(Relaxed) & PINNED != 0 {
            return Err(Pinned { pfn });
        }
        let Some(to) = exchange.take(from) else { return Ok(()) };
        if !held.into_moving() {
            exchange.give(to);
            return Ok(());
        }
        let mut attempt = Attempt { entry, exchange, keeps: from, gives: to };
        match self.mover.move_page(handle, from, to) {
            Ok(()) => {
                (attempt.keeps, attempt.gives) = (to, from);
                Ok(())
            }
            Err(MoveError::NotNow) => Ok(()),
            Err(MoveError::Never) => Err(Pinned { pfn }),
        }
    }
}

impl<M: Mover, L: RawLock> Owners for Movables<'_, M, L> {
    /// Looks at every entry. Passes over pages that somebody holds, or for which there is no other.
    fn move_away(&self, frames: &Range<u64>, exchange: &mut dyn Exchange) -> Result<(), Pinned> {
        let pageblock = |pfn: u64| pfn >> PAGEBLOCK_ORDER;
        // From one before: the longest block is of two.
        let first = pageblock(frames.start).wrapping_sub(1);
        let count = pageblock(frames.end.saturating_sub(1)).wrapping_sub(first);
        // Where a word is of 32 bits, pageblocks are told apart by their low bits: what is taken for
        // another is looked at again below. The count must not lose any.
        let (first, count) = (first as usize, usize::try_from(count).unwrap_or(usize::MAX));
        for (index, entry) in (0..).zip(self.entries.iter()) {
            if entry.pageblock.load(Relaxed).wrapping_sub(first) <= count {
                self.move_one((index, entry), frames, exchange)?;
            }
        }
        Ok(())
    }
}

impl<M, L> fmt::Debug for Movables<'_, M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Movables").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// A page that stays where it is for now.
#[derive(Debug)]
pub struct Held<'h> {
    entry: &'h Movable,
    page: Page,
}

impl Held<'_> {
    /// The page, as long as it is held.
    #[must_use]
    pub fn page(&self) -> Page {
        self.page
    }

    /// Becomes the page's mover, if nobody else holds it or pinned it. Else it only lets go.
    fn into_moving(self) -> bool {
        let entry = self.entry;
        let state = entry.state.load(Relaxed);
        let alone = state & HOLDERS == 1 || fault("movables: holders unseen");
        // Acquire: pairs with the release of whoever held the page before.
        let moving = alone
            && state & PINNED == 0
            && entry.state.compare_exchange(state, (state - 1) | MOVING, Acquire, Relaxed).is_ok();
        if moving {
            core::mem::forget(self);
        }
        moving
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.entry.let_go();
    }
}

/// A page that is being moved. When this goes, also out of a panic, the handle has the one page and
/// the other is given back.
struct Attempt<'a> {
    entry: &'a Movable,
    exchange: &'a mut dyn Exchange,
    keeps: Page,
    gives: Page,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.entry.write(Content::Page(self.keeps));
        // Pairs with the acquire of whoever holds the page next.
        self.entry.state.fetch_and(!MOVING, Release);
        self.exchange.give(self.gives);
    }
}
