//! Checks of what a recorded machine holds beyond nodes and zones: memory blocks, free lists, steps.

use std::collections::BTreeSet;

use super::{
    Problem,
    golden::{Golden, Kind},
};

/// Page frames are below this, so that no sum or product of them leaves 64 bits.
const MAX_PAGES: u64 = 1 << 48;

/// The first entry of those tables that contradicts the rest of the file.
pub(super) fn tables(golden: &Golden) -> Result<(), Problem> {
    if !golden.block_pages.is_power_of_two() || golden.block_pages > 1 << 32 {
        return Err(Problem::value("block_pages", golden.block_pages, "a power of two up to 2^32"));
    }
    blocks(golden)?;
    free_lists(golden)?;
    for (index, step) in golden.steps.iter().enumerate() {
        step.operation().map_err(|problem| match problem {
            Problem::Value { place, found, expected } => {
                Problem::Value { place: format!("steps[{index}].{place}"), found, expected }
            }
            other => other,
        })?;
        known_kind(golden, step.zone, || format!("steps[{index}].zone"))?;
    }
    Ok(())
}

fn blocks(golden: &Golden) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for (index, block) in golden.blocks.iter().enumerate() {
        if block.block >= MAX_PAGES / golden.block_pages {
            let expected = "a number whose pages are below 2^48";
            return Err(Problem::value(format!("blocks[{index}].block"), block.block, expected));
        }
        if !seen.insert(block.block) {
            return Err(Problem::value(format!("blocks[{index}].block"), block.block, "each block once"));
        }
        if let Some(node) = block.node.filter(|node| !golden.possible.contains(node)) {
            return Err(Problem::value(format!("blocks[{index}].node"), node, "a node of `possible`"));
        }
        known_kind(golden, block.zone, || format!("blocks[{index}].zone"))?;
    }
    let mut with_holes = BTreeSet::new();
    for (index, &block) in golden.blocks_with_holes.iter().enumerate() {
        if !seen.contains(&block) || !with_holes.insert(block) {
            let expected = "a block of `blocks`, each once";
            return Err(Problem::value(format!("blocks_with_holes[{index}]"), block, expected));
        }
    }
    Ok(())
}

fn free_lists(golden: &Golden) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for (index, buddy) in golden.buddy.iter().enumerate() {
        let place = format!("buddy[{index}]");
        let zone = golden.zones.iter().find(|zone| (zone.node, zone.kind) == (buddy.node, buddy.kind));
        let Some(zone) = zone.filter(|_| seen.insert((buddy.node, buddy.kind))) else {
            let found = format!("zone {}/{}", buddy.node, buddy.kind.0);
            return Err(Problem::value(place, found, "a zone of `zones`, each once"));
        };
        let pages = |(order, &count): (usize, &u64)| count.checked_mul(1u64.checked_shl(order as u32)?);
        let counts = buddy.free_by_order.iter().enumerate().map(pages);
        let free = counts.reduce(|sum, pages| sum?.checked_add(pages?)).unwrap_or(Some(0));
        if free.is_none_or(|free| free > zone.managed) {
            let found = free.map_or("more than 2^64 free pages".into(), |free| format!("{free} free pages"));
            let expected = format!("at most the {} managed pages of the zone", zone.managed);
            return Err(Problem::value(place + ".free_by_order", found, expected));
        }
    }
    Ok(())
}

fn known_kind(golden: &Golden, kind: Option<Kind>, place: impl FnOnce() -> String) -> Result<(), Problem> {
    match kind {
        Some(kind) if !golden.zone_kinds.contains(&kind) => {
            Err(Problem::value(place(), kind.0, "a kind of `zone_kinds`"))
        }
        _ => Ok(()),
    }
}
