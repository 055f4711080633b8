//! The naive model of a machine as it boots.

use std::collections::BTreeMap;

use zonelist_machines::{Block, BlockState, Golden, Kind};

use super::{BlockRow, CpuRow, Naive, ZoneRow, hotplugged_pages};

impl Naive {
    /// The machine as it booted; no node counted as having CPUs when its first lists were built.
    pub(crate) fn boot(golden: &Golden) -> Self {
        let mut naive = Self {
            page_bytes: golden.page_bytes,
            block_pages: golden.block_pages,
            pageblock_pages: golden.pageblock_pages,
            kinds: golden.zone_kinds.clone(),
            possible: sorted(&golden.possible),
            distance: distances(golden),
            thp: golden.thp,
            options: golden.boot_options.clone(),
            blocks: golden.blocks.iter().map(|block| boot_block(golden, block)).collect(),
            zones: Vec::new(),
            cpus: Vec::new(),
            online: sorted(&golden.boot.online),
            rows: BTreeMap::new(),
            policy_zone: golden.zone_kinds[0],
            sysctl: golden.sysctl.clone(),
            written: None,
        };
        naive.blocks.sort_by_key(|block| block.number);
        for (&node, cpus) in &golden.cpus.0 {
            let online = golden.boot.has_cpu.contains(&node);
            naive.cpus.extend(cpus.iter().map(|&cpu| CpuRow { cpu, node, online }));
        }
        for &node in &naive.possible {
            naive.zones.extend(golden.zone_kinds.iter().map(|&kind| boot_zone(golden, node, kind)));
        }
        for zone in 0..naive.zones.len() {
            let in_blocks = naive.blocks_of(zone).len() as i64 * naive.block_pages as i64;
            naive.zones[zone].present_beside -= in_blocks;
            naive.zones[zone].managed_beside -= in_blocks;
        }
        naive.set_marks();
        if golden.settled == Some(false) {
            for zone in &golden.zones {
                let at = naive.zone_at(zone.node, zone.kind).unwrap();
                let row = &mut naive.zones[at];
                row.min = zone.min.unwrap_or(row.min);
                row.low = zone.low.unwrap_or(row.low);
                row.high = zone.high.unwrap_or(row.high);
                row.protection = zone.protection.clone().unwrap_or(row.protection.clone());
            }
        }
        naive.rebuild(&naive.possible.clone(), &[], &naive.has_memory());
        naive
    }
}

/// Nodes, ascending.
fn sorted(nodes: &[u32]) -> Vec<u32> {
    let mut nodes = nodes.to_vec();
    nodes.sort();
    nodes
}

/// The distance of every two nodes: 10 and 20 if the table has a node at 10 to another, or not at 10 to itself.
fn distances(golden: &Golden) -> BTreeMap<(u32, u32), u32> {
    let mut all = BTreeMap::new();
    for (from, row) in golden.possible.iter().zip(&golden.distance) {
        for (to, distance) in golden.possible.iter().zip(row) {
            all.insert((*from, *to), *distance);
        }
    }
    if all.iter().any(|((from, to), distance)| (from == to) != (*distance == 10)) {
        for ((from, to), distance) in &mut all {
            *distance = if from == to { 10 } else { 20 };
        }
    }
    all
}

/// A block as it was at boot.
fn boot_block(golden: &Golden, block: &Block) -> BlockRow {
    let online = block.state == BlockState::Online;
    let hotplugged = hotplugged_pages(&golden.boot_options, golden.block_pages, golden.page_bytes);
    BlockRow {
        number: block.block,
        node: block.node,
        online,
        zone: block.zone,
        managed: if online { golden.block_pages } else { hotplugged },
        has_holes: golden.blocks_with_holes.contains(&block.block),
    }
}

/// A zone as it was at boot, with all of its pages still beside its blocks.
fn boot_zone(golden: &Golden, node: u32, kind: Kind) -> ZoneRow {
    let zone = golden.zones.iter().find(|zone| (zone.node, zone.kind) == (node, kind) && zone.present > 0);
    let span = zone.map(|zone| (zone.start_pfn, zone.start_pfn + zone.spanned));
    ZoneRow {
        node,
        kind,
        present_beside: zone.map_or(0, |zone| zone.present as i64),
        managed_beside: zone.map_or(0, |zone| zone.managed as i64),
        boot_span: span,
        span,
        min: 0,
        low: 0,
        high: 0,
        protection: Vec::new(),
    }
}
