//! Our outcome of a step, in the form of a record.

use zonelist_core::hotplug::{self, BootBuild, Change, HotplugError, Rebuilt, State};

use crate::{
    computed::boot::{nodes, rows},
    record::{BlockRecord, Kind, MemoryBlockState, Step, Sysctl, ZoneRecord},
};

/// The machine as it booted, in the form of a step: once for each build of zonelists.
pub(super) fn boot_steps(builds: &[BootBuild], state: &State) -> Vec<Step> {
    let step = |build: &BootBuild| {
        let op = build.node.map_or_else(|| "boot".into(), |node| format!("boot, node {node} added"));
        Step { op, fallback_order: Some(Some(rows(&build.fallback_order))), ..sizes(state) }
    };
    builds.iter().map(step).collect()
}

/// The outcome of a step, in the form of a record: the result, and the whole state after it.
#[must_use]
pub fn outcome(step: &Step, before: &State, state: &State, result: Result<Change, HotplugError>) -> Step {
    let (result, rebuilt) = match result {
        Ok(change) => ("ok".into(), change.rebuilt),
        Err(error) => (error.errno().to_string(), None),
    };
    let logged = rebuilt.as_ref();
    Step {
        op: step.op.clone(),
        block: step.block,
        cpu: step.cpu,
        name: step.name.clone(),
        value: step.value.clone(),
        pinned: step.pinned,
        zone: step.zone,
        result: Some(result),
        fallback_order: Some(logged.map(|_| rows(state.fallback_order()))),
        blocks_changed: Some(changed(before, state)),
        built: logged.map(|rebuilt| rebuilt.nodes as u64),
        total_pages: logged.map(|rebuilt| rebuilt.total_pages),
        policy_zone: logged.map(|Rebuilt { policy_zone, .. }| Kind(*policy_zone)),
        ..sizes(state)
    }
}

/// The keys that any state has.
fn sizes(state: &State) -> Step {
    let tunables = state.tunables();
    Step {
        online: Some(nodes(state.online())),
        has_cpu: Some(nodes(state.has_cpu())),
        has_memory: Some(nodes(state.has_memory())),
        sysctl: Some(Sysctl {
            min_free_kbytes: tunables.min_free_kbytes,
            watermark_scale_factor: tunables.watermark_scale_factor,
            lowmem_reserve_ratio: tunables.lowmem_reserve_ratio.clone(),
        }),
        zones: Some(state.zones().map(zone).collect()),
        ..Step::default()
    }
}

fn zone(info: hotplug::ZoneInfo<'_>) -> ZoneRecord {
    let size = info.size;
    ZoneRecord {
        node: size.zone.node().number().into(),
        kind: Kind(size.zone.kind()),
        start_pfn: size.start_pfn.number(),
        spanned: size.spanned,
        present: size.present,
        managed: size.managed,
        min: Some(info.watermarks.min),
        low: Some(info.watermarks.low),
        high: Some(info.watermarks.high),
        protection: Some(info.reserve.to_vec()),
    }
}

/// The memory blocks that differ between the two states.
fn changed(before: &State, state: &State) -> Vec<BlockRecord> {
    let differs = |new: &&hotplug::MemoryBlock| before.block(new.number) != Ok(*new);
    state.blocks().iter().filter(differs).map(block).collect()
}

/// All memory blocks, in the form of a record.
#[must_use]
pub fn blocks(state: &State) -> Vec<BlockRecord> {
    state.blocks().iter().map(block).collect()
}

fn block(block: &hotplug::MemoryBlock) -> BlockRecord {
    let (state, zone) = match block.state {
        hotplug::MemoryBlockState::Offline => (MemoryBlockState::Offline, None),
        hotplug::MemoryBlockState::Online(kind) => (MemoryBlockState::Online, Some(Kind(kind))),
        hotplug::MemoryBlockState::Shared => (MemoryBlockState::Online, None),
    };
    BlockRecord { block: block.number.number(), node: block.node.map(|node| node.number().into()), state, zone }
}
