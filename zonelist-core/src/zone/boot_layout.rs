//! The boot layout: a zone with given numbers of free blocks of each order, as on a machine that has booted.
//!
//! Every frame is free at first. Blocks are placed in one walk over areas of the largest order, from low to high:
//!
//! ```text
//! for each area of the largest order:
//!     keep the area free, if it is managed as a whole and such a block is still wanted
//!     else cut it: keep one half free if wanted, and cut the other half, or cut both
//!     a cut area of order 0: a frame that is allocated or removed
//! ```
//!
//! Of a cut area at most one half may stay free as a whole, or both would be one block again. The number of areas of
//! each order that have to be cut follows from the counts alone, for any choice of areas. So the lowest are as good
//! as any, and one walk places all orders. The walk is made twice, first as a trial, so that an error changes nothing.

use super::{
    allocator::Zone,
    bitmap::{self, PageblockBitmap},
    error::BootLayoutError,
    free_frames::FreeFrames,
    limits::{PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER},
    managed::{self, NoBitmap},
    migrate_group::MigrateGroup,
};
use crate::{Pfn, ids::Order, locking::RawLock};

impl<L: RawLock> Zone<'_, L> {
    /// Reduces a zone whose frames are all free to given free blocks of each order, as on a machine that has booted.
    ///
    /// Of the other frames some are removed, so that `managed` frames stay; the rest is allocated as unmovable pages of
    /// order 0.
    ///
    /// # Errors
    /// A frame is allocated, the counts do not fit, `managed` is out of range, or there is no memory to record which
    /// frames are managed; nothing has changed.
    ///
    /// ```
    /// use zonelist_core::{NodeId, Pfn, Zone, ZoneId, ZoneKind, sync::Spin, zone::Order};
    /// let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Dma);
    /// let zone = Zone::boxed(id, Pfn::range(1..4096), Order::MAX, Spin::new())?;
    /// zone.add(Pfn::range(1..0x9f))?;
    /// zone.add(Pfn::range(0x100..4096))?;
    /// zone.set_boot_layout([0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 3], 3840)?;
    /// assert_eq!(zone.free_by_order(), [0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 3]);
    /// assert_eq!((zone.free_pages(), zone.managed()), (3808, 3840));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_boot_layout(&self, by_order: [usize; Order::COUNT], managed: usize) -> Result<(), BootLayoutError> {
        let mut refused = None;
        let outcome =
            self.change_managed(|frames| match frames.set_boot_layout(self.base, by_order, self.max_order, managed) {
                // Only a lack of bitmaps goes to `change_managed`, which may add some and retry.
                Err(BootLayoutError::Metadata(short)) => Err(short),
                Err(error) => {
                    refused = Some(error);
                    Ok(())
                }
                Ok(()) => {
                    // Frames may have been removed anywhere: no range is certain to be managed any more.
                    self.watermark_counters().note_unmanaged(&(0..u32::MAX));
                    Ok(())
                }
            });
        outcome.map_err(BootLayoutError::Metadata)?;
        refused.map_or(Ok(()), Err)
    }
}

/// The state of a walk that places blocks.
struct Placement {
    /// Blocks of each order that are still to be placed.
    left: [usize; Order::COUNT],
    /// Frames that are still to be removed, of those that do not stay free.
    reserved: usize,
    /// False for the trial: frames stay as they are.
    for_real: bool,
    /// The current pageblock, and which of its frames are to be removed.
    block: usize,
    removed: PageblockBitmap,
    bitmaps: managed::Plan,
    short: Option<NoBitmap>,
}

impl FreeFrames<'_> {
    /// Keeps exactly the given free blocks of each order. Of all other frames, some are removed so that `managed` stay,
    /// and the rest is allocated one by one. An error names a page frame, for which `base` is that of number 0.
    fn set_boot_layout(
        &mut self,
        base: Pfn,
        by_order: [usize; Order::COUNT],
        max_order: Order,
        managed: usize,
    ) -> Result<(), BootLayoutError> {
        if self.free_count != self.managed_count {
            return Err(BootLayoutError::InUse { free: self.free_count, managed: self.managed_count });
        }
        let frames = |(order, &count): (usize, &usize)| count.saturating_mul(1 << order);
        let wanted = by_order.iter().enumerate().map(frames).fold(0, usize::saturating_add);
        if !(wanted..=self.managed_count).contains(&managed) {
            return Err(BootLayoutError::Managed { managed, free: wanted, present: self.managed_count });
        }
        let reserved = self.managed_count - managed;
        // The trial makes the same decisions: frames above the current one are untouched in both walks.
        for for_real in [false, true] {
            let mut placement = Placement {
                left: by_order,
                reserved,
                for_real,
                block: 0,
                removed: [0; 8],
                bitmaps: self.begin_plan(),
                short: None,
            };
            self.place_all(&mut placement, max_order.number())?;
            // Blocks that do not fit are reported before missing bitmaps: more bitmaps would not help them.
            if let Some(short) = placement.short {
                return Err(BootLayoutError::Metadata(short.at(base)));
            }
        }
        Ok(())
    }

    /// One walk over all areas, as a trial or for real.
    fn place_all(&mut self, placement: &mut Placement, max_order: u8) -> Result<(), BootLayoutError> {
        for start in (0..self.free_bitmaps.len() * PAGEBLOCK_FRAMES).step_by(1 << max_order) {
            if !self.keep(placement, start, max_order) {
                self.cut(placement, start, max_order);
            }
        }
        self.remove_marked(placement);
        let mut left = Order::ALL.into_iter().rev().zip(placement.left.iter().rev());
        left.find(|(_, left)| **left > 0)
            .map_or(Ok(()), |(order, &missing)| Err(BootLayoutError::NoEntry { order, missing }))
    }

    /// Keeps an area free as a whole, if it is free and a block of its order is wanted. Returns true if it stays free.
    fn keep(&self, placement: &mut Placement, start: usize, order: u8) -> bool {
        let Some(left) = placement.left.get_mut(usize::from(order)) else { return false };
        let keep = *left > 0 && self.is_whole(start, order);
        *left -= usize::from(keep);
        keep
    }

    /// Divides an area that does not stay free as a whole.
    fn cut(&mut self, placement: &mut Placement, start: usize, order: u8) {
        // The recursion is at most as deep as the number of orders.
        let Some(half) = order.checked_sub(1) else { return self.allocate_or_mark(placement, start) };
        let (low, high) = (start, start + (1 << half));
        if self.keep(placement, low, half) {
            // The other half is cut in any case: the two would be one free block.
            self.cut(placement, high, half);
        } else {
            self.cut(placement, low, half);
            if !self.keep(placement, high, half) {
                self.cut(placement, high, half);
            }
        }
    }

    /// True if all frames of an area are free.
    fn is_whole(&self, start: usize, order: u8) -> bool {
        // An area of order 10 is two pageblocks.
        let part = order.min(PAGEBLOCK_ORDER);
        let first = start / PAGEBLOCK_FRAMES;
        let mut blocks = first..first + (1 << (order - part));
        blocks.all(|block| bitmap::all_free(self.free_bitmap(block), start % PAGEBLOCK_FRAMES, part))
    }

    /// Takes a frame that does not stay free: it is to be removed while frames have to be removed, else it is
    /// allocated.
    fn allocate_or_mark(&mut self, placement: &mut Placement, frame: usize) {
        let (block, at) = (frame / PAGEBLOCK_FRAMES, frame % PAGEBLOCK_FRAMES);
        // A frame that is not free is in a hole: all managed frames are free.
        if !self.is_whole(frame, 0) {
            return;
        }
        // Removed frames of one pageblock are collected, so that its extent is computed once.
        if block != placement.block {
            self.remove_marked(placement);
            placement.block = block;
        }
        if placement.for_real {
            self.set_taken(block, at..at + 1);
        }
        if placement.reserved > 0 {
            placement.reserved -= 1;
            bitmap::set(&mut placement.removed, at, 0);
        } else if placement.for_real {
            self.set_state(block, self.state(block).with_group(MigrateGroup::Unmovable));
            #[cfg(feature = "checked")]
            self.handed_out.note(frame as u32, Order::ZERO);
        }
    }

    /// Removes the marked frames of the current pageblock, which are taken already; in the trial, plans that.
    fn remove_marked(&mut self, placement: &mut Placement) {
        let removed = core::mem::take(&mut placement.removed);
        let mut managed = self.managed_in(placement.block);
        managed.iter_mut().zip(removed).for_each(|(word, bits)| *word &= !bits);
        if placement.for_real {
            self.set_managed(placement.block, &managed);
        } else if let Err(short) = self.plan_pageblock(&mut placement.bitmaps, placement.block, &managed) {
            placement.short.get_or_insert(short);
        }
    }
}
