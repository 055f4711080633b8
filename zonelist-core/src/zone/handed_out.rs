//! With the feature `checked`: the order of every allocated block, in four bits a frame.

use super::{backing::Backing, error::FreeError, limits::PAGEBLOCK_FRAMES};

/// At the first frame of each allocated block its order plus one, at every other frame 0.
pub(super) struct HandedOut<'m>(Backing<'m, u64>);

/// Words of each pageblock.
pub(super) const WORDS: usize = PAGEBLOCK_FRAMES / 16;

impl<'m> HandedOut<'m> {
    /// Without memory: nothing can be noted.
    pub(super) fn none() -> Self {
        Self(Backing::Given(&mut []))
    }

    /// Nothing is allocated.
    pub(super) fn new(mut words: Backing<'m, u64>) -> Self {
        words.fill(0);
        Self(words)
    }

    pub(super) fn into_backing(self) -> Backing<'m, u64> {
        self.0
    }

    fn at(frame: u32) -> (usize, u32) {
        // Sixteen frames of four bits to a word.
        (frame as usize / 16, frame % 16 * 4)
    }

    /// Notes that a block is allocated.
    pub(super) fn note(&mut self, frame: u32, order: u8) {
        let (word, shift) = Self::at(frame);
        if let Some(word) = self.0.get_mut(word) {
            *word = *word & !(0xf << shift) | u64::from(order + 1) << shift;
        }
    }

    /// Checks that a block is allocated, and with this order.
    pub(super) fn check(&self, frame: u32, order: u8) -> Result<(), FreeError> {
        let (word, shift) = Self::at(frame);
        let word = self.0.get(word).ok_or(FreeError::NoSuchFrame)?;
        match (word >> shift & 0xf) as u8 {
            0 => Err(FreeError::NeverHandedOut),
            noted if noted == order + 1 => Ok(()),
            noted => Err(FreeError::WrongOrder { order: noted - 1 }),
        }
    }

    /// Checks that a block is allocated with this order, and notes that it is not any more.
    pub(super) fn remove(&mut self, frame: u32, order: u8) -> Result<(), FreeError> {
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
