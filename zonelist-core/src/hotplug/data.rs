//! What a state is made of, and how the next one is made.
//!
//! Everything that an operation makes is a copy of what there is, changed. All memory for that may be missing: the
//! operation is then refused, and what there is stays.

use alloc::{sync::Arc, vec::Vec};

use super::{
    Blocks, BlocksError, Change, HotplugError, Operation, Rebuilt, Setting, ZoneInfo, huge_page_min_free_kbytes,
    immovable::{Immovable, immovable},
    scaled_min_free_kbytes,
};
use crate::{
    FallbackOrder, Machine, Memory, NodeId, NodeSet, OrderInput, Rules, Shared, Tunables, UnknownOwner, Watermarks,
    ZoneId, ZoneKind, Zonelists,
    heap::{NoMemory, collected, copied, push, with_room},
    policy_zone, total_pages,
    watermarks::{marks_of, reserve_of},
};

/// Everything that a rebuild looks at and makes.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Data {
    pub(super) machine: Arc<Machine>,
    pub(super) rules: Rules,
    pub(super) online: NodeSet,
    pub(super) has_cpu: NodeSet,
    pub(super) has_memory: NodeSet,
    /// Those online, ascending.
    pub(super) cpus: Vec<u32>,
    /// Sizes of the populated zones, ascending, and the tunables.
    pub(super) memory: Memory,
    /// The marks of each of those zones.
    pub(super) marks: Vec<Watermarks>,
    /// What each of them holds back: zone by zone, a column for each kind.
    pub(super) reserves: Vec<u64>,
    pub(super) blocks: Blocks,
    /// What of a zone can't leave it; if that is not known, there are no blocks.
    pub(super) immovable: Result<Immovable, UnknownOwner>,
    pub(super) order: Shared<FallbackOrder>,
    pub(super) lists: Shared<Zonelists>,
    pub(super) policy_zone: ZoneKind,
    /// The `min_free_kbytes` that was last set.
    set_min_free_kbytes: Option<u64>,
}

impl Data {
    /// Of a machine that has booted.
    pub(super) fn booted(
        machine: Machine,
        blocks: Blocks,
        rules: Rules,
    ) -> Result<Result<Self, NoMemory>, BlocksError> {
        let blocks = blocks.checked(&machine)?;
        let mut memory = machine.memory().ok_or(BlocksError::NoSizes)?.clone();
        memory.zones.retain(|size| size.present > 0);
        memory.zones.sort_unstable_by_key(|size| size.zone);
        let immovable = immovable(&machine, &memory, &blocks)?;
        match immovable {
            Err(unknown) if blocks.pages > 0 => Err(unknown.into()),
            immovable => Ok(Self::of(machine, memory, blocks, immovable, rules)),
        }
    }

    fn of(
        machine: Machine,
        memory: Memory,
        blocks: Blocks,
        immovable: Result<Immovable, UnknownOwner>,
        rules: Rules,
    ) -> Result<Self, NoMemory> {
        let lowest_kind = memory.kinds.first().copied().unwrap_or(ZoneKind::Dma);
        let on_line = machine.cpus().iter().filter(|(_, node)| machine.has_cpu().contains(**node));
        let order = FallbackOrder::at_boot(&machine, rules);
        let mut data = Self {
            rules,
            online: *machine.online(),
            has_cpu: *machine.has_cpu(),
            has_memory: *machine.has_memory(),
            cpus: collected(on_line.map(|(&cpu, _)| cpu))?,
            marks: Vec::new(),
            reserves: Vec::new(),
            immovable,
            lists: Shared::new(Zonelists::try_assemble(&order, memory.listed(rules))?)?,
            order: Shared::new(order)?,
            policy_zone: policy_zone(lowest_kind, &memory.zones),
            set_min_free_kbytes: None,
            machine: Arc::new(machine),
            memory,
            blocks,
        };
        data.derive()?;
        Ok(data)
    }

    /// A copy that can be changed.
    pub(super) fn try_clone(&self) -> Result<Self, NoMemory> {
        let Tunables { min_free_kbytes, watermark_scale_factor, ref lowmem_reserve_ratio } = self.memory.tunables;
        Ok(Self {
            machine: Arc::clone(&self.machine),
            cpus: copied(&self.cpus)?,
            memory: Memory {
                kinds: copied(&self.memory.kinds)?,
                zones: copied(&self.memory.zones)?,
                tunables: Tunables {
                    min_free_kbytes,
                    watermark_scale_factor,
                    lowmem_reserve_ratio: copied(lowmem_reserve_ratio)?,
                },
                ..self.memory
            },
            marks: copied(&self.marks)?,
            reserves: copied(&self.reserves)?,
            blocks: Blocks {
                list: copied(&self.blocks.list)?,
                without_boot_memory: copied(&self.blocks.without_boot_memory)?,
                ..self.blocks
            },
            immovable: self.immovable.clone(),
            order: self.order.clone(),
            lists: self.lists.clone(),
            ..*self
        })
    }

    /// The next one, and what is changed in it.
    pub(super) fn after(&self, operation: &Operation) -> Result<(Self, Change), HotplugError> {
        let mut next = self.try_clone()?;
        let change = match *operation {
            Operation::Online { block, to } => next.bring_online(block, to)?,
            Operation::Offline { block } => next.take_offline(block)?,
            Operation::CpuOnline { cpu } => next.bring_cpu_online(cpu)?,
            Operation::CpuOffline { cpu } => next.take_cpu_offline(cpu)?,
            Operation::Set(ref setting) => next.set(setting)?,
            Operation::AddNode(node) => next.add_node(node)?,
            Operation::AddBlocks { node, first, count } => next.add_blocks(node, first, count)?,
            Operation::RemoveBlocks { first, count } => next.remove_blocks(first, count)?,
            Operation::RemoveNode(node) => next.remove_node(node)?,
        };
        Ok((next, change))
    }

    /// The populated zones, ascending.
    pub(super) fn zones(&self) -> impl ExactSizeIterator<Item = ZoneInfo<'_>> {
        let reserves = self.reserves.chunks(self.memory.kinds.len().max(1));
        let zones = self.memory.zones.iter().zip(&self.marks).zip(reserves);
        zones.map(|((size, &marks), reserve)| ZoneInfo { size, marks, reserve })
    }

    /// Replaces marks and reserves by those that are given.
    pub(super) fn set_marks(&mut self, recorded: impl Fn(ZoneId) -> Option<(Watermarks, Vec<u64>)>) {
        let kinds = self.memory.kinds.len();
        let reserves = self.reserves.chunks_mut(kinds.max(1));
        for ((size, marks), reserve) in self.memory.zones.iter().zip(&mut self.marks).zip(reserves) {
            if let Some((recorded, row)) = recorded(size.zone).filter(|(_, row)| row.len() == kinds) {
                *marks = recorded;
                reserve.copy_from_slice(&row);
            }
        }
    }

    pub(super) fn position(&self, block: u64) -> Result<usize, HotplugError> {
        self.blocks.find(block).map_err(|_| HotplugError::NoSuchBlock { block })
    }

    /// Rebuilds the order of all nodes, as if `has_memory` were the nodes with memory.
    pub(super) fn rebuild(&mut self, has_memory: &NodeSet) -> Result<(), NoMemory> {
        let input = OrderInput { has_memory, ..self.order_input() };
        self.order = Shared::new(FallbackOrder::try_build(input, self.rules)?)?;
        self.lists = Shared::new(self.assembled()?)?;
        Ok(())
    }

    /// Builds the order and the lists of one node only.
    pub(super) fn rebuild_row(&mut self, node: NodeId) -> Result<(), NoMemory> {
        self.order = Shared::new(self.order.try_with_row_rebuilt(self.order_input(), self.rules, node)?)?;
        self.lists = Shared::new(self.lists.with_lists_of(node, &self.assembled()?)?)?;
        Ok(())
    }

    fn assembled(&self) -> Result<Zonelists, NoMemory> {
        Zonelists::try_assemble(&self.order, self.memory.listed(self.rules))
    }

    fn order_input(&self) -> OrderInput<'_> {
        OrderInput {
            online: self.online.len(),
            has_cpu: &self.has_cpu,
            has_memory: &self.has_memory,
            ..OrderInput::of(&self.machine)
        }
    }

    /// What is said of a rebuild, with high marks as it saw them.
    pub(super) fn rebuilt(&mut self, high: impl Fn(ZoneId) -> u64) -> Rebuilt {
        self.policy_zone = policy_zone(self.policy_zone, &self.memory.zones);
        Rebuilt {
            lists: self.lists.clone(),
            nodes: self.online.len(),
            total_pages: total_pages(&self.memory.zones, high),
            policy_zone: self.policy_zone,
        }
    }

    /// Each zone's high mark, 0 for a zone that is not there.
    pub(super) fn high_marks(&self) -> Result<impl Fn(ZoneId) -> u64 + use<>, NoMemory> {
        let high = collected(self.zones().map(|zone| (zone.size.zone, zone.marks.high)))?;
        Ok(move |zone| high.iter().find(|(other, _)| *other == zone).map_or(0, |(_, high)| *high))
    }

    /// Computes `min_free_kbytes` anew, from the sizes now and the marks before, and all that follows.
    pub(super) fn settle(&mut self, high_before: impl Fn(ZoneId) -> u64) -> Result<(), NoMemory> {
        const LEAST: u64 = 128;
        let scaled = scaled_min_free_kbytes(&self.memory, high_before);
        if self.set_min_free_kbytes.is_none_or(|set| scaled > set) {
            self.memory.tunables.min_free_kbytes = scaled.min(self.rules.max_min_free_kbytes).max(LEAST);
        }
        self.derive()?;
        if self.blocks.huge_pages && self.rules.hotplug_regards_huge_pages {
            let wanted = huge_page_min_free_kbytes(&self.memory, self.high_marks()?);
            if wanted > self.memory.tunables.min_free_kbytes {
                self.memory.tunables.min_free_kbytes = wanted;
                self.derive()?;
            }
        }
        Ok(())
    }

    /// Computes marks and reserves from sizes and tunables.
    fn derive(&mut self) -> Result<(), NoMemory> {
        let zones = &self.memory.zones;
        self.marks = with_room(zones.len())?;
        self.marks.extend(marks_of(&self.memory));
        self.reserves = with_room(zones.len() * self.memory.kinds.len())?;
        let reserves = zones.iter().flat_map(|size| reserve_of(&self.memory, size.zone, self.rules));
        reserves.into_iter().try_for_each(|pages| push(&mut self.reserves, pages))
    }

    fn set(&mut self, setting: &Setting) -> Result<Change, HotplugError> {
        setting.check(self.memory.kinds.len())?;
        let tunables = &mut self.memory.tunables;
        match setting {
            Setting::MinFreeKbytes(kbytes) => {
                tunables.min_free_kbytes = *kbytes;
                self.set_min_free_kbytes = Some(*kbytes);
            }
            Setting::WatermarkScaleFactor(factor) => tunables.watermark_scale_factor = *factor,
            Setting::LowmemReserveRatio(ratios) => {
                tunables.lowmem_reserve_ratio.iter_mut().zip(ratios).for_each(|(to, from)| *to = *from);
            }
            Setting::NumaZonelistOrder => return Ok(Change::default()),
        }
        self.derive()?;
        Ok(Change::default())
    }
}
