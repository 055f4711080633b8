//! The oracle's formulas: fallback orders, watermarks, reserves and totals, each computed from whole tables.

use std::collections::BTreeMap;

use super::tables::{Built, KERNEL_KINDS, MOVABLE, Oracle, Span};

impl Oracle {
    /// The rows of these local nodes, ascending, with loads that begin at zero.
    ///
    /// Each place of a row goes to the nearest unused node with memory. A node with a lower number than the local one
    /// counts as one unit farther, and so does a node with a CPU. Ties go to the least loaded node, then the lowest.
    pub(super) fn fallback_order(
        &self,
        locals: &[u32],
        has_cpu: &[u32],
        has_memory: &[u32],
    ) -> BTreeMap<u32, Vec<u32>> {
        let mut load: BTreeMap<u32, u32> = self.possible.iter().map(|&node| (node, 0)).collect();
        let mut rows = BTreeMap::new();
        for &local in locals {
            let has_local = has_memory.contains(&local);
            let mut row = if has_local || self.release < (6, 7) { vec![local] } else { Vec::new() };
            let mut previous = local;
            let mut penalty = self.online.len() as u32;
            penalty = penalty.saturating_sub(row.len() as u32);
            loop {
                let mut best = None;
                for &node in &self.possible {
                    if node == local || row.contains(&node) || !has_memory.contains(&node) {
                        continue;
                    }
                    let far =
                        self.distance[&(local, node)] + u32::from(node < local) + u32::from(has_cpu.contains(&node));
                    if best.is_none_or(|least| (far, load[&node], node) < least) {
                        best = Some((far, load[&node], node));
                    }
                }
                let Some((_, _, node)) = best else { break };
                if self.distance[&(local, node)] != self.distance[&(local, previous)] {
                    let load = load.get_mut(&node).unwrap();
                    *load = match self.release {
                        release if release < (5, 16) => penalty,
                        release if release < (5, 19) => *load + penalty,
                        _ => *load + 1,
                    };
                }
                row.push(node);
                previous = node;
                penalty = penalty.saturating_sub(1);
            }
            rows.insert(local, row);
        }
        rows
    }

    /// Nodes with present pages.
    pub(super) fn has_memory(&self) -> Vec<u32> {
        let has = |node: u32| (0..self.zones.len()).any(|at| self.zones[at].node == node && self.present(at) > 0);
        self.possible.iter().copied().filter(|&node| has(node)).collect()
    }

    /// Nodes with a CPU online.
    pub(super) fn has_cpu(&self) -> Vec<u32> {
        let has = |node: u32| self.cpus.iter().any(|cpu| cpu.node == node && cpu.online);
        self.possible.iter().copied().filter(|&node| has(node)).collect()
    }

    /// The nodes whose rows a rebuild of all lists builds.
    pub(super) fn nodes_with_rows(&self) -> Vec<u32> {
        if self.release < (5, 18) { self.online.clone() } else { self.possible.clone() }
    }

    /// Rebuilds these nodes' rows, and returns what Linux logs.
    pub(super) fn rebuild(&mut self, locals: &[u32], has_cpu: &[u32], has_memory: &[u32]) -> Built {
        let rows = self.fallback_order(locals, has_cpu, has_memory);
        // A build of all lists drops those of nodes that have gone offline, until 5.17.
        if locals == self.nodes_with_rows() {
            self.rows.clear();
            self.lists.clear();
        }
        for (local, row) in &rows {
            let zones = row.iter().flat_map(|&node| self.kinds.iter().rev().map(move |&kind| (node, kind)));
            let list = zones.filter(|&(node, kind)| self.is_listed(self.zone_at(node, kind).unwrap())).collect();
            self.lists.insert(*local, list);
        }
        self.rows.extend(rows);
        for zone in 0..self.zones.len() {
            let kind = self.zones[zone].kind;
            if self.present(zone) > 0 && KERNEL_KINDS.contains(&kind) {
                self.policy_zone = self.policy_zone.max(kind);
            }
        }
        (self.online.len() as u64, self.above_high(false))
    }

    /// True if a build lists the zone. Until 5.17 a zone needs managed pages for it.
    fn is_listed(&self, zone: usize) -> bool {
        self.present(zone) > 0 && (self.release >= (5, 18) || self.managed(zone) > 0)
    }

    /// A zone's present pages: those of its blocks, and those outside.
    pub(super) fn present(&self, zone: usize) -> u64 {
        let pages = self.blocks_of(zone).len() as i64 * self.block_pages as i64;
        (self.zones[zone].present_beside + pages) as u64
    }

    /// A zone's managed pages: those of its blocks, and those outside, which are negative if its blocks have reserved
    /// pages.
    pub(super) fn managed(&self, zone: usize) -> u64 {
        let pages: u64 = self.blocks_of(zone).into_iter().map(|at| self.blocks[at].managed).sum();
        (self.zones[zone].managed_beside + pages as i64) as u64
    }

    /// The indices of a zone's blocks.
    pub(super) fn blocks_of(&self, zone: usize) -> Vec<usize> {
        let zone = &self.zones[zone];
        let is_of = |at: &usize| {
            let block = &self.blocks[*at];
            block.online && block.node == Some(zone.node) && block.zone == Some(zone.kind)
        };
        (0..self.blocks.len()).filter(is_of).collect()
    }

    /// The page frames of a block.
    pub(super) fn frames(&self, block: u64) -> Span {
        (block * self.block_pages, (block + 1) * self.block_pages)
    }

    /// The span that a zone shrinks to: its blocks, and its part of each block that it shares with another zone.
    pub(super) fn hull(&self, zone: usize) -> Option<Span> {
        let old = self.zones[zone].span?;
        let mut parts = Vec::new();
        for at in self.blocks_of(zone) {
            parts.push(overlap(self.frames(self.blocks[at].number), old));
        }
        let zone = &self.zones[zone];
        for block in self.blocks.iter().filter(|block| block.online && block.zone.is_none()) {
            if block.node.is_none_or(|node| node == zone.node) {
                parts.push(zone.boot_span.and_then(|span| overlap(self.frames(block.number), span)));
            }
        }
        let parts: Vec<Span> = parts.into_iter().flatten().collect();
        let start = parts.iter().map(|part| part.0).min()?;
        let end = parts.iter().map(|part| part.1).max()?;
        Some((start, end))
    }

    /// Pages above the high watermarks, of all zones or of those of kernel kinds only.
    pub(super) fn above_high(&self, kernel_only: bool) -> u64 {
        let counted = |zone: &usize| !kernel_only || KERNEL_KINDS.contains(&self.zones[*zone].kind);
        let above = |zone: usize| self.managed(zone).saturating_sub(self.zones[zone].high);
        (0..self.zones.len()).filter(counted).map(above).sum()
    }

    /// Recomputes `min_free_kbytes`, watermarks and reserves after a block was added or removed.
    ///
    /// `min_free_kbytes` follows from the pages above the watermarks before the recomputation.
    pub(super) fn recompute(&mut self) {
        let page_kib = self.page_bytes / 1024;
        let wanted = (16 * page_kib * self.above_high(true)).isqrt();
        // An administrator's value is replaced only by a larger one.
        if self.written.is_none_or(|written| wanted > written) {
            let most = if self.release < (5, 8) { 65_536 } else { 262_144 };
            self.sysctl.min_free_kbytes = wanted.clamp(128, most);
        }
        self.set_watermarks();
        if self.thp && self.release >= (5, 10) {
            let is_counted = |&zone: &usize| KERNEL_KINDS.contains(&self.zones[zone].kind) && self.present(zone) > 0;
            let zones = (0..self.zones.len()).filter(is_counted).count() as u64;
            let raised = page_kib * u64::min(self.pageblock_pages * 11 * zones, self.above_high(true) / 20);
            if raised > self.sysctl.min_free_kbytes {
                self.sysctl.min_free_kbytes = raised;
                self.set_watermarks();
            }
        }
    }

    /// Sets the watermarks and reserves of every zone from sizes and tunables.
    pub(super) fn set_watermarks(&mut self) {
        // Movable is counted until 6.5. No machine here has HighMem.
        let movable_shares = self.release < (6, 6);
        let shares = |oracle: &Self, zone: usize| movable_shares || oracle.zones[zone].kind != MOVABLE;
        let all: u64 = (0..self.zones.len()).filter(|&zone| shares(self, zone)).map(|zone| self.managed(zone)).sum();
        for at in 0..self.zones.len() {
            let managed = self.managed(at);
            let pages_min = self.sysctl.min_free_kbytes / (self.page_bytes / 1024);
            let share = u128::from(pages_min) * u128::from(managed) / u128::from(all.max(1));
            let min = if shares(self, at) { share } else { u128::from(managed / 1024).clamp(32, 128) };
            let scaled = u128::from(managed) * u128::from(self.sysctl.watermark_scale_factor) / 10_000;
            let gap = u128::max(share / 4, scaled);
            let protection = self.reserves(at);
            // A sum beyond 64 bits occurs only where all memory is Movable.
            let [min, low, high] = [min, min + gap, min + 2 * gap].map(|mark| u64::try_from(mark).unwrap_or(u64::MAX));
            let zone = &mut self.zones[at];
            (zone.min, zone.low, zone.high) = (min, low, high);
            zone.protection = protection;
        }
    }

    /// The zone's reserves against requests for each higher kind: the managed pages of its node above, by its ratio.
    fn reserves(&self, zone: usize) -> Vec<u64> {
        let (node, kind) = (self.zones[zone].node, self.zones[zone].kind);
        let own = self.kinds.iter().position(|other| *other == kind).unwrap();
        let old = self.release < (5, 8);
        let ratio = u64::from(self.sysctl.lowmem_reserve_ratio[own]).max(u64::from(old));
        let mut protection = Vec::new();
        let mut above = 0;
        for (column, kind) in self.kinds.iter().enumerate() {
            if column > own {
                above += self.managed(self.zone_at(node, *kind).unwrap());
            }
            let keeps = column > own && ratio > 0 && (old || self.managed(zone) > 0);
            protection.push(if keeps { above / ratio } else { 0 });
        }
        protection
    }
}

/// The intersection of two spans.
pub(super) fn overlap(one: Span, other: Span) -> Option<Span> {
    let both = (one.0.max(other.0), one.1.min(other.1));
    (both.0 < both.1).then_some(both)
}

/// The managed pages of a block that was added after boot. With `memmap_on_memory` the block holds its own page
/// structures, 64 bytes for each of its pages.
pub(super) fn hotplugged_pages(options: &str, block_pages: u64, page_bytes: u64) -> u64 {
    let option = "memory_hotplug.memmap_on_memory=";
    let value = options.split_whitespace().rev().find_map(|word| word.strip_prefix(option));
    let on = value.is_some_and(|value| ["1", "y", "Y", "on", "true"].contains(&value));
    block_pages - if on { block_pages * 64 / page_bytes } else { 0 }
}
