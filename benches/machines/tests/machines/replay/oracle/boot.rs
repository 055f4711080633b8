//! The oracle of a machine as it boots.

use std::collections::BTreeMap;

use zonelist_machines::{BlockRecord, Kind, MachineFile, MemoryBlockState};

use super::{
    formulas::hotplugged_pages,
    tables::{BlockRow, BootBuild, CpuRow, Oracle, ZoneRow},
};

impl Oracle {
    /// The machine as it booted. Linux builds the first lists before it counts any CPU as online.
    pub(crate) fn boot(golden: &MachineFile) -> Self {
        let mut oracle = Self {
            release: release(golden),
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
            next_dimm: 0,
            boot_builds: Vec::new(),
            rows: BTreeMap::new(),
            lists: BTreeMap::new(),
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
        oracle.set_dimms(golden);
        oracle.boot_lists();
        oracle
    }

    /// Numbers the DIMMs. Where they are not known, each offline block is one.
    fn set_dimms(&mut self, golden: &MachineFile) {
        let offline = self.blocks.iter().filter(|block| !block.online).map(|block| (block.number, 1));
        for (first, count) in golden.dimms.clone().unwrap_or_else(|| offline.collect()) {
            self.next_dimm += 1;
            for block in self.blocks.iter_mut().filter(|block| (first..first + count).contains(&block.number)) {
                block.dimm = Some(self.next_dimm);
            }
        }
    }

    /// Builds the lists of boot: of the machine without its DIMMs, then of what each of these brings, one after another.
    fn boot_lists(&mut self) {
        let after = self.clone();
        for block in self.blocks.iter_mut().filter(|block| block.dimm.is_some()) {
            (block.online, block.zone) = (false, None);
        }
        let has_cpu = |node: u32| after.cpus.iter().any(|cpu| cpu.node == node);
        let is_of_dimms = |node: u32| {
            let mut own = after.blocks.iter().filter(|block| block.node == Some(node)).peekable();
            own.peek().is_some() && own.all(|block| block.dimm.is_some())
        };
        let at_first = self.has_memory();
        self.online.retain(|&node| has_cpu(node) || at_first.contains(&node) || !is_of_dimms(node));
        self.log_boot_build(&self.nodes_with_rows(), &[]);
        for at in 0..after.blocks.len() {
            let BlockRow { node: Some(node), online, zone, dimm: Some(_), .. } = after.blocks[at] else { continue };
            if after.online.contains(&node) && !self.online.contains(&node) {
                self.log_boot_build(&[node], &self.has_cpu());
                self.online.push(node);
                self.online.sort();
            }
            let before = zone.map(|kind| self.present(self.zone_at(node, kind).unwrap()));
            (self.blocks[at].online, self.blocks[at].zone) = (online, zone);
            if before == Some(0) {
                self.log_boot_build(&self.nodes_with_rows(), &self.has_cpu());
            }
        }
    }

    fn log_boot_build(&mut self, locals: &[u32], has_cpu: &[u32]) {
        let (built, _) = self.rebuild(locals, has_cpu, &self.has_memory());
        let present = (0..self.zones.len()).map(|zone| self.present(zone)).sum();
        let total_pages = (self.release >= (6, 10) && self.boot_builds.is_empty()).then_some(present);
        let rows = self.rows.iter().filter(|(local, _)| locals.contains(local));
        let rows = rows.map(|(&local, row)| (local, row.clone())).collect();
        let policy_zone = self.policy_zone;
        self.boot_builds.push(BootBuild { rows, built, total_pages, policy_zone });
    }
}

/// The release of the kernel that the file names; 6.1 if it names none.
fn release(golden: &MachineFile) -> (u32, u32) {
    let Some(kernel) = &golden.kernel else { return (6, 1) };
    let numbers: Vec<u32> =
        kernel.split(|letter: char| !letter.is_ascii_digit()).flat_map(str::parse).take(2).collect();
    (numbers[0], numbers[1])
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
        dimm: None,
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
