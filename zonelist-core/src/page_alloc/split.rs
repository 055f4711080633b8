//! Splits: a block becomes two, each of which is freed by itself.
//!
//! A zone records an allocated block by bits that are not set, and not by its order. So parts of a block are freed like
//! blocks of their own, and merge with each other and their neighbours as any do. Only with the feature `checked` does a
//! zone note the order of each allocated block: a split then replaces the note by two.

use super::{Page, PageAllocator};
use crate::{
    publish::{Platform, Scheme},
    zone::FreeError,
};

/// A page that was not split, with the reason. The page is the caller's again.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
#[error("{page:?}: {error}")]
pub struct NotSplit {
    /// The page.
    pub page: Page,
    /// The reason.
    pub error: SplitError,
}

/// Why a page was not split.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The page is one frame.
    #[error("the page is a single frame; expected a block of two or more")]
    Single,
    /// The page is another allocator's ([`FreeError::NoSuchZone`]); or, with the feature `checked`, no allocated block.
    #[error(transparent)]
    Invalid(#[from] FreeError),
}

impl<S: Scheme, P: Platform> PageAllocator<'_, S, P> {
    /// Splits a block into its two halves, the lower one first. Each has the mobility of the block, and is freed, split,
    /// made movable or kept by itself. To free a part of a block, split it and free the half.
    ///
    /// Cost: arithmetic on the word. With the feature `checked`, also the zone's lock, for which it waits.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::Order,
    /// #     zonelist::{NodeSpan, ZonelistsRef},
    /// # };
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zone = Zone::boxed(normal, Pfn::range(0..4096), Order::MAX, Spin::new())?;
    /// # zone.add(Pfn::range(0..4096))?;
    /// # let zonerefs = [Zoneref::new(normal)];
    /// # let lists = ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len: 1, own: 1 }])?;
    /// # let published = Published::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
    /// # published.publish(lists)?;
    /// # let allocator = PageAllocator::boxed(published, vec![zone])?;
    /// # let mut local = allocator.local()?;
    /// let request = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal).order(Order::of::<4>()));
    /// // Six frames: of sixteen, the lower four and the two after them are kept.
    /// let [lower, upper] = allocator.split(local.alloc(normal.node(), &request)?)?;
    /// local.free(upper)?;
    /// let [four, rest] = allocator.split(lower)?;
    /// let [two, rest] = allocator.split(rest)?;
    /// local.free(rest)?;
    /// assert_eq!((four.order().pages(), two.order().pages(), two.pfn()), (4, 2, four.pfn() + 4));
    ///
    /// local.free_bulk([four, two])?;
    /// drop(local);
    /// assert_eq!(allocator.zones()[0].free_by_order()[10], 4, "all of it has merged again");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The page is a single frame, or another allocator's. The error has the page, and nothing has changed.
    pub fn split(&self, page: Page) -> Result<[Page; 2], NotSplit> {
        let Some(halves) = page.word().halves() else { return Err(NotSplit { page, error: SplitError::Single }) };
        match self.note_split(&page) {
            Ok(()) => Ok(halves.map(Page::new)),
            Err(error) => Err(NotSplit { page, error: SplitError::Invalid(error) }),
        }
    }

    /// Checks that a page is one of this allocator's, and notes the split in the zone with the feature `checked`.
    fn note_split(&self, page: &Page) -> Result<(), FreeError> {
        let zone = self.zone_of(page).ok_or(FreeError::NoSuchZone)?;
        let _frame = zone.number(page.pfn()).ok_or(FreeError::NoSuchFrame)?;
        #[cfg(feature = "checked")]
        zone.note_split(_frame, page.order())?;
        Ok(())
    }
}
