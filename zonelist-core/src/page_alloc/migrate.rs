//! Who has movable pages, and who has others to give for them.

use core::ops::Range;

use super::{Handle, Page};

/// Says how what is in a page gets into another one.
///
/// A closure is one: see [`MovablePages`](super::MovablePages).
///
/// A safe trait: the library touches no page, and believes only which of the two frames the handle has from then on. A
/// mover that says `Ok` and has copied nothing loses its user's data, and one that frees either page frees it twice
/// ([`LocalHandle::free`](super::LocalHandle::free)).
pub trait Migrate {
    /// Copies what is in `from` to `to`, which has the same order, and from now on means `to`.
    ///
    /// Nobody holds the page meanwhile, and the mover must not try to: it would wait for itself. It is called within an
    /// operation on the machine, with no page of the zone in a cache: it may allocate, free, publish and drain, but do no
    /// operation, which is refused. Whatever comes of it, `from` or `to` is then freed by the caller.
    ///
    /// # Errors
    /// It was not done, and `from` is as it was. So too if it panics.
    fn move_page(&self, handle: Handle, from: Page, to: Page) -> Result<(), MoveError>;
}

impl<F: Fn(Handle, Page, Page) -> Result<(), MoveError>> Migrate for F {
    fn move_page(&self, handle: Handle, from: Page, to: Page) -> Result<(), MoveError> {
        self(handle, from, to)
    }
}

/// Why a page was not moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MoveError {
    /// It may be, later.
    #[error("the page can't be moved now; expected it to be tried again")]
    NotNow,
    /// It never will be.
    #[error("the page can't be moved; expected it to stay where it is")]
    Never,
}

/// Those whose pages can be moved out of memory that goes off line.
///
/// Called within an operation on the machine, as [`Migrate`] is. A panic undoes the operation, but not the moves.
///
/// Several owners are a slice of references to them; `()` is none.
///
/// A safe trait: an answer is not believed. Behind each call it is asked of the zone which frames are free, and only those go
/// off line. What owners give to the exchange is checked as any page that is freed, with what that can't tell.
pub trait MigrationSource {
    /// Moves away what of these frames can be moved now.
    ///
    /// # Errors
    /// A page that never can be. Others may have been moved.
    fn move_away(&self, frames: &Range<u64>, exchange: &mut dyn MigrationTargets) -> Result<(), Pinned>;
}

/// Where pages to move to come from, and pages that were moved from go. A safe trait: [`MovablePages`](super::MovablePages) takes
/// whatever page it is given as its handle's.
pub trait MigrationTargets {
    /// Whether a page is of the memory that goes off line, and not another allocator's with a frame of the same number.
    /// Other pages stay where they are, also where they are pinned.
    fn has(&self, page: Page) -> bool {
        let _ = page;
        true
    }

    /// A page of the order and mobility of this one, elsewhere. `None` if there is none to spare.
    fn alloc_target(&mut self, like: Page) -> Option<Page>;

    /// Frees a page.
    fn free_source(&mut self, page: Page);
}

/// A page that can't be moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("page {pfn} can't be moved; expected one that can")]
pub struct Pinned {
    /// The page's frame.
    pub pfn: u64,
}

impl MigrationSource for () {
    fn move_away(&self, _: &Range<u64>, _: &mut dyn MigrationTargets) -> Result<(), Pinned> {
        Ok(())
    }
}

impl<O: MigrationSource + ?Sized> MigrationSource for &O {
    fn move_away(&self, frames: &Range<u64>, exchange: &mut dyn MigrationTargets) -> Result<(), Pinned> {
        (**self).move_away(frames, exchange)
    }
}

impl MigrationSource for [&dyn MigrationSource] {
    fn move_away(&self, frames: &Range<u64>, exchange: &mut dyn MigrationTargets) -> Result<(), Pinned> {
        self.iter().try_for_each(|owner| owner.move_away(frames, exchange))
    }
}
