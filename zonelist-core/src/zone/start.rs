//! A zone with given free blocks: as a machine that runs already has them.
//!
//! Blocks are placed from the longest down. Where no whole block of an order stays free, its area
//! is cut into halves, of which at most one may be left free as a whole, or both would be one
//! again. How many areas of each order there are to cut follows from the counts alone, whichever
//! are chosen: so the lowest always do, and a single walk over the zone places every order at once.

use super::{
    LeaveError, MAX_ORDER, ORDERS, PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER, RangeError, Zone,
    frames::Frames,
    group::Group,
    line::{self, Line},
    managed::{self, NoBitmap},
};
use crate::RawLock;

impl<L: RawLock> Zone<'_, L> {
    /// Leaves just so many free blocks of each order in a zone whose frames are all free, as on a
    /// machine that already runs. Of the others, as many are withdrawn as leave `managed` frames,
    /// and the rest are handed out as single pages that do not move.
    ///
    /// # Errors
    /// Some frame is in use, the counts do not fit, `managed` is out of range, or there is no memory to note which
    /// frames are managed; nothing has changed.
    ///
    /// ```
    /// use zonelist_core::{NodeId, Spin, Zone, ZoneId, ZoneKind};
    /// let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Dma);
    /// let zone = Zone::boxed(id, 1..4096, 10, Spin::new())?;
    /// zone.add(1..0x9f)?;
    /// zone.add(0x100..4096)?;
    /// zone.leave([0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 3], 3840)?;
    /// assert_eq!(zone.free_by_order(), [0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 3]);
    /// assert_eq!((zone.free_pages(), zone.managed()), (3808, 3840));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leave(&self, by_order: [usize; MAX_ORDER as usize + 1], managed: usize) -> Result<(), LeaveError> {
        let mut refused = None;
        let outcome = self.changing_managed(|frames| match frames.leave(by_order, self.max_order, managed) {
            // For want of bitmaps only: there may be more.
            Err(LeaveError::Metadata(short)) => Err(short),
            Err(error) => {
                refused = Some(error);
                Ok(())
            }
            Ok(()) => {
                self.watch().note_unmanaged(&(0..u32::MAX));
                Ok(())
            }
        });
        outcome.map_err(LeaveError::Metadata)?;
        refused.map_or(Ok(()), Err)
    }
}

/// What is still to be placed.
struct Placing {
    left: [usize; ORDERS],
    /// Frames to give up, of those that do not stay free.
    reserved: usize,
    /// Whether the frames are touched, or it is only tried.
    for_real: bool,
    /// Of the pageblock at hand, which frames are to be given up. The next one is behind it.
    block: usize,
    given_up: Line,
    bitmaps: managed::Plan,
    short: Option<NoBitmap>,
}

impl Frames<'_> {
    /// Leaves exactly so many free blocks of each order; of all other frames, so many are no longer
    /// managed, and the rest are handed out one by one.
    pub(super) fn leave(&mut self, by_order: [usize; ORDERS], max_order: u8, managed: usize) -> Result<(), LeaveError> {
        if self.free != self.managed {
            return Err(LeaveError::InUse { free: self.free, managed: self.managed });
        }
        let frames = |(order, &count): (usize, &usize)| count.saturating_mul(1 << order);
        let wanted = by_order.iter().enumerate().map(frames).fold(0, usize::saturating_add);
        if !(wanted..=self.managed).contains(&managed) {
            return Err(LeaveError::Managed { managed, free: wanted, present: self.managed });
        }
        let reserved = self.managed - managed;
        for for_real in [false, true] {
            let mut placing = Placing {
                left: by_order,
                reserved,
                for_real,
                block: 0,
                given_up: [0; 8],
                bitmaps: self.plan(),
                short: None,
            };
            self.place_all(&mut placing, max_order)?;
        }
        Ok(())
    }

    fn place_all(&mut self, placing: &mut Placing, max_order: u8) -> Result<(), LeaveError> {
        for start in (0..self.lines.len() * PAGEBLOCK_FRAMES).step_by(1 << max_order) {
            if !self.keep(placing, start, max_order) {
                self.cut(placing, start, max_order);
            }
        }
        self.give_up(placing);
        let left = placing.left.iter().enumerate().rev().find(|(_, left)| **left > 0);
        match (left, placing.short) {
            (Some((order, &missing)), _) => Err(LeaveError::NoPlace { order: order as u8, missing }),
            (None, Some(short)) => Err(LeaveError::Metadata(RangeError::from(short))),
            (None, None) => Ok(()),
        }
    }

    /// Leaves an area free as a whole, if such a block is wanted and it is managed.
    fn keep(&self, placing: &mut Placing, start: usize, order: u8) -> bool {
        let Some(left) = placing.left.get_mut(usize::from(order)) else { return false };
        let keep = *left > 0 && self.is_whole(start, order);
        *left -= usize::from(keep);
        keep
    }

    /// Deals with an area that does not stay free as a whole.
    fn cut(&mut self, placing: &mut Placing, start: usize, order: u8) {
        let Some(half) = order.checked_sub(1) else { return self.hand_out(placing, start) };
        let (low, high) = (start, start + (1 << half));
        if self.keep(placing, low, half) {
            self.cut(placing, high, half);
        } else {
            self.cut(placing, low, half);
            if !self.keep(placing, high, half) {
                self.cut(placing, high, half);
            }
        }
    }

    fn is_whole(&self, start: usize, order: u8) -> bool {
        let part = order.min(PAGEBLOCK_ORDER);
        let first = start / PAGEBLOCK_FRAMES;
        let mut blocks = first..first + (1 << (order - part));
        blocks.all(|block| line::all_free(self.line(block), start % PAGEBLOCK_FRAMES, part))
    }

    fn hand_out(&mut self, placing: &mut Placing, frame: usize) {
        let (block, at) = (frame / PAGEBLOCK_FRAMES, frame % PAGEBLOCK_FRAMES);
        if !self.is_whole(frame, 0) {
            return;
        }
        if block != placing.block {
            self.give_up(placing);
            placing.block = block;
        }
        if placing.for_real {
            self.set_taken(block, at..at + 1);
        }
        if placing.reserved > 0 {
            placing.reserved -= 1;
            line::set(&mut placing.given_up, at, 0);
        } else if placing.for_real {
            self.put(block, self.block(block).with_group(Group::Unmovable));
            #[cfg(feature = "checked")]
            self.handed_out.note(frame as u32, 0);
        }
    }

    /// Gives up what is to be given up of the pageblock at hand, none of it free any more.
    fn give_up(&mut self, placing: &mut Placing) {
        let given_up = core::mem::take(&mut placing.given_up);
        let mut managed = self.managed_in(placing.block);
        managed.iter_mut().zip(given_up).for_each(|(row, bits)| *row &= !bits);
        if placing.for_real {
            self.set_managed(placing.block, &managed);
        } else if let Err(short) = self.plan_managed(&mut placing.bitmaps, placing.block, &managed) {
            placing.short.get_or_insert(short);
        }
    }
}
