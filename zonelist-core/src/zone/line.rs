//! The 512 free bits of a pageblock: one cache line, in eight rows of 64.
//!
//! Nothing here merges buddies. A free block of order `o` is a run of `2^o` free bits that begins
//! at a multiple of its length, so two halves become one the moment that their bits are set. What
//! takes work is to find runs: halving a row `o` times leaves a bit at the start of each.

use crate::zone::PAGEBLOCK_ORDER;

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

/// Adds how many maximal runs of each order there are.
pub(super) fn count_by_order(line: &Line, counts: &mut [usize]) {
    let mut starts = *line;
    for order in 0..ROW {
        for row in &mut starts {
            counts[usize::from(order)] += lone(*row, order).count_ones() as usize;
            *row = doubled(*row, order);
        }
    }
    let mut starts = full_rows(line);
    for order in ROW..PAGEBLOCK_ORDER {
        counts[usize::from(order)] += lone(starts, order - ROW).count_ones() as usize;
        starts = doubled(starts, order - ROW);
    }
    counts[usize::from(PAGEBLOCK_ORDER)] += starts as usize;
}

/// The rows that a run lies in, and its bits in each of them. A run is aligned to its length.
fn run(start: usize, order: u8) -> (core::ops::Range<usize>, u64) {
    let row = start / 64 % ROWS;
    if order >= ROW {
        (row..ROWS.min(row + (1 << (order - ROW))), u64::MAX)
    } else {
        (row..row + 1, mask(start, order))
    }
}

const fn mask(start: usize, order: u8) -> u64 {
    (1_u64 << (1 << order)).wrapping_sub(1) << (start % 64)
}

/// Whether a run is free, all of it.
pub(super) fn all_free(line: &Line, start: usize, order: u8) -> bool {
    let (rows, bits) = run(start, order);
    line[rows].iter().all(|row| row & bits == bits)
}

/// Whether any of a run is free.
pub(super) fn any_free(line: &Line, start: usize, order: u8) -> bool {
    let (rows, bits) = run(start, order);
    line[rows].iter().any(|row| row & bits != 0)
}

/// Sets the bits of a run.
pub(super) fn set(line: &mut Line, start: usize, order: u8) {
    let (rows, bits) = run(start, order);
    line[rows].iter_mut().for_each(|row| *row |= bits);
}

/// Clears the bits of a run.
pub(super) fn clear(line: &mut Line, start: usize, order: u8) {
    let (rows, bits) = run(start, order);
    line[rows].iter_mut().for_each(|row| *row &= !bits);
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
    for (row, base) in line.iter_mut().zip((base..).step_by(64)) {
        let room = &mut out[taken..];
        if *row == u64::MAX && room.len() >= 64 {
            room[..64].iter_mut().zip(base..).for_each(|(slot, frame)| *slot = frame);
            *row = 0;
            taken += 64;
            continue;
        }
        for slot in room {
            if *row == 0 {
                break;
            }
            *slot = base + row.trailing_zeros();
            *row &= *row - 1;
            taken += 1;
        }
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
            let mut counts = [0; 10];
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
