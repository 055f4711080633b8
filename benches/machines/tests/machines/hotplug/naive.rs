//! Memory hotplug of Linux 6.1 as plainly as it can be told: the judge of the real one.
//!
//! Nothing here is fast and nothing is kept that can be counted again. There is a row for each memory block, for
//! each CPU and for each kind of zone on each possible node, and every question is answered by going through all
//! of them. An operation that fails leaves a copy from before it. Apart from the record's own types nothing of
//! the library is used, so that an error in one of the two is no error in the other.

mod boot;
mod formulas;
mod op;

use std::collections::BTreeMap;

use zonelist_core::ZoneKind;
use zonelist_machines::{Kind, Sysctl};

use formulas::overlap;
pub(crate) use op::{Op, Outcome};

/// The kinds of zone that the kernel takes its own memory from.
const KERNEL_KINDS: [Kind; 3] = [Kind(ZoneKind::Dma), Kind(ZoneKind::Dma32), NORMAL];
/// Where kernel memory goes that touches no zone yet.
const NORMAL: Kind = Kind(ZoneKind::Normal);
/// Where memory goes that is to be unplugged again.
const MOVABLE: Kind = Kind(ZoneKind::Movable);

/// A first page frame, and the one after the last.
type Span = (u64, u64);

/// A memory block.
#[derive(Clone, PartialEq, Eq, Debug)]
struct BlockRow {
    number: u64,
    /// Its node, unless it spans two.
    node: Option<u32>,
    online: bool,
    /// Its zone, unless it is offline or spans two.
    zone: Option<Kind>,
    /// The pages that it gives to its zone and takes from it again.
    managed: u64,
    has_holes: bool,
}

/// A kind of zone on a node, populated or not.
#[derive(Clone, PartialEq, Eq, Debug)]
struct ZoneRow {
    node: u32,
    kind: Kind,
    /// Present pages that are not in its blocks; negative where they have holes.
    present_beside: i64,
    /// Managed pages that are not in its blocks; negative where they have reserved pages.
    managed_beside: i64,
    /// The frames from its first page at boot to its last.
    boot_span: Option<Span>,
    /// The frames that it spans now.
    span: Option<Span>,
    min: u64,
    low: u64,
    high: u64,
    /// Its lowmem reserves, a column for each kind.
    protection: Vec<u64>,
}

/// A CPU.
#[derive(Clone, PartialEq, Eq, Debug)]
struct CpuRow {
    cpu: u32,
    node: u32,
    online: bool,
}

/// What a rebuild logs beside the policy zone: the nodes online and the pages above the high marks.
type Built = (u64, u64);

/// A rebuild, if there was one, or the name of an error.
type Done = Result<Option<Built>, &'static str>;

/// A machine's memory, nodes and CPUs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Naive {
    page_bytes: u64,
    block_pages: u64,
    pageblock_pages: u64,
    kinds: Vec<Kind>,
    /// The nodes there can be, ascending.
    possible: Vec<u32>,
    /// From one node to another.
    distance: BTreeMap<(u32, u32), u32>,
    thp: bool,
    /// What it was booted with.
    options: String,
    /// Ascending by number.
    blocks: Vec<BlockRow>,
    /// Every kind of every possible node, in this order.
    zones: Vec<ZoneRow>,
    cpus: Vec<CpuRow>,
    /// The nodes online, ascending.
    online: Vec<u32>,
    /// The fallback order of each node, as it was last built.
    rows: BTreeMap<u32, Vec<u32>>,
    policy_zone: Kind,
    sysctl: Sysctl,
    /// `min_free_kbytes` as it was last written.
    written: Option<u64>,
}

impl Naive {
    /// Does it, or says why not and changes nothing.
    pub(crate) fn apply(&mut self, op: &Op) -> Outcome {
        let before = self.clone();
        let done = match op {
            Op::Block { block, word, pinned, policy_zone_choice } => {
                self.write_block(*block, word, *pinned, *policy_zone_choice)
            }
            Op::Cpu { cpu, online } => self.set_cpu(*cpu, *online),
            Op::Sysctl { name, value } => self.write_sysctl(name, value),
            Op::AddNode(node) => self.add_node(*node),
            Op::AddBlocks { node, first, count } => self.add_blocks(*node, *first, *count),
            Op::RemoveBlocks { first, count } => self.remove_blocks(*first, *count),
            Op::RemoveNode(node) => self.remove_node(*node),
        };
        match done {
            Ok(built) => self.outcome("ok", built),
            Err(error) => {
                *self = before;
                self.outcome(error, None)
            }
        }
    }

    /// Every row there is.
    pub(crate) fn rows(&self) -> &BTreeMap<u32, Vec<u32>> {
        &self.rows
    }

    /// The policy zone.
    pub(crate) fn policy_zone(&self) -> Kind {
        self.policy_zone
    }

    /// Nodes with a page.
    fn has_memory(&self) -> Vec<u32> {
        let has = |node: u32| (0..self.zones.len()).any(|at| self.zones[at].node == node && self.present(at) > 0);
        self.possible.iter().copied().filter(|&node| has(node)).collect()
    }

    /// Nodes with a CPU online.
    fn has_cpu(&self) -> Vec<u32> {
        let has = |node: u32| self.cpus.iter().any(|cpu| cpu.node == node && cpu.online);
        self.possible.iter().copied().filter(|&node| has(node)).collect()
    }

    /// The place of a zone's row.
    fn zone_at(&self, node: u32, kind: Kind) -> Option<usize> {
        self.zones.iter().position(|zone| (zone.node, zone.kind) == (node, kind))
    }

    /// Builds these nodes' rows anew and gives what is logged.
    fn rebuild(&mut self, locals: &[u32], has_cpu: &[u32], has_memory: &[u32]) -> Built {
        let rows = self.order(locals, has_cpu, has_memory);
        self.rows.extend(rows);
        for zone in 0..self.zones.len() {
            let kind = self.zones[zone].kind;
            if self.present(zone) > 0 && KERNEL_KINDS.contains(&kind) {
                self.policy_zone = self.policy_zone.max(kind);
            }
        }
        (self.online.len() as u64, self.above_high(false))
    }

    /// A write to a block's state file.
    fn write_block(&mut self, number: u64, word: &str, pinned: bool, choice: Option<Kind>) -> Done {
        let at = self.blocks.iter().position(|block| block.number == number).ok_or("ENOENT")?;
        if !["offline", "online", "online_kernel", "online_movable"].contains(&word) {
            return Err("EINVAL");
        }
        if self.blocks[at].online != (word == "offline") {
            return Err("EINVAL");
        }
        if word == "offline" { self.offline(at, pinned) } else { self.bring_online(at, word, choice) }
    }

    /// Binds a block to a zone; lists are rebuilt if it is the zone's first.
    fn bring_online(&mut self, at: usize, word: &str, choice: Option<Kind>) -> Done {
        let node = self.blocks[at].node.ok_or("EINVAL")?;
        let frames = self.frames(self.blocks[at].number);
        let kind = self.target(node, frames, word, choice);
        let zone = self.zone_at(node, kind).ok_or("EINVAL")?;
        let first = self.present(zone) == 0;
        let old = self.zones[zone].span.unwrap_or(frames);
        self.zones[zone].span = Some((old.0.min(frames.0), old.1.max(frames.1)));
        self.blocks[at].online = true;
        self.blocks[at].zone = Some(kind);
        // The marks are still those from before.
        let built = first.then(|| self.rebuild(&self.possible.clone(), &self.has_cpu(), &self.has_memory()));
        self.recompute();
        Ok(built)
    }

    /// The kind of zone that a block goes to.
    fn target(&self, node: u32, frames: Span, word: &str, choice: Option<Kind>) -> Kind {
        let touches = |kind: Kind| {
            let span = self.zone_at(node, kind).and_then(|zone| self.zones[zone].span);
            span.is_some_and(|span| overlap(span, frames).is_some())
        };
        let kernel = KERNEL_KINDS.into_iter().find(|&kind| touches(kind)).unwrap_or(NORMAL);
        let option = |wanted: &str| self.options.split_whitespace().any(|option| option == wanted);
        let chosen = choice.filter(|_| option("memory_hotplug.online_policy=auto-movable"));
        match (word, chosen, touches(kernel), touches(MOVABLE)) {
            ("online_kernel", ..) => kernel,
            ("online_movable", ..) => MOVABLE,
            (_, Some(kind), ..) => kind,
            (_, _, true, false) => kernel,
            (_, _, false, true) => MOVABLE,
            _ if option("movable_node") => MOVABLE,
            _ => kernel,
        }
    }

    /// Takes a block from its zone; lists are rebuilt if it was the zone's last.
    fn offline(&mut self, at: usize, pinned: bool) -> Done {
        let block = self.blocks[at].clone();
        let node = block.node.ok_or("EINVAL")?;
        let zone = self.zone_at(node, block.zone.ok_or("EINVAL")?).unwrap();
        if block.has_holes {
            return Err("EINVAL");
        }
        if pinned || self.managed(zone) < block.managed {
            return Err("EBUSY");
        }
        let had_memory = self.has_memory();
        self.blocks[at].online = false;
        self.blocks[at].zone = None;
        let (frames, span) = (self.frames(block.number), self.zones[zone].span.unwrap());
        let last = self.present(zone) == 0;
        if last {
            self.zones[zone].span = None;
        } else if frames.0 <= span.0 || frames.1 >= span.1 {
            self.zones[zone].span = self.hull(zone).or(Some(span));
        }
        self.recompute();
        // The node is still named, even if it has just lost all of its memory.
        Ok(last.then(|| self.rebuild(&self.possible.clone(), &self.has_cpu(), &had_memory)))
    }

    /// Lists are not rebuilt for a CPU, but one that is the first of an offline node brings the node online.
    fn set_cpu(&mut self, cpu: u32, online: bool) -> Done {
        let at = self.cpus.iter().position(|row| row.cpu == cpu).ok_or("ENOENT")?;
        let CpuRow { node, online: was_online, .. } = self.cpus[at];
        if online == was_online {
            return Ok(None);
        }
        if !online && self.cpus.iter().filter(|row| row.online).count() == 1 {
            return Err("EBUSY");
        }
        let built = if online && !self.online.contains(&node) { self.add_node(node)? } else { None };
        self.cpus[at].online = online;
        Ok(built)
    }

    /// A write to a sysctl; marks and reserves follow.
    fn write_sysctl(&mut self, name: &str, value: &str) -> Done {
        match name {
            "min_free_kbytes" => {
                self.sysctl.min_free_kbytes = integer(value, 0, i32::MAX)?;
                self.written = Some(self.sysctl.min_free_kbytes);
            }
            "watermark_scale_factor" => self.sysctl.watermark_scale_factor = integer(value, 1, 3000)? as u32,
            "lowmem_reserve_ratio" => {
                let words: Vec<&str> = value.split_whitespace().collect();
                if words.is_empty() || words.len() > self.kinds.len() {
                    return Err("EINVAL");
                }
                for (column, word) in words.into_iter().enumerate() {
                    let ratio: i32 = word.parse().map_err(|_| "EINVAL")?;
                    self.sysctl.lowmem_reserve_ratio[column] = ratio.max(0) as u32;
                }
            }
            "numa_zonelist_order" => {
                let accepted = value.starts_with(['d', 'D', 'n', 'N']);
                return if accepted { Ok(None) } else { Err("EINVAL") };
            }
            _ => return Err("ENOENT"),
        }
        self.set_marks();
        Ok(None)
    }

    /// Builds the node's own row while it is not online yet; the other rows stay.
    fn add_node(&mut self, node: u32) -> Done {
        if !self.possible.contains(&node) {
            return Err("ENOENT");
        }
        if self.online.contains(&node) {
            return Err("EEXIST");
        }
        let built = self.rebuild(&[node], &self.has_cpu(), &self.has_memory());
        self.online.push(node);
        self.online.sort();
        Ok(Some(built))
    }

    /// Adds rows of offline blocks.
    fn add_blocks(&mut self, node: u32, first: u64, count: u64) -> Done {
        if count == 0 {
            return Err("EINVAL");
        }
        if !self.possible.contains(&node) {
            return Err("ENOENT");
        }
        if self.blocks.iter().any(|block| (first..first + count).contains(&block.number)) {
            return Err("EEXIST");
        }
        let built = if self.online.contains(&node) { None } else { self.add_node(node)? };
        for number in first..first + count {
            let managed = hotplugged_pages(&self.options, self.block_pages, self.page_bytes);
            let block = BlockRow { number, node: Some(node), online: false, zone: None, managed, has_holes: false };
            self.blocks.push(block);
        }
        self.blocks.sort_by_key(|block| block.number);
        Ok(built)
    }

    /// Removes rows of offline blocks.
    fn remove_blocks(&mut self, first: u64, count: u64) -> Done {
        if count == 0 {
            return Err("EINVAL");
        }
        for number in first..first + count {
            if !self.blocks.iter().any(|block| block.number == number) {
                return Err("ENOENT");
            }
        }
        for number in first..first + count {
            let at = self.blocks.iter().position(|block| block.number == number).unwrap();
            if self.blocks.remove(at).online {
                return Err("EBUSY");
            }
        }
        Ok(None)
    }

    /// The node's row stays.
    fn remove_node(&mut self, node: u32) -> Done {
        if !self.online.contains(&node) {
            return Err("ENOENT");
        }
        let has_block = self.blocks.iter().any(|block| block.node == Some(node));
        if has_block || self.has_cpu().contains(&node) || self.has_memory().contains(&node) {
            return Err("EBUSY");
        }
        self.online.retain(|other| *other != node);
        Ok(None)
    }
}

/// The number that a text says, if it is one of these.
fn integer(text: &str, least: i32, greatest: i32) -> Result<u64, &'static str> {
    let number: i32 = text.trim().parse().map_err(|_| "EINVAL")?;
    if (least..=greatest).contains(&number) { Ok(number as u64) } else { Err("EINVAL") }
}

/// The pages that a block gives to its zone if it was not there at boot: with `memmap_on_memory` it holds the
/// 64 bytes that describe each of its pages.
fn hotplugged_pages(options: &str, block_pages: u64, page_bytes: u64) -> u64 {
    let option = "memory_hotplug.memmap_on_memory=";
    let value = options.split_whitespace().rev().find_map(|word| word.strip_prefix(option));
    let on = value.is_some_and(|value| ["1", "y", "Y", "on", "true"].contains(&value));
    block_pages - if on { block_pages * 64 / page_bytes } else { 0 }
}
