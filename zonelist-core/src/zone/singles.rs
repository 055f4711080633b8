//! Single frames by the batch.

use super::{FreeError, Mobility, Zone};
use crate::RawLock;

/// Single frames that one lock is taken for.
const BATCH: usize = 256;

impl<L: RawLock> Zone<'_, L> {
    /// Takes single frames, at most as many as there is room for, under one lock. Returns how many.
    pub fn alloc_singles(&self, mobility: Mobility, pfns: &mut [u64]) -> usize {
        let mut taken = 0;
        let mut numbers = [0; BATCH];
        while let Some(pfns) = pfns.get_mut(taken..).filter(|pfns| !pfns.is_empty()) {
            let count = self.changing(|frames| {
                let room = numbers.get_mut(..pfns.len().min(BATCH)).unwrap_or_default();
                let count = frames.take_singles(mobility, room);
                #[cfg(feature = "checked")]
                room.iter().take(count).for_each(|&frame| frames.handed_out.note(frame, 0));
                count
            });
            pfns.iter_mut().zip(&numbers).take(count).for_each(|(pfn, &frame)| *pfn = self.pfn(frame));
            taken += count;
            if count == 0 {
                break;
            }
        }
        taken
    }

    /// Gives single frames back, 256 under one lock. Cheaper than one by one: what they make whole
    /// with their neighbours is looked at later.
    ///
    /// # Errors
    /// The first that cannot have been handed out. Such frames are left alone, the others are free.
    pub fn free_singles(&self, pfns: &[u64]) -> Result<(), FreeError> {
        let mut outcome = Ok(());
        for pfns in pfns.chunks(BATCH) {
            let mut numbers = [0; BATCH];
            self.changing(|frames| {
                let mut count = 0;
                for &pfn in pfns {
                    let number = self.number(pfn).ok_or(FreeError::NoSuchFrame);
                    #[cfg(feature = "checked")]
                    let number = number.and_then(|number| frames.handed_out.take(number, 0).map(|()| number));
                    match number {
                        Ok(number) => {
                            // A chunk is no longer than the batch.
                            numbers[count % BATCH] = number;
                            count += 1;
                        }
                        Err(error) => outcome = outcome.and(Err(error)),
                    }
                }
                let numbers = numbers.get(..count).unwrap_or_default();
                frames.give_singles(numbers, |error| outcome = outcome.and(Err(error)));
            });
        }
        outcome
    }
}
