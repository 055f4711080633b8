//! With the feature `checked`: the order of every allocated block, in four bits a frame.

use super::{backing::Backing, error::FreeError, limits::PAGEBLOCK_FRAMES};
use crate::ids::Order;

/// Four bits for each frame: the order plus one at the first frame of an allocated block, 0 at every other frame.
pub(super) struct HandedOut<'m>(Backing<'m, u64>);

/// Words of each pageblock.
pub(super) const WORDS: usize = PAGEBLOCK_FRAMES / 16;

impl<'m> HandedOut<'m> {
    /// Notes without memory: nothing can be noted.
    pub(super) fn none() -> Self {
        Self(Backing::Given(&mut []))
    }

    /// Notes in the given words: no block is allocated.
    pub(super) fn new(mut words: Backing<'m, u64>) -> Self {
        // Given memory has any contents.
        words.fill(0);
        Self(words)
    }

    pub(super) fn into_backing(self) -> Backing<'m, u64> {
        self.0
    }

    /// The word of a frame, and the position of its four bits.
    fn at(frame: u32) -> (usize, u32) {
        // Sixteen frames of four bits to a word.
        (frame as usize / 16, frame % 16 * 4)
    }

    /// Notes that a block is allocated.
    pub(super) fn note(&mut self, frame: u32, order: Order) {
        let (word, shift) = Self::at(frame);
        if let Some(word) = self.0.get_mut(word) {
            *word = *word & !(0xf << shift) | u64::from(order.number() + 1) << shift;
        }
    }

    /// Checks that a block is allocated, and with this order.
    pub(super) fn check(&self, frame: u32, order: Order) -> Result<(), FreeError> {
        let (word, shift) = Self::at(frame);
        let word = self.0.get(word).ok_or(FreeError::NoSuchFrame)?;
        // The note is one more than the order: 0 is of no block.
        match ((word >> shift & 0xf) as u8).checked_sub(1).map(Order::from_bits) {
            None => Err(FreeError::NeverHandedOut),
            Some(noted) if noted == order => Ok(()),
            Some(noted) => Err(FreeError::WrongOrder { order: noted }),
        }
    }

    /// Checks that a block is allocated with this order, and notes that it is not any more.
    pub(super) fn remove(&mut self, frame: u32, order: Order) -> Result<(), FreeError> {
        self.check(frame, order)?;
        self.forget(frame);
        Ok(())
    }

    /// Notes that a block is not allocated any more.
    pub(super) fn forget(&mut self, frame: u32) {
        let (word, shift) = Self::at(frame);
        if let Some(word) = self.0.get_mut(word) {
            *word &= !(0xf << shift);
        }
    }
}
