//! Frames of order 0 in bulk.

use super::{allocator::Zone, error::FreeError, migrate_group::Mobility};
#[cfg(feature = "checked")]
use crate::ids::Order;
use crate::{Pfn, locking::RawLock};

/// The number of frames for which the lock is taken once.
const BATCH: usize = 256;

impl<L: RawLock> Zone<'_, L> {
    /// Allocates frames of order 0, at most as many as `pfns` has room for, and returns their number.
    ///
    /// Takes the lock once for each 256 frames.
    pub fn alloc_bulk(&self, mobility: Mobility, pfns: &mut [Pfn]) -> usize {
        let mut taken = 0;
        let mut numbers = [0; BATCH];
        while let Some(pfns) = pfns.get_mut(taken..).filter(|pfns| !pfns.is_empty()) {
            let count = self.with_frames(|frames| {
                let room = numbers.get_mut(..pfns.len().min(BATCH)).unwrap_or_default();
                let count = frames.alloc_bulk(mobility, room);
                #[cfg(feature = "checked")]
                room.iter().take(count).for_each(|&frame| frames.handed_out.note(frame, Order::ZERO));
                count
            });
            // Numbers become page frame numbers outside the lock.
            pfns.iter_mut().zip(&numbers).take(count).for_each(|(pfn, &frame)| *pfn = self.pfn(frame));
            taken += count;
            // A short batch may be followed by one of the other mobility; an empty one means that no frame is free.
            if count == 0 {
                break;
            }
        }
        taken
    }

    /// Frees frames of order 0. Takes the lock once for each 256 frames.
    ///
    /// Cheaper than frees one by one: the search for larger free blocks is deferred.
    ///
    /// # Errors
    /// Reports the first frame that is not an allocated one (detected as by [`Zone::free`]). Such frames stay as they
    /// are; the others are freed.
    pub fn free_bulk(&self, pfns: &[Pfn]) -> Result<(), FreeError> {
        let mut outcome = Ok(());
        for pfns in pfns.chunks(BATCH) {
            let mut numbers = [0; BATCH];
            self.with_frames(|frames| {
                let mut count = 0;
                for &pfn in pfns {
                    let number = self.number(pfn).ok_or(FreeError::NoSuchFrame);
                    #[cfg(feature = "checked")]
                    let number =
                        number.and_then(|number| frames.handed_out.remove(number, Order::ZERO).map(|()| number));
                    match number {
                        Ok(number) => {
                            // A chunk is at most a batch: the remainder only removes the bounds check.
                            numbers[count % BATCH] = number;
                            count += 1;
                        }
                        // The first error is kept.
                        Err(error) => outcome = outcome.and(Err(error)),
                    }
                }
                let numbers = numbers.get(..count).unwrap_or_default();
                frames.free_bulk(numbers, |error| outcome = outcome.and(Err(error)));
            });
        }
        outcome
    }
}
