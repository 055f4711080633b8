//! Whose the frames are of a machine that has booted, and which of them can't leave their zone.
//!
//! A whole block that is in one zone is that zone's, and can leave it. Everything else of a zone stays: its parts of
//! blocks that it shares or that have holes, and what lies in no block. Which frames these are is known from exact
//! ranges, where the description has them. Elsewhere a zone has them somewhere in its *area*: what of its span no
//! block or range gives to another zone. It is taken to have them in blocks, where those have room for all; else
//! anywhere in its area. That is enough if none of these frames is in the area of another zone, since then none can be
//! the other's. A zone that needs all of its area has just that, so that it is out of the others'. Where what one is
//! taken to have is still in the area of another, nothing says whose it is.

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

use super::{Block, BlockState, Blocks, BlocksError};
use crate::{Machine, Memory, UnknownOwner, ZoneId, ZoneSize, frame_set::FrameSet};

/// Frames that can't leave their zones, ascending for each.
pub(super) type Immovable = Arc<[(ZoneId, Range<u64>)]>;

/// What is known of a zone's frames that can't leave it.
struct Area {
    zone: ZoneId,
    /// How many there are.
    needed: u64,
    /// Where they can be, in blocks or elsewhere.
    all: FrameSet,
    /// Where they are taken to be.
    frames: FrameSet,
    /// Whether it is known that they are all of these.
    exact: bool,
}

impl Area {
    fn new(zone: ZoneId, needed: u64, in_blocks: FrameSet, elsewhere: &FrameSet, exact: bool) -> Self {
        let all = in_blocks.or(elsewhere);
        let frames = if needed <= in_blocks.len() { in_blocks } else { all.clone() };
        Self { zone, needed, all, frames, exact }
    }

    fn give_up(&mut self, frames: &FrameSet) {
        self.all = self.all.without(frames);
        self.frames = self.frames.without(frames);
        if self.frames.len() < self.needed {
            self.frames = self.all.clone();
        }
    }
}

/// The frames that can't leave their zones; or which two zones may have the same ones.
///
/// # Errors
/// The blocks contradict the sizes or the exact ranges.
pub(super) fn immovable(
    machine: &Machine,
    memory: &Memory,
    blocks: &Blocks,
) -> Result<Result<Immovable, UnknownOwner>, BlocksError> {
    let exact = FrameSet::of(machine.zone_ranges().iter().map(|(_, range)| range.clone()));
    let of_zones = memory.zones.iter().map(|size| area(size, machine, blocks, &exact));
    let mut areas = of_zones.collect::<Result<Vec<Area>, BlocksError>>()?;
    while let Some(unknown) = first_unknown(&areas) {
        if !settle(&mut areas) {
            return Ok(Err(unknown));
        }
    }
    let mut immovable = Vec::new();
    for Area { zone, needed, frames, .. } in areas {
        if frames.len() < needed {
            return Err(BlocksError::NoRoom { zone, needed, room: frames.len() });
        }
        immovable.extend(frames.ranges().iter().map(|range| (zone, range.clone())));
    }
    Ok(Ok(immovable.into()))
}

/// Whether a block lies in this zone alone, and may leave it.
fn is_own(block: &Block, zone: ZoneId) -> bool {
    is_online_in(block, zone) && !block.has_holes
}

fn is_online_in(block: &Block, zone: ZoneId) -> bool {
    block.node == Some(zone.node()) && block.state == BlockState::Online(zone.kind())
}

/// What is known of a zone, looked at alone.
fn area(size: &ZoneSize, machine: &Machine, blocks: &Blocks, exact: &FrameSet) -> Result<Area, BlocksError> {
    let (zone, span) = (size.zone, size.span());
    let listed = blocks.within(&span);
    let frames = |block: &Block| blocks.frames(block.number);
    let own = FrameSet::of(listed.iter().filter(|block| is_own(block, zone)).map(frames));
    let ranges = machine.zone_ranges().iter().filter(|(other, _)| *other == zone);
    let ranges = FrameSet::of(ranges.map(|(_, range)| range.clone()));
    let may_share = |block: &&Block| match block.state {
        BlockState::Shared => block.node.is_none_or(|node| node == zone.node()),
        _ => is_online_in(block, zone) && block.has_holes,
    };
    let shared = FrameSet::of(listed.iter().filter(may_share).map(frames));
    let all = FrameSet::of(listed.iter().map(frames));
    // Page structures that a block holds itself are never handed out.
    let memmap = FrameSet::of(listed.iter().map(|block| {
        let start = blocks.frames(block.number).start;
        start..start.saturating_add(block.memmap_pages)
    }));
    let usable = |rest: u64| {
        let usable = own.without(&memmap).len().saturating_add(rest);
        let managed = size.managed;
        if managed <= usable { Ok(rest) } else { Err(BlocksError::Managed { zone, managed, usable }) }
    };
    if !ranges.ranges().is_empty() {
        let of_others = ranges.and(&all.without(&own).without(&shared));
        let missing = own.without(&ranges);
        if let Some(wrong) = of_others.ranges().first().or(missing.ranges().first()) {
            return Err(BlocksError::Range { block: wrong.start / blocks.pages.max(1), zone });
        }
        let rest = ranges.without(&own).without(&memmap);
        return Ok(Area::new(zone, usable(rest.len())?, rest, &FrameSet::default(), true));
    }
    let needed = size.present.saturating_sub(own.len()).saturating_sub(shared.and(&memmap).len());
    if usable(needed)? == 0 {
        return Ok(Area::new(zone, 0, FrameSet::default(), &FrameSet::default(), true));
    }
    let span = FrameSet::of([span]).without(exact);
    let (in_blocks, elsewhere) = (span.and(&shared).without(&memmap), span.without(&all));
    Ok(Area::new(zone, needed, in_blocks, &elsewhere, false))
}

/// Takes what zones are known to have, since they need all of their area, out of the areas of all others. Says whether
/// there was anything to take.
fn settle(areas: &mut [Area]) -> bool {
    let is_known = |area: &Area| !area.exact && area.all.len() == area.needed;
    let mut known = false;
    while let Some(at) = areas.iter().position(is_known) {
        let frames = areas[at].all.clone();
        areas[at].exact = true;
        known = true;
        let others = areas.iter_mut().filter(|other| !other.exact && other.all.first_common(&frames).is_some());
        others.for_each(|other| other.give_up(&frames));
    }
    known
}

/// The first frame that a zone is taken to have and another may have.
fn first_unknown(areas: &[Area]) -> Option<UnknownOwner> {
    let of = |area: &Area, frames: &FrameSet, taken: bool| -> Vec<(Range<u64>, ZoneId, bool)> {
        frames.ranges().iter().map(|range| (range.clone(), area.zone, taken)).collect()
    };
    let both = |area: &Area| [of(area, &area.frames, true), of(area, &area.all, false)];
    let mut ranges: Vec<_> = areas.iter().flat_map(both).flatten().collect();
    ranges.sort_unstable_by_key(|(range, zone, taken)| (range.start, *zone, *taken));
    // Of what was so far taken, and of what there may be, where it ends: of the two zones where it ends last.
    let mut ends = [[None; 2]; 2];
    for (range, zone, taken) in ranges {
        let others = &ends[usize::from(!taken)];
        let other = others.iter().flatten().find(|(end, other)| *other != zone && *end > range.start);
        if let Some(&(_, other)) = other {
            return Some(UnknownOwner { zones: (zone.min(other), zone.max(other)), pfn: range.start });
        }
        let [last, before] = &mut ends[usize::from(taken)];
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

    /// Where they begin, and how long they are.
    type Ranges = Vec<(u64, u64)>;

    fn sets() -> impl Strategy<Value = (Ranges, Ranges)> {
        let ranges = || vec((0..60_u64, 1..9_u64), 0..4);
        (ranges(), ranges())
    }

    proptest! {
        #[test]
        fn a_frame_that_two_zones_may_have_is_found_as_zone_by_zone(parts in vec(sets(), 0..5)) {
            let set = |ranges: &Ranges| FrameSet::of(ranges.iter().map(|&(start, len)| start..start + len));
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
