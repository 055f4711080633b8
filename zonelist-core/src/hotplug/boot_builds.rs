//! The builds of zonelists while a machine booted.
//!
//! The first build has the nodes and the memory that the firmware's tables describe. Memory devices are found after it.
//! A node that has nothing but such devices is offline until then. It goes online with the first of them: its own list
//! is built alone, with loads of zero and with CPUs counted. A block that a device puts online into a zone without
//! pages makes the kernel rebuild all lists, as after boot.
//!
//! Source: Linux 6.1 `mm/memory_hotplug.c: add_memory_resource, hotadd_init_pgdat`, recorded under 6.1, 6.12 and 7.3.

use alloc::vec::Vec;

use super::memory_block::{MemoryBlock, MemoryBlockState, MemoryBlocks, MemoryBlocksError};
use crate::{
    NodeId, ZoneId, ZoneKind,
    heap::{NoMemory, or_abort, push, with_room},
    ids::NodeSet,
    topology::{FallbackOrder, FallbackOrderInput, Machine, Memory, Rules, ZoneSize, policy_zone},
};

/// One build of zonelists while a machine booted, with the figures that Linux logs with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BootBuild {
    /// The fallback order after it.
    pub fallback_order: FallbackOrder,
    /// The node whose list alone was built; `None` if those of all nodes were.
    pub node: Option<NodeId>,
    /// The number of online nodes.
    pub nodes: usize,
    /// The zone kind that memory policies apply to.
    pub policy_zone: ZoneKind,
    /// The sum of present pages, which is the total of the first build under
    /// [`Rules::boot_total_is_present`]. Other totals depend on the memory that boot had in use at that time.
    pub total_pages: Option<u64>,
}

impl BootBuild {
    /// The builds of a machine that has booted, in order: at least one.
    ///
    /// Cost: that of [`FallbackOrder::build`] for each build of all lists.
    ///
    /// # Errors
    /// The machine has no sizes, or its blocks contradict them.
    ///
    /// ```
    /// use zonelist_core::{Pfn, hotplug::*, topology::*};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let node = |number| NodeId::new(number).unwrap();
    /// let normal = ZoneSize {
    ///     zone: ZoneId::new(node(0), ZoneKind::Normal), start_pfn: Pfn::new(0), spanned: 64, present: 64, managed: 64,
    /// };
    /// let (machine, _) = Machine::new(MachineDescription {
    ///     possible: vec![0, 1],
    ///     distance: vec![vec![10, 20], vec![20, 10]],
    ///     online: vec![0, 1],
    ///     has_memory: vec![0],
    ///     memory: Some(Memory {
    ///         page_bytes: 4096,
    ///         pageblock_pages: 64,
    ///         kinds: vec![ZoneKind::Normal],
    ///         zones: vec![normal],
    ///         tunables: Tunables {
    ///             min_free_kbytes: 128, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32],
    ///         },
    ///     }),
    ///     ..MachineDescription::default()
    /// })?;
    /// let dimm = MemoryBlock {
    ///     number: BlockId::new(1), node: Some(node(1)), state: MemoryBlockState::Offline, has_holes: false, memmap_pages: 0,
    /// };
    /// let blocks = MemoryBlocks {
    ///     pages: 64,
    ///     list: vec![dimm],
    ///     devices: vec![MemoryDevice { first: BlockId::new(1), count: 1 }],
    ///     ..MemoryBlocks::default()
    /// };
    /// // Node 1 has nothing but a memory device, so its list is built when the device is found.
    /// let builds = BootBuild::all(&machine, blocks, Rules::LINUX_6_12)?;
    /// assert_eq!(builds.iter().map(|build| build.node).collect::<Vec<_>>(), [None, Some(node(1))]);
    /// assert_eq!((builds[0].total_pages, builds[1].nodes), (Some(64), 1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn all(machine: &Machine, blocks: MemoryBlocks, rules: Rules) -> Result<Vec<Self>, MemoryBlocksError> {
        let blocks = blocks.checked(machine)?;
        let memory = machine.memory().ok_or(MemoryBlocksError::NoSizes)?;
        Ok(or_abort(boot_builds(machine, memory, &blocks, rules)))
    }
}

/// The machine between two of its builds.
struct Boot<'m> {
    machine: &'m Machine,
    rules: Rules,
    /// Zones with the pages that they have so far.
    zones: Vec<ZoneSize>,
    online: NodeSet,
    policy_zone: ZoneKind,
    builds: Vec<BootBuild>,
}

/// The builds of a machine that has booted with these sizes and checked blocks, in order. There is at least one.
pub(super) fn boot_builds(
    machine: &Machine,
    memory: &Memory,
    blocks: &MemoryBlocks,
    rules: Rules,
) -> Result<Vec<BootBuild>, NoMemory> {
    let mut zones = with_room(memory.zones.len())?;
    zones.extend(memory.zones.iter().map(|size| ZoneSize { present: present_at_first(size, blocks), ..*size }));
    let mut boot = Boot {
        machine,
        rules,
        zones,
        online: *machine.online(),
        policy_zone: memory.kinds.first().copied().unwrap_or(ZoneKind::Dma),
        builds: Vec::new(),
    };
    let added = boot.nodes_of_devices(blocks);
    for node in added.iter() {
        boot.online.remove(node);
    }
    boot.build_first()?;
    for block in blocks.devices.iter().flat_map(|device| blocks.of_device(*device)) {
        let Some(node) = block.node else { continue };
        if added.contains(node) && !boot.online.contains(node) {
            boot.build_for_node(node)?;
            boot.online.insert(node);
        }
        if let MemoryBlockState::Online(kind) = block.state {
            boot.put_online(ZoneId::new(node, kind), blocks.pages)?;
        }
    }
    Ok(boot.builds)
}

/// The pages of a zone that are in no memory device.
fn present_at_first(size: &ZoneSize, blocks: &MemoryBlocks) -> u64 {
    let is_own = |block: &&MemoryBlock| {
        block.node == Some(size.zone.node()) && block.state == MemoryBlockState::Online(size.zone.kind())
    };
    let added = blocks.devices.iter().map(|device| blocks.of_device(*device).iter().filter(is_own).count() as u64);
    size.present.saturating_sub(added.sum::<u64>().saturating_mul(blocks.pages))
}

impl Boot<'_> {
    /// The online nodes that have nothing but memory devices.
    fn nodes_of_devices(&self, blocks: &MemoryBlocks) -> NodeSet {
        let has_cpus = |node: NodeId| {
            self.machine.has_cpu().contains(node) || self.machine.cpus().values().any(|homes| homes.contains(&node))
        };
        let has_memory = |node: NodeId| self.zones.iter().any(|size| size.zone.node() == node && size.present > 0);
        let has_only_devices = |node: NodeId| {
            let mut own = blocks.list.iter().filter(|block| block.node == Some(node)).peekable();
            own.peek().is_some() && own.all(|block| blocks.device_of(block.number).is_some())
        };
        // Without devices no block is searched, so that the usual machine costs nothing here.
        let candidates = self.machine.online().iter().filter(|_| !blocks.devices.is_empty());
        candidates.filter(|&node| !has_cpus(node) && !has_memory(node) && has_only_devices(node)).collect()
    }

    fn has_memory(&self) -> NodeSet {
        self.zones.iter().filter(|size| size.present > 0).map(|size| size.zone.node()).collect()
    }

    /// The first build, when no node counts as having CPUs yet.
    fn build_first(&mut self) -> Result<(), NoMemory> {
        let order = self.with_input(&NodeSet::EMPTY, FallbackOrder::try_build)?;
        let present = self.zones.iter().map(|size| size.present).fold(0, u64::saturating_add);
        self.push(order, None, self.rules.boot_total_is_present.then_some(present))
    }

    /// The build for a node that goes online, which is still offline meanwhile.
    fn build_for_node(&mut self, node: NodeId) -> Result<(), NoMemory> {
        let Some(before) = self.builds.last() else { return Ok(()) };
        let order = self.with_input(self.machine.has_cpu(), |input, rules| {
            before.fallback_order.try_with_row_rebuilt(input, rules, node)
        })?;
        self.push(order, Some(node), None)
    }

    /// Adds the pages of a block to its zone; lists are rebuilt if they are the zone's first.
    fn put_online(&mut self, zone: ZoneId, pages: u64) -> Result<(), NoMemory> {
        let Some(size) = self.zones.iter_mut().find(|size| size.zone == zone) else { return Ok(()) };
        let first = size.present == 0;
        size.present = size.present.saturating_add(pages);
        if first {
            let order = self.with_input(self.machine.has_cpu(), FallbackOrder::try_build)?;
            self.push(order, None, None)?;
        }
        Ok(())
    }

    fn with_input<T>(&self, has_cpu: &NodeSet, build: impl FnOnce(FallbackOrderInput<'_>, Rules) -> T) -> T {
        let has_memory = self.has_memory();
        let input = FallbackOrderInput {
            online: &self.online,
            has_cpu,
            has_memory: &has_memory,
            ..FallbackOrderInput::of(self.machine)
        };
        build(input, self.rules)
    }

    fn push(
        &mut self,
        fallback_order: FallbackOrder,
        node: Option<NodeId>,
        total_pages: Option<u64>,
    ) -> Result<(), NoMemory> {
        self.policy_zone = policy_zone(self.policy_zone, &self.zones);
        let (nodes, policy_zone) = (self.online.len(), self.policy_zone);
        push(&mut self.builds, BootBuild { fallback_order, node, nodes, policy_zone, total_pages })
    }
}
