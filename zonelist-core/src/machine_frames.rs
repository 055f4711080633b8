//! Whether the frames of a machine's zones can be: their exact ranges, and what their spans have room for.

use alloc::{
    collections::{BTreeMap, BinaryHeap},
    vec::Vec,
};
use core::{cmp::Reverse, ops::Range};

use crate::{MachineError, Memory, ZoneId, ZoneSize};

/// Checks exact ranges against the sizes of zones, and returns them ascending.
pub(crate) fn check_ranges(
    sizes: Option<&Memory>,
    ranges: Vec<(ZoneId, Range<u64>)>,
) -> Result<Vec<(ZoneId, Range<u64>)>, MachineError> {
    let sizes = sizes.map_or(&[][..], |memory| &memory.zones);
    let size_of = |zone: ZoneId| sizes.iter().find(|size| size.zone == zone);
    for (index, (zone, range)) in ranges.iter().enumerate() {
        let span = size_of(*zone).map(ZoneSize::span);
        if range.is_empty() || span.is_none_or(|span| range.start < span.start || span.end < range.end) {
            return Err(MachineError::ZoneRange { index, zone: *zone });
        }
    }
    let mut places: Vec<usize> = (0..ranges.len()).collect();
    places.sort_by_key(|&index| ranges[index].1.start);
    for pair in places.windows(2) {
        let ((other, before), (zone, range)) = (&ranges[pair[0]], &ranges[pair[1]]);
        if range.start < before.end {
            let (index, zones) = (pair[1], (*other, *zone));
            return Err(MachineError::RangeOverlap { index, zones, pfn: range.start });
        }
    }
    let mut frames_of: BTreeMap<ZoneId, u64> = BTreeMap::new();
    ranges.iter().for_each(|(zone, range)| *frames_of.entry(*zone).or_default() += range.end - range.start);
    for (zone, frames) in frames_of {
        let present = size_of(zone).map_or(0, |size| size.present);
        if frames != present {
            return Err(MachineError::RangeSum { zone, frames, present });
        }
    }
    Ok(places.into_iter().map(|index| ranges[index].clone()).collect())
}

/// Finds places for all present frames: each within its zone's span, and where the zone's exact ranges are if it has
/// some. Says which zone is left with frames that have none.
///
/// Frames are given out in order, each to the zone that ends first of those that still need one there: if that leaves
/// a zone short, so does every other way (this is scheduling by the earliest deadline).
pub(crate) fn check_room(sizes: &[ZoneSize], ranges: &[(ZoneId, Range<u64>)]) -> Result<(), MachineError> {
    let is_exact = |size: &&ZoneSize| ranges.iter().any(|(zone, _)| *zone == size.zone);
    let mut to_come: Vec<&ZoneSize> = sizes.iter().filter(|size| size.present > 0 && !is_exact(size)).collect();
    to_come.sort_unstable_by_key(|size| Reverse(size.start_pfn));
    let mut taken = ranges.iter().map(|(_, range)| range).peekable();
    // What is still needed, by where the zone ends.
    let mut open: BinaryHeap<Reverse<(u64, ZoneId, u64)>> = BinaryHeap::new();
    let mut pfn = 0;
    loop {
        if open.is_empty() {
            pfn = match to_come.last() {
                Some(next) => pfn.max(next.start_pfn),
                None => return Ok(()),
            };
        }
        while let Some(&next) = to_come.last().filter(|next| next.start_pfn <= pfn) {
            to_come.pop();
            open.push(Reverse((next.span().end, next.zone, next.present)));
        }
        while taken.next_if(|range| range.end <= pfn).is_some() {}
        let Some(Reverse((end, zone, needed))) = open.pop() else { continue };
        let next_start = to_come.last().map_or(u64::MAX, |next| next.start_pfn);
        let next_taken = taken.peek().map_or(u64::MAX..u64::MAX, |range| (*range).clone());
        if next_taken.contains(&pfn) {
            // Frames of exact ranges: goes on behind them.
            open.push(Reverse((end, zone, needed)));
            pfn = next_taken.end;
            continue;
        }
        let frames = needed.min(end.saturating_sub(pfn)).min(next_start - pfn).min(next_taken.start - pfn);
        if frames == 0 {
            return Err(MachineError::NoRoom { zone });
        }
        pfn += frames;
        if needed > frames {
            open.push(Reverse((end, zone, needed - frames)));
        }
    }
}
