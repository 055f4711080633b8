//! The free bits of a pageblock's 512 frames: one cache line, eight words of 64 bits.
//!
//! There are no free lists, and nothing merges buddies. A free block of order `o` is `2^o` set bits that start at a
//! multiple of `2^o`, so two free buddies are one block as soon as the bits of both are set. Instead, an allocation
//! searches the bits for a block:
//!
//! ```text
//! starts(0)     = the free bits
//! starts(o + 1) = starts(o) & starts(o) >> 2^o & ALIGNED[o + 1]    both halves are free, and the pair is aligned
//! maximal(o)    = starts(o), without the halves of blocks in starts(o + 1)
//! best_fit(n)   = the lowest bit of maximal(o), for the lowest o >= n for which there is one
//! largest       = the highest o for which starts(o) is not empty
//! ```
//!
//! A bit of `starts(o)` is the first frame of a free block of order `o`. Example with 8 frames, the lowest on the
//! right:
//!
//! ```text
//! starts(0)  = 1100_1101    frames 0, 2, 3, 6 and 7 are free
//! starts(1)  = 0100_0100    the blocks 2..4 and 6..8
//! starts(2)  = 0000_0000    0..4 lacks frame 1, and 4..8 lacks 4 and 5
//! maximal(0) = 0000_0001    frame 0: the others are halves of the two blocks of order 1
//! best_fit(0) = frame 0, best_fit(1) = frame 2, largest = 1
//! ```
//!
//! Up to order 5 these steps are done in each of the eight words. From order 6 on a block is one or more whole words:
//! the same steps are done in one byte, with a bit for each word whose 64 frames are all free.
//!
//! No function panics: a frame beyond the 512 has no bit. Callers pass no order above that of a pageblock.

use core::ops::Range;

use super::limits::PAGEBLOCK_ORDER;
use crate::ids::Order;

/// A bit for each frame of a pageblock, set while the frame is free.
///
/// The same type represents other sets of a pageblock's frames, such as the managed ones.
pub(super) type PageblockBitmap = [u64; WORDS];

const WORDS: usize = 8;

/// The order of a block that is one whole word.
const WORD_ORDER: u8 = 6;

/// Bits at which blocks of each order can start within a word.
const ALIGNED: [u64; 7] = [
    u64::MAX,
    0x5555_5555_5555_5555,
    0x1111_1111_1111_1111,
    0x0101_0101_0101_0101,
    0x0001_0001_0001_0001,
    0x0000_0001_0000_0001,
    1,
];

/// The bitmaps that a slice of words has room for.
pub(super) fn from_words(words: &mut [u64]) -> &mut [PageblockBitmap] {
    let count = words.len() / WORDS;
    // SAFETY: `PageblockBitmap` is an array of `WORDS` words and has the alignment of one. `count` of these cover no
    // more words than the slice has, and the result borrows them exclusively for the same lifetime.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), count) }
}

/// From the starts of all free blocks of an order, those of the next order.
const fn doubled(starts: u64, order: u8) -> u64 {
    starts & starts >> (1 << order) & ALIGNED[order as usize + 1]
}

/// Of the free blocks of an order, those that are not half of a larger one.
const fn maximal(starts: u64, order: u8) -> u64 {
    let larger = doubled(starts, order);
    starts & !(larger | larger << (1 << order))
}

/// A bit for each word whose frames are all free.
fn full_words(bitmap: &PageblockBitmap) -> u64 {
    bitmap.iter().rev().fold(0, |full, &word| full << 1 | u64::from(word == u64::MAX))
}

/// The order of the largest free block, if any frame is free.
pub(super) fn largest(bitmap: &PageblockBitmap) -> Option<u8> {
    // A full word decides without a search within words.
    let full = full_words(bitmap);
    if full != 0 {
        let (pairs, quads) = (doubled(full, 0), doubled(doubled(full, 0), 1));
        // Each comparison is true exactly if there is a block of one more order: the orders are added, without
        // branches.
        return Some(WORD_ORDER + u8::from(pairs != 0) + u8::from(quads != 0) + u8::from(full == 0xff));
    }
    // All eight words advance together: the loop ends at the order of the largest block, which is low as a rule.
    let mut starts = *bitmap;
    for order in 0..WORD_ORDER {
        if starts.iter().fold(0, |any, word| any | word) == 0 {
            return order.checked_sub(1);
        }
        for word in &mut starts {
            *word = doubled(*word, order);
        }
    }
    // No word is full, so no block is larger than half a word.
    Some(WORD_ORDER - 1)
}

/// The best fit for a block of an order: the first frame of the smallest free block that is large enough, and of equal
/// ones the lowest.
pub(super) fn best_fit(bitmap: &PageblockBitmap, order: u8) -> Option<usize> {
    // `at` is the order of the blocks whose starts are in `starts`, in each word.
    let mut starts = *bitmap;
    for at in 0..WORD_ORDER {
        // Maximal blocks only: half of a larger block would be no better fit than the larger block itself.
        let found = |&(_, &word): &(usize, &u64)| maximal(word, at) != 0;
        // Lower orders are passed through only to compute the starts of higher ones.
        if at >= order {
            if let Some((word, &bits)) = starts.iter().enumerate().find(found) {
                return Some(word * 64 + maximal(bits, at).trailing_zeros() as usize);
            }
        }
        for word in &mut starts {
            *word = doubled(*word, at);
        }
    }
    // From order 6 on: the same search, in the byte of full words.
    let mut starts = full_words(bitmap);
    for at in WORD_ORDER..=PAGEBLOCK_ORDER {
        // A whole pageblock has no larger block to be half of.
        let candidates = if at == PAGEBLOCK_ORDER { starts } else { maximal(starts, at - WORD_ORDER) };
        if at >= order && candidates != 0 {
            return Some(candidates.trailing_zeros() as usize * 64);
        }
        if at < PAGEBLOCK_ORDER {
            starts = doubled(starts, at - WORD_ORDER);
        }
    }
    None
}

/// The number of frames in the set.
pub(super) fn count(bitmap: &PageblockBitmap) -> usize {
    bitmap.iter().map(|word| word.count_ones() as usize).sum()
}

/// The first frame in the set.
pub(super) fn first(bitmap: &PageblockBitmap) -> Option<usize> {
    let (at, word) = bitmap.iter().enumerate().find(|(_, word)| **word != 0)?;
    Some(at * 64 + word.trailing_zeros() as usize)
}

/// The last frame in the set.
pub(super) fn last(bitmap: &PageblockBitmap) -> Option<usize> {
    let (at, word) = bitmap.iter().enumerate().rev().find(|(_, word)| **word != 0)?;
    Some(at * 64 + 63 - word.leading_zeros() as usize)
}

/// True if a frame is in the set.
pub(super) fn has(bitmap: &PageblockBitmap, frame: usize) -> bool {
    bitmap[frame / 64 % WORDS] >> (frame % 64) & 1 != 0
}

/// The set of a range of frames.
pub(super) fn of(frames: Range<usize>) -> PageblockBitmap {
    // Bits of a word below a frame, which may lie before the word or behind it.
    let below = |frame: usize, word: usize| match frame.saturating_sub(word * 64) {
        bits @ 0..64 => (1_u64 << bits) - 1,
        _ => u64::MAX,
    };
    let mut bitmap = [0; WORDS];
    for (word, bits) in bitmap.iter_mut().enumerate() {
        *bits = below(frames.end, word) & !below(frames.start, word);
    }
    bitmap
}

/// The intersection of two sets.
pub(super) fn and(one: &PageblockBitmap, other: &PageblockBitmap) -> PageblockBitmap {
    let mut both = *one;
    both.iter_mut().zip(other).for_each(|(word, bits)| *word &= bits);
    both
}

/// Adds the number of maximal free blocks of each order.
pub(super) fn count_by_order(bitmap: &PageblockBitmap, counts: &mut [usize; Order::COUNT]) {
    let mut starts = *bitmap;
    let (in_words, of_words) = counts.split_at_mut(usize::from(WORD_ORDER));
    for (order, count) in (0..).zip(in_words) {
        for word in &mut starts {
            *count += maximal(*word, order).count_ones() as usize;
            *word = doubled(*word, order);
        }
    }
    let mut starts = full_words(bitmap);
    for (order, count) in (0..=PAGEBLOCK_ORDER - WORD_ORDER).zip(of_words) {
        // Of a whole pageblock, `starts` is one bit and counts itself.
        let whole = order == PAGEBLOCK_ORDER - WORD_ORDER;
        *count += if whole { starts as usize } else { maximal(starts, order).count_ones() as usize };
        starts = doubled(starts, order);
    }
}

/// The bits of a block below order 6, within its word.
const fn mask(start: usize, order: u8) -> u64 {
    (1_u64 << (1 << order)).wrapping_sub(1) << (start % 64)
}

/// The word that a block starts in.
const fn word_of(start: usize) -> usize {
    start / 64 % WORDS
}

/// The words of a block of order 6 or more. A block is aligned to its size.
fn words(bitmap: &PageblockBitmap, start: usize, order: u8) -> &[u64] {
    let (first, count) = (word_of(start), 1 << (order - WORD_ORDER));
    bitmap.get(first..first + count).unwrap_or_default()
}

/// The mutable words of a block of order 6 or more.
fn words_mut(bitmap: &mut PageblockBitmap, start: usize, order: u8) -> &mut [u64] {
    let (first, count) = (word_of(start), 1 << (order - WORD_ORDER));
    bitmap.get_mut(first..first + count).unwrap_or_default()
}

/// True if all frames of a block are free.
pub(super) fn all_free(bitmap: &PageblockBitmap, start: usize, order: u8) -> bool {
    if order < WORD_ORDER {
        let bits = mask(start, order);
        return bitmap[word_of(start)] & bits == bits;
    }
    words(bitmap, start, order).iter().all(|&word| word == u64::MAX)
}

/// True if any frame of a block is free.
pub(super) fn any_free(bitmap: &PageblockBitmap, start: usize, order: u8) -> bool {
    if order < WORD_ORDER {
        bitmap[word_of(start)] & mask(start, order) != 0
    } else {
        words(bitmap, start, order).iter().any(|&word| word != 0)
    }
}

/// Sets the bits of a block.
pub(super) fn set(bitmap: &mut PageblockBitmap, start: usize, order: u8) {
    if order < WORD_ORDER {
        bitmap[word_of(start)] |= mask(start, order);
    } else {
        words_mut(bitmap, start, order).fill(u64::MAX);
    }
}

/// Clears the bits of a block.
pub(super) fn clear(bitmap: &mut PageblockBitmap, start: usize, order: u8) {
    if order < WORD_ORDER {
        bitmap[word_of(start)] &= !mask(start, order);
    } else {
        words_mut(bitmap, start, order).fill(0);
    }
}

/// The order of the maximal free block that contains the free block of `order` at `start`.
pub(super) fn merged_order(bitmap: &PageblockBitmap, start: usize, order: u8) -> u8 {
    let parent = |order: u8| start >> order << order;
    (order..PAGEBLOCK_ORDER).find(|&at| !all_free(bitmap, parent(at + 1), at + 1)).unwrap_or(PAGEBLOCK_ORDER)
}

/// Allocates the lowest free frames, writes each as `base` plus its number, and returns how many.
pub(super) fn take_lowest(bitmap: &mut PageblockBitmap, base: u32, out: &mut [u32]) -> usize {
    let mut taken = 0;
    let mut base = base;
    for word in bitmap {
        let Some(room) = out.get_mut(taken..) else { break };
        // A full word with room for it is 64 consecutive numbers: no search for bits, and the loop vectorizes.
        let whole = if *word == u64::MAX { room.first_chunk_mut::<64>() } else { None };
        if let Some(slots) = whole {
            slots.iter_mut().zip(0..).for_each(|(slot, frame)| *slot = base + frame);
            *word = 0;
            taken += 64;
        } else {
            for slot in room {
                if *word == 0 {
                    break;
                }
                *slot = base + word.trailing_zeros();
                // Clears the lowest set bit.
                *word &= *word - 1;
                taken += 1;
            }
        }
        base = base.wrapping_add(64);
    }
    taken
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Bitmaps of all densities: words that are full, empty, sparse, dense, or one run of bits.
    fn bitmaps() -> impl Strategy<Value = PageblockBitmap> {
        let word = prop_oneof![
            Just(u64::MAX),
            Just(0),
            any::<u64>(),
            (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a & b),
            (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(a, b, c)| a | b | c),
            (0..64_u32, 0..64_u32).prop_map(|(at, len)| u64::MAX >> len << at),
        ];
        prop::array::uniform8(word)
    }

    fn is_free(bitmap: &PageblockBitmap, frame: usize) -> bool {
        bitmap[frame / 64] >> (frame % 64) & 1 != 0
    }

    /// All maximal free blocks, found frame by frame.
    fn blocks_of(bitmap: &PageblockBitmap) -> Vec<(usize, u8)> {
        let (mut blocks, mut frame) = (Vec::new(), 0);
        while frame < 512 {
            let fits = |&order: &u8| {
                frame % (1 << order) == 0 && (frame..frame + (1 << order)).all(|frame| is_free(bitmap, frame))
            };
            match (0..=9).rev().find(fits) {
                Some(order) => {
                    blocks.push((frame, order));
                    frame += 1 << order;
                }
                None => frame += 1,
            }
        }
        blocks
    }

    proptest! {
        #[test]
        fn blocks_are_found_as_by_a_frame_by_frame_search(bitmap in bitmaps()) {
            let blocks = blocks_of(&bitmap);
            prop_assert_eq!(largest(&bitmap), blocks.iter().map(|block| block.1).max());
            let mut counts = [0; Order::COUNT];
            count_by_order(&bitmap, &mut counts);
            for order in 0..=9 {
                prop_assert_eq!(counts[usize::from(order)], blocks.iter().filter(|block| block.1 == order).count());
                let smallest = blocks.iter().filter(|block| block.1 >= order).min_by_key(|block| (block.1, block.0));
                prop_assert_eq!(best_fit(&bitmap, order), smallest.map(|block| block.0));
            }
        }

        #[test]
        fn a_block_is_its_frames(bitmap in bitmaps(), order in 0_u8..=9, at in 0_usize..512) {
            let start = at >> order << order;
            let frames = start..start + (1 << order);
            prop_assert_eq!(all_free(&bitmap, start, order), frames.clone().all(|frame| is_free(&bitmap, frame)));
            prop_assert_eq!(any_free(&bitmap, start, order), frames.clone().any(|frame| is_free(&bitmap, frame)));
            let (mut with, mut without) = (bitmap, bitmap);
            set(&mut with, start, order);
            clear(&mut without, start, order);
            for frame in 0..512 {
                let within = frames.contains(&frame);
                prop_assert_eq!(is_free(&with, frame), within || is_free(&bitmap, frame));
                prop_assert_eq!(is_free(&without, frame), !within && is_free(&bitmap, frame));
            }
            let around = blocks_of(&with).into_iter().find(|block| (block.0..block.0 + (1 << block.1)).contains(&start));
            prop_assert_eq!(Some(merged_order(&with, start, order)), around.map(|block| block.1));
        }

        #[test]
        fn a_set_of_frames_has_exactly_those(bitmap in bitmaps(), start in 0_usize..600, len in 0_usize..600) {
            let frames = start..start + len;
            let within = of(frames.clone());
            let (common, is) = (and(&bitmap, &within), |frame: &usize| is_free(&bitmap, *frame));
            for frame in 0..512 {
                prop_assert_eq!((has(&within, frame), has(&bitmap, frame)), (frames.contains(&frame), is(&frame)));
                prop_assert_eq!(has(&common, frame), frames.contains(&frame) && is(&frame));
            }
            prop_assert_eq!((first(&bitmap), last(&bitmap)), ((0..512).find(is), (0..512).rev().find(is)));
            prop_assert_eq!(count(&bitmap), (0..512).filter(is).count());
        }

        #[test]
        fn the_lowest_free_frames_are_taken(bitmap in bitmaps(), room in 0_usize..600) {
            let (mut rest, mut out) = (bitmap, [0; 600]);
            let taken = take_lowest(&mut rest, 5120, &mut out[..room]);
            let lowest: Vec<u32> = (0..512).filter(|&frame| is_free(&bitmap, frame)).map(|f| 5120 + f as u32).collect();
            prop_assert_eq!(&out[..taken], &lowest[..room.min(lowest.len())]);
            for frame in 0..512 {
                let kept = is_free(&bitmap, frame) && !out[..taken].contains(&(5120 + frame as u32));
                prop_assert_eq!(is_free(&rest, frame), kept);
            }
        }
    }
}
