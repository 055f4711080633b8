//! Whose the frames are of a machine that has booted, and which of them can't leave their zone.
//!
//! A whole block that is in one zone is that zone's, and can leave it. Everything else of a zone stays: its parts of
//! blocks that it shares or that have holes, and what lies in no block. Which frames these are is known from exact
//! ranges, where the description has them. Elsewhere a zone has them somewhere in its *area*: what of its span no
//! block or range gives to another zone. Areas that touch no other are enough, since there each frame has one owner at
//! most; a zone that needs all of its area has just that, so that it is out of the others'. Where two areas still
//! overlap, nothing says whose the frames are.

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
    /// Where they can be in blocks, and where else.
    in_blocks: FrameSet,
    elsewhere: FrameSet,
    /// Where they are taken to be: in blocks, if those have room for all.
    frames: FrameSet,
    /// Whether it is known that they are all of these.
    exact: bool,
}

impl Area {
    fn new(zone: ZoneId, needed: u64, in_blocks: FrameSet, elsewhere: FrameSet, exact: bool) -> Self {
        let mut area = Self { zone, needed, in_blocks, elsewhere, frames: FrameSet::default(), exact };
        area.place();
        area
    }

    fn place(&mut self) {
        let in_blocks = self.needed <= self.in_blocks.len();
        self.frames = if in_blocks { self.in_blocks.clone() } else { self.in_blocks.or(&self.elsewhere) };
    }

    fn give_up(&mut self, frames: &FrameSet) {
        self.in_blocks = self.in_blocks.without(frames);
        self.elsewhere = self.elsewhere.without(frames);
        self.place();
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
    if !ranges.ranges().is_empty() {
        let of_others = ranges.and(&all.without(&own).without(&shared));
        let missing = own.without(&ranges);
        if let Some(wrong) = of_others.ranges().first().or(missing.ranges().first()) {
            return Err(BlocksError::Range { block: wrong.start / blocks.pages.max(1), zone });
        }
        let rest = ranges.without(&own);
        return Ok(Area::new(zone, rest.len(), rest, FrameSet::default(), true));
    }
    // Page structures that a block holds itself are handed out by nobody.
    let memmap = FrameSet::of(listed.iter().filter(may_share).map(|block| {
        let start = blocks.frames(block.number).start;
        start..start.saturating_add(block.memmap_pages)
    }));
    let needed = size.present.saturating_sub(own.len()).saturating_sub(memmap.len());
    if needed == 0 {
        return Ok(Area::new(zone, 0, FrameSet::default(), FrameSet::default(), true));
    }
    let span = FrameSet::of([span]).without(exact);
    let (in_blocks, elsewhere) = (span.and(&shared).without(&memmap), span.without(&all));
    Ok(Area::new(zone, needed, in_blocks, elsewhere, false))
}

/// Takes what zones are known to have, since they need all of their area, out of the areas of all others. Says whether
/// there was anything to take.
fn settle(areas: &mut [Area]) -> bool {
    let is_known = |area: &Area| !area.exact && area.frames.len() == area.needed;
    let mut known = false;
    while let Some(at) = areas.iter().position(is_known) {
        let frames = areas[at].frames.clone();
        areas[at].exact = true;
        known = true;
        let others = areas.iter_mut().filter(|other| !other.exact && other.frames.first_common(&frames).is_some());
        others.for_each(|other| other.give_up(&frames));
    }
    known
}

/// The first frame that two zones may have.
fn first_unknown(areas: &[Area]) -> Option<UnknownOwner> {
    let ranges = areas.iter().flat_map(|area| area.frames.ranges().iter().map(|range| (range, area.zone)));
    let mut ranges: Vec<(&Range<u64>, ZoneId)> = ranges.collect();
    ranges.sort_unstable_by_key(|(range, zone)| (range.start, *zone));
    // A zone's own do not overlap, so that two that do are of two zones.
    let pair = ranges.windows(2).find(|pair| pair[1].0.start < pair[0].0.end)?;
    let (one, other, pfn) = (pair[0].1, pair[1].1, pair[1].0.start);
    Some(UnknownOwner { zones: (one.min(other), one.max(other)), pfn })
}
