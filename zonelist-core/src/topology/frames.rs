//! Checks of a machine's page frames: exact ranges of zones, and the capacity of their spans.

use alloc::{
    collections::{BTreeMap, BinaryHeap},
    vec::Vec,
};
use core::{cmp::Reverse, ops::Range};

use super::{
    description::{Memory, ZoneSize},
    error::MachineError,
};
use crate::{Pfn, ZoneId};

/// Checks exact ranges against the sizes of zones, and returns them ascending.
pub(super) fn sorted_ranges(
    sizes: Option<&Memory>,
    ranges: Vec<(ZoneId, Range<Pfn>)>,
) -> Result<Vec<(ZoneId, Range<Pfn>)>, MachineError> {
    let sizes = sizes.map_or(&[][..], |memory| &memory.zones);
    let size_of = |zone: ZoneId| sizes.iter().find(|size| size.zone == zone);
    for (index, (zone, range)) in ranges.iter().enumerate() {
        let span = size_of(*zone).map(ZoneSize::span);
        if range.is_empty() || span.is_none_or(|span| range.start < span.start || span.end < range.end) {
            return Err(MachineError::ZoneRange { index, zone: *zone });
        }
    }
    // Positions are sorted rather than ranges, so that an error names the position in the description.
    let mut positions: Vec<usize> = (0..ranges.len()).collect();
    positions.sort_by_key(|&index| ranges[index].1.start);
    for pair in positions.windows(2) {
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
    Ok(positions.into_iter().map(|index| ranges[index].clone()).collect())
}

/// Checks that the spans have room for all present frames, with the exact ranges as given.
///
/// The problem is unit-time scheduling with release times and deadlines: frame numbers are time slots, a zone's
/// present frames are its jobs, its span the window. Earliest deadline first succeeds whenever any assignment does:
///
/// ```text
/// pfn = 0; pending = {}
/// until no zone is pending or to come:
///     add each zone that starts at or before pfn to pending
///     skip pfn over exact ranges, which have their owner
///     zone = the zone of pending whose span ends first
///     assign frames from pfn on to it: up to its need, its end, the next start of a zone, the next exact range
///     none assigned: fail with this zone
/// ```
///
/// # Errors
/// The zone whose span has no room for some of its frames.
pub(super) fn check_capacity(sizes: &[ZoneSize], ranges: &[(ZoneId, Range<Pfn>)]) -> Result<(), MachineError> {
    let is_exact = |size: &&ZoneSize| ranges.iter().any(|(zone, _)| *zone == size.zone);
    // Zones with exact ranges are not assigned: their frames are `taken`.
    let mut to_come: Vec<&ZoneSize> = sizes.iter().filter(|size| size.present > 0 && !is_exact(size)).collect();
    to_come.sort_unstable_by_key(|size| Reverse(size.start_pfn));
    let mut taken = ranges.iter().map(|(_, range)| range).peekable();
    // End of the span, zone, and frames still needed: the earliest end is on top.
    let mut pending: BinaryHeap<Reverse<(Pfn, ZoneId, u64)>> = BinaryHeap::new();
    let mut pfn = Pfn::new(0);
    loop {
        if pending.is_empty() {
            // Nothing is needed before the next zone starts.
            pfn = match to_come.last() {
                Some(next) => pfn.max(next.start_pfn),
                None => return Ok(()),
            };
        }
        while let Some(&next) = to_come.last().filter(|next| next.start_pfn <= pfn) {
            to_come.pop();
            pending.push(Reverse((next.span().end, next.zone, next.present)));
        }
        while taken.next_if(|range| range.end <= pfn).is_some() {}
        let Some(Reverse((end, zone, needed))) = pending.pop() else { continue };
        // Above every frame of a machine.
        let none = Pfn::new(u64::MAX);
        let next_start = to_come.last().map_or(none, |next| next.start_pfn);
        let next_taken = taken.peek().map_or(none..none, |range| (*range).clone());
        if next_taken.contains(&pfn) {
            // These frames have an owner already: continue behind them.
            pending.push(Reverse((end, zone, needed)));
            pfn = next_taken.end;
            continue;
        }
        // Only up to the next start: the zone that starts there may have an earlier end.
        let frames = needed.min(end.saturating_sub(pfn)).min(next_start - pfn).min(next_taken.start - pfn);
        if frames == 0 {
            return Err(MachineError::NoRoom { zone });
        }
        pfn += frames;
        if needed > frames {
            pending.push(Reverse((end, zone, needed - frames)));
        }
    }
}
