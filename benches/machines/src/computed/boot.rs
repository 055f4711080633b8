//! What a machine logs while it boots, in the form of a record.

use zonelist_core::{
    hotplug::{BootBuild, State},
    topology::{FallbackOrder, NodeSet},
};

use crate::record::{Boot, ByNode, Kind, LaterBuild};

/// What the machine logged while it booted, and the states of its nodes after that.
pub(crate) fn boot(builds: &[BootBuild], state: &State) -> Boot {
    let first = builds.first();
    let later = builds.get(1..).unwrap_or_default();
    Boot {
        online: nodes(state.online()),
        has_cpu: nodes(state.has_cpu()),
        has_memory: nodes(state.has_memory()),
        fallback_order: first.map(|build| rows(&build.fallback_order)),
        total_pages: first.and_then(|build| build.total_pages),
        policy_zone: first.map(|build| Kind(build.policy_zone)),
        later_builds: (!later.is_empty()).then(|| later.iter().map(later_build).collect()),
    }
}

/// A build of boot after the first, in the form of a record.
pub(crate) fn later_build(build: &BootBuild) -> LaterBuild {
    let ByNode(mut rows) = rows(&build.fallback_order);
    if let Some(node) = build.node {
        rows.retain(|&local, _| local == u32::from(node.number()));
    }
    LaterBuild {
        fallback_order: ByNode(rows),
        built: Some(build.nodes as u64),
        total_pages: build.total_pages,
        policy_zone: Some(Kind(build.policy_zone)),
    }
}

/// The numbers of nodes, ascending.
pub(crate) fn nodes(set: &NodeSet) -> Vec<u32> {
    set.iter().map(|node| node.number().into()).collect()
}

/// The rows of an order, in the form of a record.
pub(crate) fn rows(order: &FallbackOrder) -> ByNode<Vec<u32>> {
    let row = |row: &[_]| row.iter().map(|node: &zonelist_core::NodeId| node.number().into()).collect();
    ByNode(order.rows().map(|(node, nodes)| (node.number().into(), row(nodes))).collect())
}
