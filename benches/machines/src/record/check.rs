//! Checks of the tables that a [`Machine`](zonelist_core::topology::Machine) does not hold: holes, free blocks, steps.

use std::collections::BTreeSet;

use super::{
    file::MachineFile,
    kind::Kind,
    step::{RecordedOperation, Step},
};
use crate::error::Problem;

/// Numbers of `blocks_with_holes` are blocks of the file, each once.
pub(super) fn holes(file: &MachineFile) -> Result<(), Problem> {
    let mut with_holes = BTreeSet::new();
    for (index, &block) in file.blocks_with_holes.iter().enumerate() {
        let known = file.blocks.iter().any(|other| other.block == block);
        if !known || !with_holes.insert(block) {
            let expected = "a block of `blocks`, each once";
            return Err(Problem::value(format!("blocks_with_holes[{index}]"), block, expected));
        }
    }
    Ok(())
}

/// Rows of `buddy` are zones of the file, each once, with no more free pages than the zone manages.
pub(super) fn free_blocks(file: &MachineFile) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for (index, buddy) in file.buddy.iter().enumerate() {
        let place = format!("buddy[{index}]");
        let zone = file.zones.iter().find(|zone| (zone.node, zone.kind) == (buddy.node, buddy.kind));
        let Some(zone) = zone.filter(|_| seen.insert((buddy.node, buddy.kind))) else {
            let found = format!("zone {}/{}", buddy.node, buddy.kind.0);
            return Err(Problem::value(place, found, "a zone of `zones`, each once"));
        };
        // `None` is a sum that overflows, which is above every managed size.
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

/// The operation of each step; no operand is missing, and chosen zones are of kinds that the machine has.
pub(super) fn operations(file: &MachineFile) -> Result<Vec<RecordedOperation>, Problem> {
    let operation = |(index, step): (usize, &Step)| {
        let mut operation = step.operation().map_err(|problem| match problem {
            Problem::Value { place, found, expected } => {
                Problem::Value { place: format!("steps[{index}].{place}"), found, expected }
            }
            other => other,
        })?;
        known_kind(file, step.zone, || format!("steps[{index}].zone"))?;
        // The policy's choice follows from the devices, where these are known.
        if let RecordedOperation::Block { zone, .. } = &mut operation
            && file.dimms.is_some()
        {
            *zone = None;
        }
        Ok(operation)
    };
    file.steps.iter().enumerate().map(operation).collect()
}

fn known_kind(file: &MachineFile, kind: Option<Kind>, place: impl FnOnce() -> String) -> Result<(), Problem> {
    match kind {
        Some(kind) if !file.zone_kinds.contains(&kind) => {
            Err(Problem::value(place(), kind.0, "a kind of `zone_kinds`"))
        }
        _ => Ok(()),
    }
}
