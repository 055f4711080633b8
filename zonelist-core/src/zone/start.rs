//! A zone with given free blocks: as a machine that runs already has them.
//!
//! Blocks are placed from the longest down. Where no whole block of an order stays free, its area
//! is cut into halves, of which at most one may be left free as a whole, or both would be one
//! again. How many areas of each order there are to cut follows from the counts alone, whichever
//! are chosen: so the lowest always do, and a single walk over the zone places every order at once.

use super::{LeaveError, MAX_ORDER, PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER, Zone, frames::Frames, group::Group, line};
use crate::RawLock;

/// Orders from 0 to the highest that any zone can have.
const ORDERS: usize = MAX_ORDER as usize + 1;

impl<L: RawLock> Zone<'_, L> {
    /// Leaves just so many free blocks of each order in a zone whose frames are all free, as on a
    /// machine that already runs. Of the others, as many are withdrawn as leave `managed` frames,
    /// and the rest are handed out as single pages that do not move.
    ///
    /// # Errors
    /// Some frame is in use, the counts do not fit, or `managed` is out of range; nothing has changed.
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
        self.changing(|frames| frames.leave(by_order, self.max_order, managed))
    }
}

/// What is still to be placed.
struct Plan {
    left: [usize; ORDERS],
    /// Frames to give up, of those that do not stay free.
    reserved: usize,
    /// Whether the frames are touched, or it is only tried.
    for_real: bool,
}

impl Frames<'_> {
    /// Leaves exactly so many free blocks of each order; of all other frames, so many are no longer
    /// managed, and the rest are handed out one by one.
    pub(super) fn leave(&mut self, by_order: [usize; ORDERS], max_order: u8, managed: usize) -> Result<(), LeaveError> {
        if self.free != self.managed {
            return Err(LeaveError::InUse { free: self.free, managed: self.managed });
        }
        let wanted = by_order.iter().enumerate().fold(0, |sum: usize, (order, &n)| sum.saturating_add(n << order));
        if !(wanted..=self.managed).contains(&managed) {
            return Err(LeaveError::Managed { managed, free: wanted, present: self.managed });
        }
        let reserved = self.managed - managed;
        self.place_all(&mut Plan { left: by_order, reserved, for_real: false }, max_order)?;
        self.place_all(&mut Plan { left: by_order, reserved, for_real: true }, max_order)
    }

    fn place_all(&mut self, plan: &mut Plan, max_order: u8) -> Result<(), LeaveError> {
        for start in (0..self.lines.len() * PAGEBLOCK_FRAMES).step_by(1 << max_order) {
            if !self.keep(plan, start, max_order) {
                self.cut(plan, start, max_order);
            }
        }
        match plan.left.iter().rposition(|&left| left > 0) {
            Some(order) => Err(LeaveError::NoPlace { order: order as u8, missing: plan.left[order] }),
            None => Ok(()),
        }
    }

    /// Leaves an area free as a whole, if such a block is wanted and it is managed.
    fn keep(&self, plan: &mut Plan, start: usize, order: u8) -> bool {
        let left = &mut plan.left[usize::from(order)];
        let keep = *left > 0 && self.is_whole(start, order);
        *left -= usize::from(keep);
        keep
    }

    /// Deals with an area that does not stay free as a whole.
    fn cut(&mut self, plan: &mut Plan, start: usize, order: u8) {
        let Some(half) = order.checked_sub(1) else { return self.hand_out(plan, start) };
        let (low, high) = (start, start + (1 << half));
        if self.keep(plan, low, half) {
            self.cut(plan, high, half);
        } else {
            self.cut(plan, low, half);
            if !self.keep(plan, high, half) {
                self.cut(plan, high, half);
            }
        }
    }

    fn is_whole(&self, start: usize, order: u8) -> bool {
        let part = order.min(PAGEBLOCK_ORDER);
        let mut blocks = start / PAGEBLOCK_FRAMES..start / PAGEBLOCK_FRAMES + (1 << (order - part));
        blocks
            .all(|block| self.lines.get(block).is_some_and(|line| line::all_free(line, start % PAGEBLOCK_FRAMES, part)))
    }

    fn hand_out(&mut self, plan: &mut Plan, frame: usize) {
        let (block, at) = (frame / PAGEBLOCK_FRAMES, frame % PAGEBLOCK_FRAMES);
        if !plan.for_real || !self.is_whole(frame, 0) {
            return;
        }
        self.set_taken(block, at..at + 1);
        if plan.reserved > 0 {
            plan.reserved -= 1;
            self.managed -= 1;
            let state = self.block(block);
            self.put(block, state.with_managed(state.managed() - 1));
            return;
        }
        let state = self.block(block);
        self.put(block, state.with_group(Group::Unmovable));
        #[cfg(feature = "checked")]
        self.handed_out.note(frame as u32, 0);
    }
}
