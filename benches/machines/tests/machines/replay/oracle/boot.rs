//! The oracle of a machine as it boots.

use std::collections::BTreeMap;

use zonelist_machines::{BlockRecord, Kind, MachineFile, MemoryBlockState};

use super::{
    formulas::hotplugged_pages,
    tables::{BlockRow, CpuRow, Oracle, ZoneRow},
};

impl Oracle {
    /// The machine as it booted. Linux builds the first lists before it counts any CPU as online.
    pub(crate) fn boot(golden: &MachineFile) -> Self {
        let mut oracle = Self {
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
        oracle.blocks.sort_by_key(|block| block.number);
        for (&node, cpus) in &golden.cpus.0 {
            let online = golden.boot.has_cpu.contains(&node);
            oracle.cpus.extend(cpus.iter().map(|&cpu| CpuRow { cpu, node, online }));
        }
        for &node in &oracle.possible {
            oracle.zones.extend(golden.zone_kinds.iter().map(|&kind| boot_zone(golden, node, kind)));
        }
        for zone in 0..oracle.zones.len() {
            let in_blocks = oracle.blocks_of(zone).len() as i64 * oracle.block_pages as i64;
            oracle.zones[zone].present_beside -= in_blocks;
            oracle.zones[zone].managed_beside -= in_blocks;
        }
        oracle.set_watermarks();
        if golden.settled == Some(false) {
            for zone in &golden.zones {
                let at = oracle.zone_at(zone.node, zone.kind).unwrap();
                let row = &mut oracle.zones[at];
                row.min = zone.min.unwrap_or(row.min);
                row.low = zone.low.unwrap_or(row.low);
                row.high = zone.high.unwrap_or(row.high);
                row.protection = zone.protection.clone().unwrap_or(row.protection.clone());
            }
        }
        oracle.rebuild(&oracle.possible.clone(), &[], &oracle.has_memory());
        oracle
    }
}

/// The nodes, ascending.
fn sorted(nodes: &[u32]) -> Vec<u32> {
    let mut nodes = nodes.to_vec();
    nodes.sort();
    nodes
}

/// The distance of every two nodes, as the kernel printed it.
fn distances(golden: &MachineFile) -> BTreeMap<(u32, u32), u32> {
    let mut all = BTreeMap::new();
    for (from, row) in golden.possible.iter().zip(&golden.distance) {
        for (to, distance) in golden.possible.iter().zip(row) {
            all.insert((*from, *to), *distance);
        }
    }
    all
}

/// A block as it was at boot.
fn boot_block(golden: &MachineFile, block: &BlockRecord) -> BlockRow {
    let online = block.state == MemoryBlockState::Online;
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

/// A zone as it was at boot, with all of its pages counted as outside its blocks.
fn boot_zone(golden: &MachineFile, node: u32, kind: Kind) -> ZoneRow {
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
