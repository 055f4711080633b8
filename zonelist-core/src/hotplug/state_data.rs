//! The fields of a state, and what is computed from them.
//!
//! An operation changes a copy of the state. If the heap has no room for the copy, the operation is refused, and the
//! state stays as it is.

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

use super::{
    block_id::BlockId,
    boot_builds::boot_builds,
    error::HotplugError,
    immovable::{Immovable, immovable},
    memory_block::{MemoryBlocks, MemoryBlocksError, touches},
    min_free::{huge_page_min_free_kbytes, scaled_min_free_kbytes},
    operation::{Change, Rebuilt},
    setting::Setting,
};
use crate::{
    NodeId, Pfn, ZoneId, ZoneKind, Zonelists,
    heap::{NoMemory, Shared, collected, copied, push, with_room},
    ids::NodeSet,
    topology::{
        FallbackOrder, FallbackOrderInput, Machine, Memory, Rules, Tunables, Watermarks, ZoneSize, high_of_empty_zone,
        policy_zone, reserves_of, total_pages, watermarks_of,
    },
    zone::UnknownOwner,
};

/// Size, watermarks and reserve of one zone in one state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZoneInfo<'s> {
    /// Its size.
    pub size: &'s ZoneSize,
    /// Its watermarks, in pages.
    pub watermarks: Watermarks,
    /// The pages it holds back from requests of higher kinds, for each of the machine's kinds.
    pub reserve: &'s [u64],
}

/// The inputs and results of a rebuild.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct StateData {
    pub(super) machine: Arc<Machine>,
    pub(super) rules: Rules,
    pub(super) online: NodeSet,
    pub(super) has_cpu: NodeSet,
    pub(super) has_memory: NodeSet,
    /// CPUs that are online, ascending.
    pub(super) cpus: Vec<u32>,
    /// Sizes of the populated zones, ascending, and the tunables.
    pub(super) memory: Memory,
    /// The watermarks of each of those zones.
    pub(super) watermarks: Vec<Watermarks>,
    /// The lowmem reserves, zone by zone, with a column for each kind.
    pub(super) reserves: Vec<u64>,
    pub(super) blocks: MemoryBlocks,
    /// The immovable ranges of all zones. If they are not known, the machine has no blocks.
    pub(super) immovable: Result<Immovable, UnknownOwner>,
    pub(super) fallback_order: Shared<FallbackOrder>,
    pub(super) lists: Shared<Zonelists>,
    pub(super) policy_zone: ZoneKind,
    /// The `min_free_kbytes` that was last set by the user.
    set_min_free_kbytes: Option<u64>,
}

impl StateData {
    /// The state of a machine that has booted.
    pub(super) fn booted(
        machine: Machine,
        blocks: MemoryBlocks,
        rules: Rules,
    ) -> Result<Result<Self, NoMemory>, MemoryBlocksError> {
        let blocks = blocks.checked(&machine)?;
        let mut memory = machine.memory().ok_or(MemoryBlocksError::NoSizes)?.clone();
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
        blocks: MemoryBlocks,
        immovable: Result<Immovable, UnknownOwner>,
        rules: Rules,
    ) -> Result<Self, NoMemory> {
        let lowest_kind = memory.kinds.first().copied().unwrap_or(ZoneKind::Dma);
        let online_cpus =
            machine.cpus().iter().filter(|(_, nodes)| nodes.iter().any(|&node| machine.has_cpu().contains(node)));
        // The last build of boot is in force. Its policy zone counts all of the memory.
        let mut builds = boot_builds(&machine, &memory, &blocks, rules)?;
        let fallback_order =
            builds.pop().map_or_else(|| FallbackOrder::at_boot(&machine, rules), |last| last.fallback_order);
        let mut data = Self {
            rules,
            online: *machine.online(),
            has_cpu: *machine.has_cpu(),
            has_memory: *machine.has_memory(),
            cpus: collected(online_cpus.map(|(&cpu, _)| cpu))?,
            watermarks: Vec::new(),
            reserves: Vec::new(),
            immovable,
            lists: Shared::new(Zonelists::try_assemble(&fallback_order, memory.listed(rules))?)?,
            fallback_order: Shared::new(fallback_order)?,
            policy_zone: policy_zone(lowest_kind, &memory.zones),
            set_min_free_kbytes: None,
            machine: Arc::new(machine),
            memory,
            blocks,
        };
        data.compute_watermarks()?;
        Ok(data)
    }

    /// A copy to be changed. The parts that no operation changes are shared.
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
            watermarks: copied(&self.watermarks)?,
            reserves: copied(&self.reserves)?,
            blocks: MemoryBlocks {
                list: copied(&self.blocks.list)?,
                devices: copied(&self.blocks.devices)?,
                without_boot_memory: copied(&self.blocks.without_boot_memory)?,
                ..self.blocks
            },
            immovable: self.immovable.clone(),
            fallback_order: self.fallback_order.clone(),
            lists: self.lists.clone(),
            ..*self
        })
    }

    /// The populated zones, ascending.
    pub(super) fn zones(&self) -> impl ExactSizeIterator<Item = ZoneInfo<'_>> {
        let reserves = self.reserves.chunks(self.memory.kinds.len().max(1));
        let zones = self.memory.zones.iter().zip(&self.watermarks).zip(reserves);
        zones.map(|((size, &watermarks), reserve)| ZoneInfo { size, watermarks, reserve })
    }

    /// Replaces watermarks and reserves by recorded ones.
    pub(super) fn set_watermarks(&mut self, recorded: impl Fn(ZoneId) -> Option<(Watermarks, Vec<u64>)>) {
        let kinds = self.memory.kinds.len();
        let reserves = self.reserves.chunks_mut(kinds.max(1));
        for ((size, watermarks), reserve) in self.memory.zones.iter().zip(&mut self.watermarks).zip(reserves) {
            if let Some((recorded, row)) = recorded(size.zone).filter(|(_, row)| row.len() == kinds) {
                *watermarks = recorded;
                reserve.copy_from_slice(&row);
            }
        }
    }

    /// The immovable ranges of a zone, as far as they are known.
    pub(super) fn immovable_of(&self, zone: ZoneId) -> impl Iterator<Item = Range<Pfn>> {
        let known = self.immovable.as_ref().map_or(&[][..], |immovable| immovable);
        known.iter().filter(move |(other, _)| *other == zone).map(|(_, part)| part.clone())
    }

    /// The first frame of a range that a zone has outside of blocks, with the zone.
    pub(super) fn memory_in(&self, frames: &Range<Pfn>) -> Option<(Pfn, ZoneId)> {
        let known = self.immovable.as_ref().map_or(&[][..], |immovable| immovable);
        let there = known.iter().filter(|(_, part)| touches(part, frames));
        there.map(|(zone, part)| (part.start.max(frames.start), *zone)).min()
    }

    /// The index of a block in the list.
    pub(super) fn position(&self, block: BlockId) -> Result<usize, HotplugError> {
        self.blocks.find(block).map_err(|_| HotplugError::NoSuchBlock { block })
    }

    /// Rebuilds the fallback order and the lists of all nodes, with `has_memory` as the nodes with memory.
    pub(super) fn rebuild(&mut self, has_memory: &NodeSet) -> Result<(), NoMemory> {
        // The caller's set: when a node's last page goes, Linux still counts the node during the rebuild.
        let input = FallbackOrderInput { has_memory, ..self.fallback_input() };
        self.fallback_order = Shared::new(FallbackOrder::try_build(input, self.rules)?)?;
        self.lists = Shared::new(self.assemble()?)?;
        Ok(())
    }

    /// Rebuilds the fallback order and the lists of one node only.
    pub(super) fn rebuild_node(&mut self, node: NodeId) -> Result<(), NoMemory> {
        self.fallback_order =
            Shared::new(self.fallback_order.try_with_row_rebuilt(self.fallback_input(), self.rules, node)?)?;
        self.lists = Shared::new(self.lists.with_lists_of(node, &self.assemble()?)?)?;
        Ok(())
    }

    fn assemble(&self) -> Result<Zonelists, NoMemory> {
        Zonelists::try_assemble(&self.fallback_order, self.memory.listed(self.rules))
    }

    fn fallback_input(&self) -> FallbackOrderInput<'_> {
        FallbackOrderInput {
            online: &self.online,
            has_cpu: &self.has_cpu,
            has_memory: &self.has_memory,
            ..FallbackOrderInput::of(&self.machine)
        }
    }

    /// The report of a rebuild, with the high watermarks that it used.
    pub(super) fn rebuilt(&mut self, high: impl Fn(ZoneId) -> u64) -> Rebuilt {
        self.policy_zone = policy_zone(self.policy_zone, &self.memory.zones);
        Rebuilt {
            lists: self.lists.clone(),
            nodes: self.online.len(),
            total_pages: total_pages(&self.memory.zones, high),
            policy_zone: self.policy_zone,
        }
    }

    /// Each zone's high watermark, also of a zone that is not populated.
    pub(super) fn high_watermarks(&self) -> Result<impl Fn(ZoneId) -> u64 + use<>, NoMemory> {
        let high = collected(self.zones().map(|zone| (zone.size.zone, zone.watermarks.high)))?;
        let of_empty = ZoneKind::ALL.map(|kind| high_of_empty_zone(&self.memory, kind, self.rules));
        Ok(move |zone: ZoneId| {
            let found = high.iter().find(|(other, _)| *other == zone);
            found.map_or(of_empty[zone.kind().index()], |(_, high)| *high)
        })
    }

    /// Recomputes `min_free_kbytes` from the present sizes and the high watermarks before, then watermarks and
    /// reserves.
    ///
    /// Source: Linux 6.1 `mm/page_alloc.c: init_per_zone_wmark_min`, `mm/khugepaged.c:
    /// set_recommended_min_free_kbytes`.
    pub(super) fn update_min_free(&mut self, high_before: impl Fn(ZoneId) -> u64) -> Result<(), NoMemory> {
        const MIN_KBYTES: u64 = 128;
        let scaled = scaled_min_free_kbytes(&self.memory, high_before);
        // A value that the user has set is only ever raised.
        if self.set_min_free_kbytes.is_none_or(|set| scaled > set) {
            self.memory.tunables.min_free_kbytes = scaled.min(self.rules.max_min_free_kbytes).max(MIN_KBYTES);
        }
        self.compute_watermarks()?;
        // The kernel's notifiers run in this sequence: the second value follows from the watermarks of the first.
        if self.blocks.huge_pages && self.rules.hotplug_regards_huge_pages {
            let wanted = huge_page_min_free_kbytes(&self.memory, self.high_watermarks()?);
            if wanted > self.memory.tunables.min_free_kbytes {
                self.memory.tunables.min_free_kbytes = wanted;
                self.compute_watermarks()?;
            }
        }
        Ok(())
    }

    /// Computes watermarks and reserves from sizes and tunables.
    fn compute_watermarks(&mut self) -> Result<(), NoMemory> {
        let zones = &self.memory.zones;
        // Room is reserved first, so that a full heap is an error and not an abort.
        self.watermarks = with_room(zones.len())?;
        self.watermarks.extend(watermarks_of(&self.memory, self.rules));
        self.reserves = with_room(zones.len() * self.memory.kinds.len())?;
        let reserves = zones.iter().flat_map(|size| reserves_of(&self.memory, size.zone, self.rules));
        reserves.into_iter().try_for_each(|pages| push(&mut self.reserves, pages))
    }

    /// Changes a setting.
    pub(super) fn set(&mut self, setting: &Setting) -> Result<Change, HotplugError> {
        setting.check(self.memory.kinds.len(), self.rules)?;
        let tunables = &mut self.memory.tunables;
        match setting {
            // Recorded too: from now on a computed value replaces it only if it is higher.
            Setting::MinFreeKbytes(kbytes) => {
                tunables.min_free_kbytes = *kbytes;
                self.set_min_free_kbytes = Some(*kbytes);
            }
            Setting::WatermarkScaleFactor(factor) => tunables.watermark_scale_factor = *factor,
            // Fewer ratios than kinds: the others stay.
            Setting::LowmemReserveRatio(ratios) => {
                tunables.lowmem_reserve_ratio.iter_mut().zip(ratios).for_each(|(to, from)| *to = *from);
            }
            Setting::NumaZonelistOrder => return Ok(Change::default()),
        }
        self.compute_watermarks()?;
        Ok(Change::default())
    }
}
