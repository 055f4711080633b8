//! With the feature `checked`: what each frame was handed out as, in four bits.

use super::{FreeError, memory::Memory};

/// The order of each block that is handed out, plus one, at its first frame; 0 at every other.
pub(super) struct HandedOut<'m>(Memory<'m, u64>);

/// Words for each pageblock.
pub(super) const WORDS: usize = super::PAGEBLOCK_FRAMES / 16;

impl<'m> HandedOut<'m> {
    /// Room for nothing yet.
    pub(super) fn none() -> Self {
        Self(Memory::Given(&mut []))
    }

    /// Nothing is handed out.
    pub(super) fn new(mut words: Memory<'m, u64>) -> Self {
        words.fill(0);
        Self(words)
    }

    pub(super) fn into_memory(self) -> Memory<'m, u64> {
        self.0
    }

    fn at(frame: u32) -> (usize, u32) {
        (frame as usize / 16, frame % 16 * 4)
    }

    pub(super) fn note(&mut self, frame: u32, order: u8) {
        let (word, shift) = Self::at(frame);
        if let Some(word) = self.0.get_mut(word) {
            *word = *word & !(0xf << shift) | u64::from(order + 1) << shift;
        }
    }

    /// Whether a block is handed out just so.
    pub(super) fn check(&self, frame: u32, order: u8) -> Result<(), FreeError> {
        let (word, shift) = Self::at(frame);
        let word = self.0.get(word).ok_or(FreeError::NoSuchFrame)?;
        match (word >> shift & 0xf) as u8 {
            0 => Err(FreeError::NeverHandedOut),
            noted if noted == order + 1 => Ok(()),
            noted => Err(FreeError::WrongOrder { order: noted - 1 }),
        }
    }

    /// Takes a block back that is handed out just so.
    pub(super) fn take(&mut self, frame: u32, order: u8) -> Result<(), FreeError> {
        self.check(frame, order)?;
        self.forget(frame);
        Ok(())
    }

    pub(super) fn forget(&mut self, frame: u32) {
        let (word, shift) = Self::at(frame);
        if let Some(word) = self.0.get_mut(word) {
            *word &= !(0xf << shift);
        }
    }
}
