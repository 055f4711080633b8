//! The pool of bitmaps for pageblocks whose managed frames are scattered.

use super::{backing::Backing, bitmap::PageblockBitmap};

/// Bitmaps by number. Those that are not in use form a linked list through their first words.
pub(super) struct BitmapPool<'m> {
    bitmaps: Backing<'m, PageblockBitmap>,
    /// The head of the list; each bitmap of the list has the number of the next in its first word.
    next: u32,
    /// The length of the list.
    spare: usize,
}

/// The end of the list.
const END: u32 = u32::MAX;

impl<'m> BitmapPool<'m> {
    pub(super) fn new(bitmaps: Backing<'m, PageblockBitmap>) -> Self {
        let mut pool = Self { bitmaps: Backing::Given(&mut []), next: END, spare: 0 };
        // Numbers stay below `END`, so that no bitmap has the number that ends the list.
        let count = bitmaps.len().min(END as usize);
        pool.bitmaps = bitmaps;
        // In descending order, so that the bitmap of the lowest number is taken first.
        (0..count as u32).rev().for_each(|number| pool.give_back(number));
        pool
    }

    pub(super) fn into_backing(self) -> Backing<'m, PageblockBitmap> {
        self.bitmaps
    }

    pub(super) fn spare(&self) -> usize {
        self.spare
    }

    /// The number of bitmaps, in use or not.
    #[cfg(feature = "alloc")]
    pub(super) fn len(&self) -> usize {
        self.bitmaps.len()
    }

    pub(super) fn get(&self, number: u32) -> PageblockBitmap {
        self.bitmaps.get(number as usize).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, number: u32, to: &PageblockBitmap) {
        if let Some(bitmap) = self.bitmaps.get_mut(number as usize) {
            *bitmap = *to;
        }
    }

    pub(super) fn take(&mut self) -> Option<u32> {
        let number = self.next;
        let bitmap = self.bitmaps.get(number as usize)?;
        (self.next, self.spare) = (bitmap[0] as u32, self.spare.saturating_sub(1));
        Some(number)
    }

    pub(super) fn give_back(&mut self, number: u32) {
        if let Some(bitmap) = self.bitmaps.get_mut(number as usize) {
            bitmap[0] = self.next.into();
            (self.next, self.spare) = (number, self.spare + 1);
        }
    }

    /// Replaces the backing by a larger one and returns the smaller of the two. Bitmaps keep their numbers.
    #[cfg(feature = "alloc")]
    pub(super) fn grow(&mut self, mut bitmaps: Backing<'m, PageblockBitmap>) -> Backing<'m, PageblockBitmap> {
        let before = self.bitmaps.len();
        // Another thread may have grown the pool in the meantime: the given backing is returned, to be dropped.
        if bitmaps.len() <= before {
            return bitmaps;
        }
        bitmaps.iter_mut().zip(self.bitmaps.iter()).for_each(|(to, from)| *to = *from);
        let old = core::mem::replace(&mut self.bitmaps, bitmaps);
        let end = self.bitmaps.len().min(END as usize);
        (before..end).rev().for_each(|number| self.give_back(number as u32));
        old
    }
}
