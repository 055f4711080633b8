//! Migration of pages: the callback that copies them, the source of movable pages, and the allocator of targets.

use core::ops::Range;

use super::{Handle, Page};
use crate::Pfn;

/// Copies the content of a page to another page.
///
/// A closure implements it: see [`MovablePages`](super::MovablePages).
///
/// A safe trait: the library accesses no page, and only takes from the result which of the two pages the handle has
/// from then on. An implementation that returns `Ok` without a copy loses its user's data. The pages are lent: an
/// implementation can free neither.
pub trait Migrate {
    /// Copies the content of `from` to `to`, which has the same order. From then on the handle means `to`.
    ///
    /// No guard of the page exists meanwhile, and the callback must not try to hold the page: it would wait for itself.
    /// The call is made within a hotplug operation, while no page of the zone is in per-CPU pages. The callback may
    /// allocate, free, publish and drain; a hotplug operation is refused. The caller frees `from` on success and `to`
    /// otherwise.
    ///
    /// # Errors
    /// The page was not moved, and `from` is unchanged. The same holds after a panic.
    fn move_page(&self, handle: Handle, from: &Page, to: &Page) -> Result<(), MoveError>;
}

impl<F: Fn(Handle, &Page, &Page) -> Result<(), MoveError>> Migrate for F {
    fn move_page(&self, handle: Handle, from: &Page, to: &Page) -> Result<(), MoveError> {
        self(handle, from, to)
    }
}

/// Why a page was not moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MoveError {
    /// The page may be movable later.
    #[error("the page can't be moved now; expected it to be tried again")]
    NotNow,
    /// The page is never movable.
    #[error("the page can't be moved; expected it to stay where it is")]
    Never,
}

/// A source of movable pages: moves its pages out of memory that goes offline.
///
/// Called within a hotplug operation, as [`Migrate`] is. A panic undoes the operation, but not the moves.
///
/// A slice of references is a source of several; `()` is an empty source.
///
/// A safe trait: the result is not relied upon. After each call the operation reads which frames of the zone are free,
/// and only those go offline. A page that the source frees is checked as in any free, with the same limits.
pub trait MigrationSource {
    /// Moves the pages in these frames that can be moved now.
    ///
    /// # Errors
    /// A page can never be moved. Other pages may have been moved.
    fn move_away(&self, frames: &Range<Pfn>, targets: &mut dyn MigrationTargets) -> Result<(), Pinned>;
}

/// Allocates migration targets and frees sources.
///
/// A target is owned, by the handle that gets it. A page that a source lends is behind a handle, and may be moved or
/// freed by other threads meanwhile: its zone, frame, order and mobility are to be read, and not its content.
///
/// A safe trait: [`MovablePages`](super::MovablePages) makes any page that it gets the page of its handle.
pub trait MigrationTargets {
    /// Whether a page is of the memory that goes offline, and not another allocator's with the same frame number. Other
    /// pages are not moved, and a pin of them is no error.
    fn has(&self, page: &Page) -> bool {
        // For implementations with one allocator, whose frame numbers are unique.
        let _ = page;
        true
    }

    /// Allocates a page of the order and mobility of `like`, outside the memory that goes offline. `None` if no zone
    /// has one to spare.
    fn alloc_target(&mut self, like: &Page) -> Option<Page>;

    /// Takes a page back, to free it: the source of a move, or a target that was not used.
    fn free_source(&mut self, page: Page);
}

/// A page that can't be moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("page {pfn} can't be moved; expected one that can")]
pub struct Pinned {
    /// The first page frame of the page.
    pub pfn: Pfn,
}

impl MigrationSource for () {
    fn move_away(&self, _: &Range<Pfn>, _: &mut dyn MigrationTargets) -> Result<(), Pinned> {
        Ok(())
    }
}

impl<O: MigrationSource + ?Sized> MigrationSource for &O {
    fn move_away(&self, frames: &Range<Pfn>, targets: &mut dyn MigrationTargets) -> Result<(), Pinned> {
        (**self).move_away(frames, targets)
    }
}

impl MigrationSource for [&dyn MigrationSource] {
    fn move_away(&self, frames: &Range<Pfn>, targets: &mut dyn MigrationTargets) -> Result<(), Pinned> {
        // The first pinned page ends it: the memory can't go offline then.
        self.iter().try_for_each(|source| source.move_away(frames, targets))
    }
}
