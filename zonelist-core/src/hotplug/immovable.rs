//! Immovable ranges: frames that can't leave their zone, computed with the zone of each frame after boot.
//!
//! A whole block in one zone belongs to that zone, and can leave it. All other frames of a zone are immovable: its
//! parts of blocks that it shares or that have holes, and frames in no block.
//!
//! Exact ranges name these frames, where the description has them. Without them, a zone has its immovable frames
//! somewhere in its *area*: the part of its span that no block or range gives to another zone.
//!
//! ```text
//! for each zone:
//!     needed = present frames, less those of its own blocks
//!     area   = its exact ranges, else the span without others' blocks and exact ranges
//!     frames = the blocks in the area, if they have room for `needed`; else the whole area
//! while a frame of one zone is in the area of another:
//!     if a zone needs all of its area: remove that area from all other areas
//!     else: the zone of that frame is unknown
//! ```
//!
//! Frames that are in no other area can't belong to another zone, so the result is certain.

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

use super::memory_block::{MemoryBlock, MemoryBlockState, MemoryBlocks, MemoryBlocksError};
use crate::{
    Pfn, ZoneId,
    topology::{FrameSet, Machine, Memory, ZoneSize},
    zone::UnknownOwner,
};

/// Frames that can't leave their zones, with the zone, ascending for each zone.
pub(super) type Immovable = Arc<[(ZoneId, Range<Pfn>)]>;

/// The known facts of a zone's immovable frames.
struct Area {
    zone: ZoneId,
    /// Their number.
    needed: u64,
    /// Frames that they may be, in blocks or elsewhere.
    all: FrameSet,
    /// Frames that they are assumed to be.
    frames: FrameSet,
    /// True if they are known to be all of these.
    exact: bool,
}

impl Area {
    fn new(zone: ZoneId, needed: u64, in_blocks: FrameSet, outside: &FrameSet, exact: bool) -> Self {
        let all = in_blocks.or(outside);
        let frames = if needed <= in_blocks.len() { in_blocks } else { all.clone() };
        Self { zone, needed, all, frames, exact }
    }

    /// Removes frames that are another zone's.
    fn exclude(&mut self, frames: &FrameSet) {
        self.all = self.all.without(frames);
        self.frames = self.frames.without(frames);
        // Too few are left in blocks: the assumption that all are there was wrong.
        if self.frames.len() < self.needed {
            self.frames = self.all.clone();
        }
    }
}

/// The immovable ranges of all zones; or two zones that may have the same frames.
///
/// # Errors
/// The blocks contradict the sizes or the exact ranges.
pub(super) fn immovable(
    machine: &Machine,
    memory: &Memory,
    blocks: &MemoryBlocks,
) -> Result<Result<Immovable, UnknownOwner>, MemoryBlocksError> {
    let exact = FrameSet::of(machine.zone_ranges().iter().map(|(_, range)| range.clone()));
    let of_zones = memory.zones.iter().map(|size| area(size, machine, blocks, &exact));
    let mut areas = of_zones.collect::<Result<Vec<Area>, MemoryBlocksError>>()?;
    while let Some(unknown) = first_unknown(&areas) {
        if !exclude_known(&mut areas) {
            return Ok(Err(unknown));
        }
    }
    let mut immovable = Vec::new();
    for Area { zone, needed, frames, .. } in areas {
        if frames.len() < needed {
            return Err(MemoryBlocksError::NoRoom { zone, needed, room: frames.len() });
        }
        immovable.extend(frames.ranges().iter().map(|range| (zone, range.clone())));
    }
    Ok(Ok(immovable.into()))
}

/// True if a block is in this zone alone, and can leave it.
fn is_own(block: &MemoryBlock, zone: ZoneId) -> bool {
    is_online_in(block, zone) && !block.has_holes
}

fn is_online_in(block: &MemoryBlock, zone: ZoneId) -> bool {
    block.node == Some(zone.node()) && block.state == MemoryBlockState::Online(zone.kind())
}

/// The area of a zone by its own size, blocks and exact ranges, regardless of other zones.
fn area(
    size: &ZoneSize,
    machine: &Machine,
    blocks: &MemoryBlocks,
    exact: &FrameSet,
) -> Result<Area, MemoryBlocksError> {
    let (zone, span) = (size.zone, size.span());
    let listed = blocks.within(&span);
    let frames = |block: &MemoryBlock| blocks.frames(block.number);
    let own = FrameSet::of(listed.iter().filter(|block| is_own(block, zone)).map(frames));
    let ranges = machine.zone_ranges().iter().filter(|(other, _)| *other == zone);
    let ranges = FrameSet::of(ranges.map(|(_, range)| range.clone()));
    let may_share = |block: &&MemoryBlock| match block.state {
        MemoryBlockState::Shared => block.node.is_none_or(|node| node == zone.node()),
        _ => is_online_in(block, zone) && block.has_holes,
    };
    let shared = FrameSet::of(listed.iter().filter(may_share).map(frames));
    let all = FrameSet::of(listed.iter().map(frames));
    // Pages that hold a block's own page structures are never managed.
    let memmap = FrameSet::of(listed.iter().map(|block| {
        let start = blocks.frames(block.number).start;
        start..start.saturating_add(block.memmap_pages)
    }));
    let usable = |rest: u64| {
        let usable = own.without(&memmap).len().saturating_add(rest);
        let managed = size.managed;
        if managed <= usable { Ok(rest) } else { Err(MemoryBlocksError::Managed { zone, managed, usable }) }
    };
    if !ranges.ranges().is_empty() {
        // Exact ranges must cover the zone's own blocks, and no block that is certainly not the zone's.
        let of_others = ranges.and(&all.without(&own).without(&shared));
        let missing = own.without(&ranges);
        if let Some(wrong) = of_others.ranges().first().or(missing.ranges().first()) {
            return Err(MemoryBlocksError::Range { block: blocks.block_of(wrong.start), zone });
        }
        let rest = ranges.without(&own).without(&memmap);
        return Ok(Area::new(zone, usable(rest.len())?, rest, &FrameSet::default(), true));
    }
    let needed = size.present.saturating_sub(own.len()).saturating_sub(shared.and(&memmap).len());
    // All of the zone's frames are in own blocks, so the rest of its span is no area of it.
    if usable(needed)? == 0 {
        return Ok(Area::new(zone, 0, FrameSet::default(), &FrameSet::default(), true));
    }
    let span = FrameSet::of([span]).without(exact);
    let (in_blocks, outside) = (span.and(&shared).without(&memmap), span.without(&all));
    Ok(Area::new(zone, needed, in_blocks, &outside, false))
}

/// Removes the areas of zones that need all of their area from those of all other zones. Returns true if there was such
/// a zone.
fn exclude_known(areas: &mut [Area]) -> bool {
    let is_known = |area: &Area| !area.exact && area.all.len() == area.needed;
    let mut known = false;
    while let Some(at) = areas.iter().position(is_known) {
        let frames = areas[at].all.clone();
        // Each zone is found once, so the loop ends; its removal may make the areas of others exact.
        areas[at].exact = true;
        known = true;
        let others = areas.iter_mut().filter(|other| !other.exact && other.all.first_common(&frames).is_some());
        others.for_each(|other| other.exclude(&frames));
    }
    known
}

/// The first frame that one zone is assumed to have and another may have.
///
/// A sweep over all ranges by their start, in `O(n log n)`.
fn first_unknown(areas: &[Area]) -> Option<UnknownOwner> {
    let of = |area: &Area, frames: &FrameSet, assumed: bool| -> Vec<(Range<Pfn>, ZoneId, bool)> {
        frames.ranges().iter().map(|range| (range.clone(), area.zone, assumed)).collect()
    };
    let both = |area: &Area| [of(area, &area.frames, true), of(area, &area.all, false)];
    let mut ranges: Vec<_> = areas.iter().flat_map(both).flatten().collect();
    ranges.sort_unstable_by_key(|(range, zone, assumed)| (range.start, *zone, *assumed));
    // Of the ranges so far, by kind (possible, assumed): the two furthest ends, of different zones. Two suffice, since
    // one of them is always of another zone than the next range.
    let mut ends = [[None; 2]; 2];
    for (range, zone, assumed) in ranges {
        let others = &ends[usize::from(!assumed)];
        let other = others.iter().flatten().find(|(end, other)| *other != zone && *end > range.start);
        if let Some(&(_, other)) = other {
            return Some(UnknownOwner { zones: (zone.min(other), zone.max(other)), pfn: range.start });
        }
        let [last, before] = &mut ends[usize::from(assumed)];
        let this = Some((range.end, zone));
        if last.is_none_or(|(_, other)| other == zone) {
            *last = this.max(*last);
        } else if this > *last {
            (*before, *last) = (*last, this);
        } else {
            *before = this.max(*before);
        }
    }
    None
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{NodeId, ZoneKind};

    /// Starts and lengths.
    type Ranges = Vec<(u64, u64)>;

    fn sets() -> impl Strategy<Value = (Ranges, Ranges)> {
        let ranges = || vec((0..60_u64, 1..9_u64), 0..4);
        (ranges(), ranges())
    }

    proptest! {
        #[test]
        fn the_sweep_agrees_with_a_comparison_of_all_pairs(parts in vec(sets(), 0..5)) {
            let set = |ranges: &Ranges| FrameSet::of(ranges.iter().map(|&(start, len)| Pfn::range(start..start + len)));
            let areas: Vec<Area> = (0..).zip(&parts).map(|(node, (some, others))| {
                let zone = ZoneId::new(NodeId::new(node).unwrap(), ZoneKind::Normal);
                let frames = set(some);
                Area { zone, needed: 0, all: frames.or(&set(others)), frames, exact: false }
            }).collect();
            let pairs = areas.iter().flat_map(|one| areas.iter().map(move |other| (one, other)));
            let common = pairs.filter(|(one, other)| one.zone != other.zone)
                .filter_map(|(one, other)| one.frames.first_common(&other.all));
            let first = first_unknown(&areas);
            prop_assert_eq!(first.map(|unknown| unknown.pfn), common.min());
            if let Some(UnknownOwner { zones: (one, other), pfn }) = first {
                let of = |zone| areas.iter().find(|area| area.zone == zone).unwrap();
                let has = |zone| of(zone).all.ranges().iter().any(|range| range.contains(&pfn));
                prop_assert!(one < other && has(one) && has(other));
            }
        }
    }
}
