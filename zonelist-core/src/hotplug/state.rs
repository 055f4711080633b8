//! A machine between two operations.

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};

use super::{
    Block, Blocks, BlocksError, Change, HotplugError, Operation, Rebuilt, Setting, huge_page_min_free_kbytes,
    immovable::{Immovable, immovable},
    scaled_min_free_kbytes,
};
use crate::{
    Capacity, FallbackOrder, Machine, Memory, NodeId, NodeSet, OrderInput, Rules, Tunables, UnknownOwner, Watermarks,
    ZoneId, ZoneKind, ZoneSize, Zonelists, lowmem_reserve, policy_zone, total_pages, watermarks,
};

/// A machine between two operations: everything that a rebuild looks at and makes.
///
/// A value: [`State::after`] makes the next one and leaves this as it is, so that an error can't
/// have changed anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    pub(super) machine: Arc<Machine>,
    pub(super) rules: Rules,
    pub(super) online: NodeSet,
    pub(super) has_cpu: NodeSet,
    pub(super) has_memory: NodeSet,
    pub(super) cpus: BTreeSet<u32>,
    /// Sizes of the populated zones, ascending, and the tunables.
    pub(super) memory: Memory,
    /// The marks of each of those zones.
    marks: Vec<Watermarks>,
    /// What each of them holds back.
    reserves: Vec<Vec<u64>>,
    pub(super) blocks: Blocks,
    /// What of a zone can't leave it; if that is not known, there are no blocks.
    pub(super) immovable: Result<Immovable, UnknownOwner>,
    order: Arc<FallbackOrder>,
    lists: Arc<Zonelists>,
    policy_zone: ZoneKind,
    /// The `min_free_kbytes` that was last set.
    set_min_free_kbytes: Option<u64>,
}

/// All that is known of one zone, of one state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZoneInfo<'s> {
    /// Its size.
    pub size: &'s ZoneSize,
    /// Its marks, in pages.
    pub marks: Watermarks,
    /// The pages it holds back from requests of higher kinds, for each of the machine's kinds.
    pub reserve: &'s [u64],
}

impl State {
    /// A machine that has booted: its lists are those of [`FallbackOrder::at_boot`].
    ///
    /// CPUs are online where the machine says that their node has one.
    ///
    /// # Errors
    /// The machine has no sizes, its blocks contradict them, or there can be blocks and nothing says whose some frames
    /// are ([`UnknownOwner`]).
    pub fn booted(machine: Machine, blocks: Blocks, rules: Rules) -> Result<Self, BlocksError> {
        let blocks = blocks.checked(&machine)?;
        let mut memory = machine.memory().ok_or(BlocksError::NoSizes)?.clone();
        memory.zones.retain(|size| size.present > 0);
        memory.zones.sort_unstable_by_key(|size| size.zone);
        let immovable = immovable(&machine, &memory, &blocks)?;
        if blocks.pages > 0
            && let Err(unknown) = immovable
        {
            return Err(unknown.into());
        }
        let lowest_kind = memory.kinds.first().copied().unwrap_or(ZoneKind::Dma);
        let on_line = machine.cpus().iter().filter(|(_, node)| machine.has_cpu().contains(**node));
        let order = FallbackOrder::at_boot(&machine, rules);
        let mut state = Self {
            rules,
            online: *machine.online(),
            has_cpu: *machine.has_cpu(),
            has_memory: *machine.has_memory(),
            cpus: on_line.map(|(&cpu, _)| cpu).collect(),
            marks: Vec::new(),
            reserves: Vec::new(),
            immovable,
            lists: Arc::new(Zonelists::assemble(&order, memory.listed(rules))),
            order: Arc::new(order),
            policy_zone: policy_zone(lowest_kind, &memory.zones),
            set_min_free_kbytes: None,
            machine: Arc::new(machine),
            memory,
            blocks,
        };
        state.derive();
        Ok(state)
    }

    /// Replaces marks and reserves, for a machine whose boot computed them from sizes that were not yet the last
    /// ones. A row of reserves that has not a column for each kind is left out.
    #[must_use]
    pub fn with_marks(mut self, recorded: impl Fn(ZoneId) -> Option<(Watermarks, Vec<u64>)>) -> Self {
        for ((size, marks), reserve) in self.memory.zones.iter().zip(&mut self.marks).zip(&mut self.reserves) {
            if let Some(recorded) = recorded(size.zone).filter(|(_, row)| row.len() == self.memory.kinds.len()) {
                (*marks, *reserve) = recorded;
            }
        }
        self
    }

    /// The state after an operation, and what it changed.
    ///
    /// Cost: that of copying the state; with a rebuild that of [`FallbackOrder::build`].
    ///
    /// # Errors
    /// Those of Linux, under its conditions ([`HotplugError::errno`]).
    pub fn after(&self, operation: &Operation) -> Result<(Self, Change), HotplugError> {
        let mut next = self.clone();
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

    /// The machine as it booted: its possible nodes, distances and CPUs.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Nodes that are online.
    #[must_use]
    pub fn online(&self) -> &NodeSet {
        &self.online
    }

    /// Nodes with a CPU online.
    #[must_use]
    pub fn has_cpu(&self) -> &NodeSet {
        &self.has_cpu
    }

    /// Nodes with memory.
    #[must_use]
    pub fn has_memory(&self) -> &NodeSet {
        &self.has_memory
    }

    /// The populated zones, ascending.
    pub fn zones(&self) -> impl ExactSizeIterator<Item = ZoneInfo<'_>> {
        let zones = self.memory.zones.iter().zip(&self.marks).zip(&self.reserves);
        zones.map(|((size, &marks), reserve)| ZoneInfo { size, marks, reserve })
    }

    /// Sizes of the populated zones, and the tunables.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The tunables.
    #[must_use]
    pub fn tunables(&self) -> &Tunables {
        &self.memory.tunables
    }

    /// The memory blocks, ascending.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks.list
    }

    /// The block of that number.
    ///
    /// # Errors
    /// There is none.
    pub fn block(&self, number: u64) -> Result<&Block, HotplugError> {
        Ok(&self.blocks.list[self.position(number)?])
    }

    /// The zone kind that memory policies apply to.
    #[must_use]
    pub fn policy_zone(&self) -> ZoneKind {
        self.policy_zone
    }

    /// The fallback order as last built.
    #[must_use]
    pub fn order(&self) -> &FallbackOrder {
        &self.order
    }

    /// The zonelists as last built.
    #[must_use]
    pub fn lists(&self) -> &Zonelists {
        &self.lists
    }

    /// Room for the lists of whatever can come: a zone of each kind on every possible node.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        let nodes = self.machine.nodes();
        let rows = nodes.last().map_or(0, |node| node.index() + 1);
        // Fewer than there can be zones in all: a machine's nodes and kinds are checked.
        Capacity::new(rows, nodes.len() * self.memory.kinds.len()).unwrap_or(Capacity::LARGEST)
    }

    pub(super) fn position(&self, block: u64) -> Result<usize, HotplugError> {
        self.blocks.find(block).map_err(|_| HotplugError::NoSuchBlock { block })
    }

    /// Rebuilds the order of all nodes, as if `has_memory` were the nodes with memory.
    pub(super) fn rebuild(&mut self, has_memory: &NodeSet) {
        let input = OrderInput { has_memory, ..self.order_input() };
        self.order = Arc::new(FallbackOrder::build(input, self.rules));
        self.lists = Arc::new(self.assembled());
    }

    /// Builds the order and the lists of one node only.
    pub(super) fn rebuild_row(&mut self, node: NodeId) {
        self.order = Arc::new(self.order.with_row_rebuilt(self.order_input(), self.rules, node));
        self.lists = Arc::new(self.lists.with_lists_of(node, &self.assembled()));
    }

    fn assembled(&self) -> Zonelists {
        Zonelists::assemble(&self.order, self.memory.listed(self.rules))
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
            lists: Arc::clone(&self.lists),
            nodes: self.online.len(),
            total_pages: total_pages(&self.memory.zones, high),
            policy_zone: self.policy_zone,
        }
    }

    /// Each zone's high mark, 0 for a zone that is not there.
    pub(super) fn high_marks(&self) -> impl Fn(ZoneId) -> u64 + use<> {
        let high: Vec<(ZoneId, u64)> = self.zones().map(|zone| (zone.size.zone, zone.marks.high)).collect();
        move |zone| high.iter().find(|(other, _)| *other == zone).map_or(0, |(_, high)| *high)
    }

    /// Computes `min_free_kbytes` anew, from the sizes now and the marks before, and all that follows.
    pub(super) fn settle(&mut self, high_before: impl Fn(ZoneId) -> u64) {
        let scaled = scaled_min_free_kbytes(&self.memory, high_before);
        if self.set_min_free_kbytes.is_none_or(|set| scaled > set) {
            self.memory.tunables.min_free_kbytes = scaled.clamp(128, self.rules.max_min_free_kbytes);
        }
        self.derive();
        if self.blocks.huge_pages && self.rules.hotplug_regards_huge_pages {
            let wanted = huge_page_min_free_kbytes(&self.memory, self.high_marks());
            if wanted > self.memory.tunables.min_free_kbytes {
                self.memory.tunables.min_free_kbytes = wanted;
                self.derive();
            }
        }
    }

    /// Computes marks and reserves from sizes and tunables.
    fn derive(&mut self) {
        self.marks = watermarks(&self.memory);
        let reserve = |size: &ZoneSize| lowmem_reserve(&self.memory, size.zone, self.rules);
        self.reserves = self.memory.zones.iter().map(reserve).collect();
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
                tunables.lowmem_reserve_ratio[..ratios.len()].copy_from_slice(ratios);
            }
            Setting::NumaZonelistOrder => return Ok(Change::default()),
        }
        self.derive();
        Ok(Change::default())
    }
}
