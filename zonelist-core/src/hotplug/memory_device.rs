//! Memory devices, such as DIMMs: memory blocks that were added together, and the policy `auto-movable` that regards
//! them.

use super::{
    block_id::BlockId,
    memory_block::{MemoryBlock, MemoryBlockState, MemoryBlocks},
    state_data::StateData,
};
use crate::{NodeId, ZoneKind, heap::NoMemory};

/// Memory blocks that were added together after boot, as those of a DIMM.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryDevice {
    /// The first block.
    pub first: BlockId,
    /// The number of blocks.
    pub count: u64,
}

impl MemoryDevice {
    /// True if the block is one of the device's.
    #[must_use]
    pub const fn contains(&self, block: BlockId) -> bool {
        // The number of a block below `first` wraps to a large one.
        block.number().wrapping_sub(self.first.number()) < self.count
    }

    /// The block after the last.
    pub(super) const fn end(&self) -> BlockId {
        BlockId::new(self.first.number().saturating_add(self.count))
    }
}

/// The policy `auto-movable`, by which a block goes online into Movable while there is enough kernel memory.
///
/// Source: Linux 6.1 `mm/memory_hotplug.c: auto_movable_zone_for_pfn, auto_movable_can_online_movable`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AutoMovable {
    /// Present pages of Movable for 100 pages that boot gave to kernel zones (`memory_hotplug.auto_movable_ratio`).
    pub ratio: u64,
    /// True if the ratio holds on each node as well (`memory_hotplug.auto_movable_numa_aware`).
    pub per_node: bool,
}

impl Default for AutoMovable {
    /// The kernel's defaults: 301, and on each node as well.
    fn default() -> Self {
        Self { ratio: 301, per_node: true }
    }
}

impl MemoryBlocks {
    /// The device of a block; `None` for a block of boot.
    pub(super) fn device_of(&self, block: BlockId) -> Option<MemoryDevice> {
        self.devices.iter().copied().find(|device| device.contains(block))
    }

    /// The listed blocks of a device.
    pub(super) fn of_device(&self, device: MemoryDevice) -> &[MemoryBlock] {
        let position = |number| self.list.partition_point(|block| block.number < number);
        self.list.get(position(device.first)..position(device.end())).unwrap_or_default()
    }

    /// Takes blocks out of their devices.
    pub(super) fn remove_from_devices(&mut self, removed: MemoryDevice) -> Result<(), NoMemory> {
        // Each device leaves at most two parts, and only two devices are cut.
        self.devices.try_reserve(2)?;
        for at in (0..self.devices.len()).rev() {
            let device = self.devices[at];
            let parts =
                [(device.first, device.end().min(removed.first)), (device.first.max(removed.end()), device.end())];
            self.devices.swap_remove(at);
            let left = parts.into_iter().filter(|(first, end)| first < end);
            self.devices.extend(left.map(|(first, end)| MemoryDevice { first, count: end.number() - first.number() }));
        }
        self.devices.sort_unstable_by_key(|device| device.first);
        Ok(())
    }
}

impl StateData {
    /// True if the policy gives a block to Movable: if the ratio still holds with the whole of its device there.
    pub(super) fn is_movable_by_policy(&self, policy: AutoMovable, block: BlockId, node: NodeId) -> bool {
        // A block that no device is known of is one on its own.
        let device = self.blocks.device_of(block).unwrap_or(MemoryDevice { first: block, count: 1 });
        let (mut movable, mut kernel) = (0, 0);
        for block in self.blocks.of_device(device) {
            match block.state {
                MemoryBlockState::Online(ZoneKind::Movable) => movable += 1,
                MemoryBlockState::Online(_) | MemoryBlockState::Shared => kernel += 1,
                MemoryBlockState::Offline => {}
            }
        }
        if kernel > 0 || policy.ratio == 0 {
            return false;
        }
        let wanted = (device.count - movable).saturating_mul(self.blocks.pages);
        self.ratio_holds(policy.ratio, None, wanted)
            && (!policy.per_node || self.ratio_holds(policy.ratio, Some(node), wanted))
    }

    /// True if the ratio holds with more pages in Movable, on one node or on all.
    fn ratio_holds(&self, ratio: u64, node: Option<NodeId>, more: u64) -> bool {
        let counts = |of: NodeId| node.is_none_or(|node| node == of);
        let (mut movable, mut kernel) = (0_u64, 0_u64);
        for size in self.memory.zones.iter().filter(|size| counts(size.zone.node())) {
            let is_movable = size.zone.kind() == ZoneKind::Movable;
            let sum = if is_movable { &mut movable } else { &mut kernel };
            *sum = sum.saturating_add(size.present);
        }
        // Only boot's pages of kernel zones count: without this, each block of a device would allow others in Movable.
        let is_kernel = |state| matches!(state, MemoryBlockState::Online(kind) if kind != ZoneKind::Movable);
        for device in &self.blocks.devices {
            let blocks = self.blocks.of_device(*device).iter();
            let added = blocks.filter(|block| is_kernel(block.state) && block.node.is_some_and(counts)).count();
            kernel = kernel.saturating_sub((added as u64).saturating_mul(self.blocks.pages));
        }
        movable.saturating_add(more) <= ratio.saturating_mul(kernel) / 100
    }
}
