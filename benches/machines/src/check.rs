//! Checks of what a recorded machine holds beyond nodes, zones and blocks: holes, free lists, steps.

use std::collections::BTreeSet;

use super::{
    Problem,
    golden::{Golden, Kind},
};

/// The first entry of those tables that contradicts the rest of the file.
pub(super) fn tables(golden: &Golden) -> Result<(), Problem> {
    holes(golden)?;
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

fn holes(golden: &Golden) -> Result<(), Problem> {
    let mut with_holes = BTreeSet::new();
    for (index, &block) in golden.blocks_with_holes.iter().enumerate() {
        let known = golden.blocks.iter().any(|other| other.block == block);
        if !known || !with_holes.insert(block) {
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
