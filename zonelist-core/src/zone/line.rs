//! The 512 free bits of a pageblock: one cache line, in eight rows of 64.
//!
//! Nothing here merges buddies. A free block of order `o` is a run of `2^o` free bits that begins
//! at a multiple of its length, so two halves become one the moment that their bits are set. What
//! takes work is to find runs: halving a row `o` times leaves a bit at the start of each.
//!
//! No function panics: a place beyond the 512 has no bit, and an order beyond a line's is a line's.

use core::ops::Range;

use crate::zone::{ORDERS, PAGEBLOCK_ORDER};

/// A bit for each frame of a pageblock, set while it is free.
pub(super) type Line = [u64; ROWS];

const ROWS: usize = 8;

/// The lines in a slice of words, as many as are whole in it.
pub(super) fn lines(words: &mut [u64]) -> &mut [Line] {
    let count = words.len() / ROWS;
    // SAFETY: a line is `ROWS` words and as aligned as one, `count` lines are no more words than the
    // slice has, and they are borrowed for as long.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), count) }
}

/// The order of a whole row.
const ROW: u8 = 6;

/// Where runs of each order may begin within a row.
const STARTS: [u64; 7] = [
    u64::MAX,
    0x5555_5555_5555_5555,
    0x1111_1111_1111_1111,
    0x0101_0101_0101_0101,
    0x0001_0001_0001_0001,
    0x0000_0001_0000_0001,
    1,
];

/// From the starts of all runs of an order, those of the next.
const fn doubled(starts: u64, order: u8) -> u64 {
    starts & starts >> (1 << order) & STARTS[order as usize + 1]
}

/// Of the runs of an order, those that are no half of a longer one.
const fn lone(starts: u64, order: u8) -> u64 {
    let longer = doubled(starts, order);
    starts & !(longer | longer << (1 << order))
}

/// A bit for each row that is free as a whole.
fn full_rows(line: &Line) -> u64 {
    line.iter().rev().fold(0, |full, &row| full << 1 | u64::from(row == u64::MAX))
}

/// The order of the longest run, if there is any.
pub(super) fn longest(line: &Line) -> Option<u8> {
    let full = full_rows(line);
    if full != 0 {
        let (pairs, quads) = (doubled(full, 0), doubled(doubled(full, 0), 1));
        return Some(ROW + u8::from(pairs != 0) + u8::from(quads != 0) + u8::from(full == 0xff));
    }
    let mut starts = *line;
    for order in 0..ROW {
        if starts.iter().fold(0, |any, row| any | row) == 0 {
            return order.checked_sub(1);
        }
        for row in &mut starts {
            *row = doubled(*row, order);
        }
    }
    Some(ROW - 1)
}

/// Where the best place for a block of this order is: in the shortest run that will do, the lowest such.
pub(super) fn best_fit(line: &Line, order: u8) -> Option<usize> {
    let mut starts = *line;
    for at in 0..ROW {
        let found = |&(_, &row): &(usize, &u64)| lone(row, at) != 0;
        if at >= order {
            if let Some((row, &bits)) = starts.iter().enumerate().find(found) {
                return Some(row * 64 + lone(bits, at).trailing_zeros() as usize);
            }
        }
        for row in &mut starts {
            *row = doubled(*row, at);
        }
    }
    // From here on in rows: the same halving, of the eight bits that say which rows are whole.
    let mut starts = full_rows(line);
    for at in ROW..=PAGEBLOCK_ORDER {
        let alone = if at == PAGEBLOCK_ORDER { starts } else { lone(starts, at - ROW) };
        if at >= order && alone != 0 {
            return Some(alone.trailing_zeros() as usize * 64);
        }
        if at < PAGEBLOCK_ORDER {
            starts = doubled(starts, at - ROW);
        }
    }
    None
}

/// How many frames are free.
pub(super) fn count(line: &Line) -> usize {
    line.iter().map(|row| row.count_ones() as usize).sum()
}

/// The first frame that is free.
pub(super) fn first(line: &Line) -> Option<usize> {
    let (at, row) = line.iter().enumerate().find(|(_, row)| **row != 0)?;
    Some(at * 64 + row.trailing_zeros() as usize)
}

/// The last frame that is free.
pub(super) fn last(line: &Line) -> Option<usize> {
    let (at, row) = line.iter().enumerate().rev().find(|(_, row)| **row != 0)?;
    Some(at * 64 + 63 - row.leading_zeros() as usize)
}

/// Whether a frame is free.
pub(super) fn has(line: &Line, frame: usize) -> bool {
    line[frame / 64 % ROWS] >> (frame % 64) & 1 != 0
}

/// The line of which these frames are free, and no others.
pub(super) fn of(frames: Range<usize>) -> Line {
    // So many of the lowest bits of a row, from a place in the line that may lie before the row or behind it.
    let below = |place: usize, row: usize| match place.saturating_sub(row * 64) {
        bits @ 0..64 => (1_u64 << bits) - 1,
        _ => u64::MAX,
    };
    let mut line = [0; ROWS];
    for (row, bits) in line.iter_mut().enumerate() {
        *bits = below(frames.end, row) & !below(frames.start, row);
    }
    line
}

/// The frames that are free in both.
pub(super) fn and(one: &Line, other: &Line) -> Line {
    let mut both = *one;
    both.iter_mut().zip(other).for_each(|(row, bits)| *row &= bits);
    both
}

/// Adds how many maximal runs of each order there are.
pub(super) fn count_by_order(line: &Line, counts: &mut [usize; ORDERS]) {
    let mut starts = *line;
    let (in_rows, of_rows) = counts.split_at_mut(usize::from(ROW));
    for (order, count) in (0..).zip(in_rows) {
        for row in &mut starts {
            *count += lone(*row, order).count_ones() as usize;
            *row = doubled(*row, order);
        }
    }
    let mut starts = full_rows(line);
    for (order, count) in (0..=PAGEBLOCK_ORDER - ROW).zip(of_rows) {
        let whole = order == PAGEBLOCK_ORDER - ROW;
        *count += if whole { starts as usize } else { lone(starts, order).count_ones() as usize };
        starts = doubled(starts, order);
    }
}

/// The bits of a run of less than a row, in its row.
const fn mask(start: usize, order: u8) -> u64 {
    (1_u64 << (1 << order)).wrapping_sub(1) << (start % 64)
}

/// The row that a run begins in.
const fn row(start: usize) -> usize {
    start / 64 % ROWS
}

/// The rows of a run of whole rows. A run is aligned to its length.
fn rows(line: &Line, start: usize, order: u8) -> &[u64] {
    let (first, count) = (row(start), 1 << (order - ROW));
    line.get(first..first + count).unwrap_or_default()
}

/// The same, to be changed.
fn rows_mut(line: &mut Line, start: usize, order: u8) -> &mut [u64] {
    let (first, count) = (row(start), 1 << (order - ROW));
    line.get_mut(first..first + count).unwrap_or_default()
}

/// Whether a run is free, all of it.
pub(super) fn all_free(line: &Line, start: usize, order: u8) -> bool {
    if order < ROW {
        let bits = mask(start, order);
        return line[row(start)] & bits == bits;
    }
    rows(line, start, order).iter().all(|&row| row == u64::MAX)
}

/// Whether any of a run is free.
pub(super) fn any_free(line: &Line, start: usize, order: u8) -> bool {
    if order < ROW {
        line[row(start)] & mask(start, order) != 0
    } else {
        rows(line, start, order).iter().any(|&row| row != 0)
    }
}

/// Sets the bits of a run.
pub(super) fn set(line: &mut Line, start: usize, order: u8) {
    if order < ROW {
        line[row(start)] |= mask(start, order);
    } else {
        rows_mut(line, start, order).fill(u64::MAX);
    }
}

/// Clears the bits of a run.
pub(super) fn clear(line: &mut Line, start: usize, order: u8) {
    if order < ROW {
        line[row(start)] &= !mask(start, order);
    } else {
        rows_mut(line, start, order).fill(0);
    }
}

/// The order of the free run that a free block of `order` at `start` has become part of.
pub(super) fn merged(line: &Line, start: usize, order: u8) -> u8 {
    let parent = |order: u8| start >> order << order;
    (order..PAGEBLOCK_ORDER).find(|&at| !all_free(line, parent(at + 1), at + 1)).unwrap_or(PAGEBLOCK_ORDER)
}

/// Takes the lowest single frames out of a line, a row at a time, and writes each as `base` plus
/// its number. Returns how many.
pub(super) fn take_singles(line: &mut Line, base: u32, out: &mut [u32]) -> usize {
    let mut taken = 0;
    let mut base = base;
    for row in line {
        let Some(room) = out.get_mut(taken..) else { break };
        let whole = if *row == u64::MAX { room.first_chunk_mut::<64>() } else { None };
        if let Some(slots) = whole {
            slots.iter_mut().zip(0..).for_each(|(slot, frame)| *slot = base + frame);
            *row = 0;
            taken += 64;
        } else {
            for slot in room {
                if *row == 0 {
                    break;
                }
                *slot = base + row.trailing_zeros();
                *row &= *row - 1;
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

    /// Lines of all densities: the conjunction or disjunction of random rows, with some rows whole.
    fn lines() -> impl Strategy<Value = Line> {
        let row = prop_oneof![
            Just(u64::MAX),
            Just(0),
            any::<u64>(),
            (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a & b),
            (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(a, b, c)| a | b | c),
            (0..64_u32, 0..64_u32).prop_map(|(at, len)| u64::MAX >> len << at),
        ];
        prop::array::uniform8(row)
    }

    fn is_free(line: &Line, frame: usize) -> bool {
        line[frame / 64] >> (frame % 64) & 1 != 0
    }

    /// All maximal free runs, frame by frame.
    fn runs(line: &Line) -> Vec<(usize, u8)> {
        let (mut runs, mut frame) = (Vec::new(), 0);
        while frame < 512 {
            let fits = |&order: &u8| {
                frame % (1 << order) == 0 && (frame..frame + (1 << order)).all(|frame| is_free(line, frame))
            };
            match (0..=9).rev().find(fits) {
                Some(order) => {
                    runs.push((frame, order));
                    frame += 1 << order;
                }
                None => frame += 1,
            }
        }
        runs
    }

    proptest! {
        #[test]
        fn runs_are_found_as_a_frame_by_frame_search_finds_them(line in lines()) {
            let runs = runs(&line);
            prop_assert_eq!(longest(&line), runs.iter().map(|run| run.1).max());
            let mut counts = [0; ORDERS];
            count_by_order(&line, &mut counts);
            for order in 0..=9 {
                prop_assert_eq!(counts[usize::from(order)], runs.iter().filter(|run| run.1 == order).count());
                let shortest = runs.iter().filter(|run| run.1 >= order).min_by_key(|run| (run.1, run.0));
                prop_assert_eq!(best_fit(&line, order), shortest.map(|run| run.0));
            }
        }

        #[test]
        fn a_run_is_its_frames(line in lines(), order in 0_u8..=9, at in 0_usize..512) {
            let start = at >> order << order;
            let frames = start..start + (1 << order);
            prop_assert_eq!(all_free(&line, start, order), frames.clone().all(|frame| is_free(&line, frame)));
            prop_assert_eq!(any_free(&line, start, order), frames.clone().any(|frame| is_free(&line, frame)));
            let (mut with, mut without) = (line, line);
            set(&mut with, start, order);
            clear(&mut without, start, order);
            for frame in 0..512 {
                let within = frames.contains(&frame);
                prop_assert_eq!(is_free(&with, frame), within || is_free(&line, frame));
                prop_assert_eq!(is_free(&without, frame), !within && is_free(&line, frame));
            }
            let around = runs(&with).into_iter().find(|run| (run.0..run.0 + (1 << run.1)).contains(&start));
            prop_assert_eq!(Some(merged(&with, start, order)), around.map(|run| run.1));
        }

        #[test]
        fn a_line_of_frames_has_just_those(line in lines(), start in 0_usize..600, len in 0_usize..600) {
            let frames = start..start + len;
            let within = of(frames.clone());
            let (common, is) = (and(&line, &within), |frame: &usize| is_free(&line, *frame));
            for frame in 0..512 {
                prop_assert_eq!((has(&within, frame), has(&line, frame)), (frames.contains(&frame), is(&frame)));
                prop_assert_eq!(has(&common, frame), frames.contains(&frame) && is(&frame));
            }
            prop_assert_eq!((first(&line), last(&line)), ((0..512).find(is), (0..512).rev().find(is)));
            prop_assert_eq!(count(&line), (0..512).filter(is).count());
        }

        #[test]
        fn singles_are_the_lowest_free_frames(line in lines(), room in 0_usize..600) {
            let (mut rest, mut out) = (line, [0; 600]);
            let taken = take_singles(&mut rest, 5120, &mut out[..room]);
            let lowest: Vec<u32> = (0..512).filter(|&frame| is_free(&line, frame)).map(|f| 5120 + f as u32).collect();
            prop_assert_eq!(&out[..taken], &lowest[..room.min(lowest.len())]);
            for frame in 0..512 {
                let kept = is_free(&line, frame) && !out[..taken].contains(&(5120 + frame as u32));
                prop_assert_eq!(is_free(&rest, frame), kept);
            }
        }
    }
}
