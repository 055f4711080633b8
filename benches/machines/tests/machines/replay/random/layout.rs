//! Lays out the plan of a machine as a machine file.

use std::collections::BTreeMap;

use zonelist_core::ZoneKind;
use zonelist_machines::{BlockRecord, Boot, ByNode, Kind, MachineFile, MemoryBlockState, Sysctl, ZoneRecord};

/// The first block number of memory without listed blocks, above every block that is plugged in.
const UNLISTED: u64 = 1 << 12;

/// The drawn plan of a machine.
#[derive(Clone, Debug)]
pub(super) struct MachinePlan {
    pub(super) block_order: u32,
    pub(super) page_bytes: u64,
    pub(super) pageblock_order: u32,
    /// Which of DMA, DMA32, Movable and Device the kernel has; it always has Normal.
    pub(super) kinds: [bool; 4],
    /// Boot options, `thp`, and `settled`.
    pub(super) options: (String, bool, Option<bool>),
    pub(super) kernel: Option<String>,
    /// True if the DIMMs are known: each run of offline blocks behind a node's memory is one.
    pub(super) dimms: bool,
    /// Distances, of which a smaller machine uses the first ones, and whether the matrix is symmetric.
    pub(super) distances: (Vec<u32>, bool),
    /// `min_free_kbytes`, `watermark_scale_factor`, ratios.
    pub(super) sysctl: (u64, u32, Vec<u32>),
    pub(super) nodes: Vec<NodePlan>,
}

/// The drawn plan of a node.
#[derive(Clone, Debug)]
pub(super) struct NodePlan {
    /// The count of unused numbers below its own.
    pub(super) numbers_free: u32,
    pub(super) online: bool,
    pub(super) cpus: u32,
    pub(super) cpus_online: bool,
    /// Its DMA, DMA32, Normal and Movable zones.
    pub(super) zones: [Option<ZonePlan>; 4],
    /// The count of blocks without memory before its own.
    pub(super) blocks_free: u64,
    /// True if it begins in the last block of the node before it.
    pub(super) shares_block: bool,
    /// The count of offline blocks after its memory.
    pub(super) spare: u64,
    /// True if its blocks are listed.
    pub(super) listed: bool,
}

/// The drawn plan of a zone.
#[derive(Clone, Debug)]
pub(super) struct ZonePlan {
    /// Its length in whole blocks, to which `eighths` of a block are added.
    pub(super) blocks: u64,
    pub(super) eighths: u64,
    /// Reserved pages in 64ths of the present ones.
    pub(super) reserved: u64,
    /// True if its last block lacks pages.
    pub(super) hole: bool,
    /// True if one of its inner blocks is offline.
    pub(super) offline_inside: bool,
    /// Its min watermark and the distances to the others, if they are recorded.
    pub(super) watermarks: [u64; 3],
}

/// A zone's memory: the page frames `start..end`.
struct Segment {
    node: u32,
    kind: Kind,
    start: u64,
    end: u64,
    plan: ZonePlan,
}

impl MachinePlan {
    /// The machine as a machine file.
    pub(super) fn lay_out(mut self) -> MachineFile {
        self.ensure_memory();
        let block_pages = 1 << self.block_order;
        let nodes: Vec<u32> = self
            .nodes
            .iter()
            .scan(0, |next, plan| {
                *next += plan.numbers_free + 1;
                Some(*next - 1)
            })
            .collect();
        let kinds = self.kinds();
        let (segments, spares) = self.segments(&nodes, &kinds);
        let (blocks, blocks_with_holes, offline) = blocks(&segments, &spares, block_pages);
        let dimms = self.dimms.then(|| dimms(&spares));
        let (options, thp, settled) = self.options.clone();
        let zones: Vec<ZoneRecord> = segments
            .iter()
            .map(|segment| {
                let inside = offline.iter().filter(|&&block| segment.holds(block * block_pages)).count() as u64;
                zone(segment, inside, block_pages, (settled == Some(false)).then_some(&kinds))
            })
            .collect();
        let mut cpus = BTreeMap::new();
        let mut next_cpu = 0;
        for (&node, plan) in nodes.iter().zip(&self.nodes) {
            cpus.insert(node, (next_cpu..next_cpu + plan.cpus).collect());
            next_cpu += plan.cpus;
        }
        let having = |wanted: fn(&NodePlan) -> bool| {
            let both = nodes.iter().zip(&self.nodes);
            both.filter(|(_, plan)| wanted(plan)).map(|(&node, _)| node).collect::<Vec<u32>>()
        };
        let has_memory = nodes.iter().copied().filter(|&node| zones.iter().any(|zone| zone.node == node)).collect();
        MachineFile {
            name: None,
            description: None,
            kernel: self.kernel.clone(),
            boot_options: options,
            page_bytes: self.page_bytes,
            block_pages,
            pageblock_pages: 1 << self.pageblock_order,
            possible: nodes.clone(),
            distance: self.matrix(nodes.len()),
            cpus: ByNode(cpus),
            thp,
            boot: Boot {
                online: having(|plan| plan.online),
                has_cpu: having(|plan| plan.online && plan.cpus_online && plan.cpus > 0),
                has_memory,
                fallback_order: None,
                total_pages: None,
                policy_zone: None,
                later_builds: None,
            },
            sysctl: Sysctl {
                min_free_kbytes: self.sysctl.0,
                watermark_scale_factor: self.sysctl.1,
                lowmem_reserve_ratio: self.sysctl.2[..kinds.len()].to_vec(),
            },
            zone_kinds: kinds,
            settled,
            zones,
            zone_ranges: Vec::new(),
            blocks,
            blocks_with_holes,
            dimms,
            buddy: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// A machine without memory at boot gets some in the first node's Normal zone.
    fn ensure_memory(&mut self) {
        let kinds = self.kinds();
        let any = self.nodes.iter().any(|node| node.online && node.zones(&kinds).count() > 0);
        if !any {
            let two_blocks = ZonePlan {
                blocks: 2,
                eighths: 0,
                reserved: 3,
                hole: false,
                offline_inside: false,
                watermarks: [9, 2, 2],
            };
            self.nodes[0].online = true;
            self.nodes[0].zones[2] = Some(two_blocks);
        }
    }

    /// The kinds of zone, ascending.
    fn kinds(&self) -> Vec<Kind> {
        let [dma, dma32, movable, device] = self.kinds;
        let all = [
            (dma, ZoneKind::Dma),
            (dma32, ZoneKind::Dma32),
            (true, ZoneKind::Normal),
            (movable, ZoneKind::Movable),
            (device, ZoneKind::Device),
        ];
        all.into_iter().filter(|(there, _)| *there).map(|(_, kind)| Kind(kind)).collect()
    }

    /// The distance matrix of that count of nodes.
    fn matrix(&self, nodes: usize) -> Vec<Vec<u32>> {
        let (cells, symmetric) = &self.distances;
        let distance = |from: usize, to: usize| match (from == to, symmetric) {
            (true, _) => 10,
            (false, true) => cells[from.min(to) * nodes + from.max(to)],
            (false, false) => cells[from * nodes + to],
        };
        (0..nodes).map(|from| (0..nodes).map(|to| distance(from, to)).collect()).collect()
    }

    /// The memory of the zones of all nodes, and the offline blocks after it with their nodes.
    fn segments(&self, nodes: &[u32], kinds: &[Kind]) -> (Vec<Segment>, BTreeMap<u64, u32>) {
        let block_pages = 1u64 << self.block_order;
        let mut segments: Vec<Segment> = Vec::new();
        let mut spares = BTreeMap::new();
        let (mut listed, mut unlisted) = (0u64, UNLISTED * block_pages);
        for (&node, plan) in nodes.iter().zip(&self.nodes).filter(|(_, plan)| plan.online) {
            let next = if plan.listed { &mut listed } else { &mut unlisted };
            if !(plan.shares_block && plan.listed) {
                *next = (next.div_ceil(block_pages) + plan.blocks_free) * block_pages;
            }
            for (kind, zone) in plan.zones(kinds) {
                // Page frame 0 belongs to no zone.
                let start = (*next).max(1);
                *next += zone.blocks * block_pages + zone.eighths * block_pages / 8;
                segments.push(Segment { node, kind, start, end: *next, plan: zone.clone() });
            }
            if plan.listed && plan.spare > 0 {
                let first = next.div_ceil(block_pages);
                spares.extend((first..first + plan.spare).map(|block| (block, node)));
                *next = (first + plan.spare) * block_pages;
            }
        }
        (segments, spares)
    }
}

impl NodePlan {
    /// Its populated zones of these kinds.
    fn zones(&self, kinds: &[Kind]) -> impl Iterator<Item = (Kind, &ZonePlan)> {
        let all = [ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::Movable].map(Kind);
        let planned = all.into_iter().zip(&self.zones).filter_map(|(kind, zone)| Some((kind, zone.as_ref()?)));
        planned.filter(|(kind, zone)| kinds.contains(kind) && (zone.blocks, zone.eighths) != (0, 0))
    }
}

impl Segment {
    /// True if the frame is in it.
    fn holds(&self, frame: u64) -> bool {
        (self.start..self.end).contains(&frame)
    }

    /// The count of pages that its last block lacks.
    fn missing(&self, block_pages: u64) -> u64 {
        let last_begins = (self.end - 1) / block_pages * block_pages;
        if self.plan.hole { (self.end - self.start.max(last_begins)) / 2 } else { 0 }
    }
}

/// The DIMMs of these offline blocks with their nodes: each run of blocks of one node.
fn dimms(spares: &BTreeMap<u64, u32>) -> Vec<(u64, u64)> {
    let mut dimms: Vec<(u64, u64)> = Vec::new();
    for (&block, node) in spares {
        match dimms.last_mut() {
            Some((first, count)) if *first + *count == block && spares.get(&(block - 1)) == Some(node) => *count += 1,
            _ => dimms.push((block, 1)),
        }
    }
    dimms
}

/// The listed blocks, those with holes, and the offline ones inside a zone.
fn blocks(
    segments: &[Segment],
    spares: &BTreeMap<u64, u32>,
    block_pages: u64,
) -> (Vec<BlockRecord>, Vec<u64>, Vec<u64>) {
    let (mut blocks, mut with_holes, mut offline) = (Vec::new(), Vec::new(), Vec::new());
    for block in 0..UNLISTED {
        let (first, end) = (block * block_pages, (block + 1) * block_pages);
        let owners: Vec<&Segment> =
            segments.iter().filter(|segment| segment.start < end && segment.end > first).collect();
        let Some(owner) = owners.first() else {
            if let Some(&node) = spares.get(&block) {
                blocks.push(BlockRecord { block, node: Some(node), state: MemoryBlockState::Offline, zone: None });
            }
            continue;
        };
        let covered: u64 = owners.iter().map(|owner| owner.end.min(end) - owner.start.max(first)).sum();
        let has_hole = owners.iter().any(|owner| owner.end <= end && owner.missing(block_pages) > 0);
        let whole = covered == block_pages && !has_hole;
        if !whole {
            with_holes.push(block);
        }
        let alone = owners.len() == 1;
        let inside = owner.start < first && owner.end > end;
        let taken = offline.iter().any(|&other: &u64| owner.holds(other * block_pages));
        let one_node = owners.iter().all(|other| other.node == owner.node);
        let mut row = BlockRecord {
            block,
            node: one_node.then_some(owner.node),
            state: MemoryBlockState::Online,
            zone: alone.then_some(owner.kind),
        };
        if alone && inside && owner.plan.offline_inside && !taken {
            (row.state, row.zone) = (MemoryBlockState::Offline, None);
            offline.push(block);
        }
        blocks.push(row);
    }
    (blocks, with_holes, offline)
}

/// The zone of a segment with this count of offline blocks; with watermarks if there are kinds for the reserves.
fn zone(segment: &Segment, offline: u64, block_pages: u64, watermarks_for: Option<&Vec<Kind>>) -> ZoneRecord {
    let spanned = segment.end - segment.start;
    let present = spanned - segment.missing(block_pages) - offline * block_pages;
    let [min, to_low, to_high] = segment.plan.watermarks;
    let protection = |kind: &Kind| if *kind > segment.kind { to_high } else { 0 };
    ZoneRecord {
        node: segment.node,
        kind: segment.kind,
        start_pfn: segment.start,
        spanned,
        present,
        managed: present - present * segment.plan.reserved / 64,
        min: watermarks_for.map(|_| min),
        low: watermarks_for.map(|_| min + to_low),
        high: watermarks_for.map(|_| min + to_low + to_high),
        protection: watermarks_for.map(|kinds| kinds.iter().map(protection).collect()),
    }
}
