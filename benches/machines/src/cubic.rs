//! The fallback order by Linux's algorithm, in cubic time: a scan of all nodes for each place of each row.
//!
//! The tests compare the results of [`FallbackOrder`](zonelist_core::topology::FallbackOrder), which sorts, with this one's; the
//! criterion suite compares their times.

use zonelist_core::{
    NodeId,
    topology::{FallbackOrderInput, NodeLoad, Rules},
};

/// Every node that has a list, ascending, with its row.
///
/// Cost: n³ steps for n nodes.
///
/// Source: `mm/page_alloc.c: build_zonelists, find_next_best_node`, of 4.14, 5.18, 6.1 and 6.7.
#[must_use]
pub fn cubic(input: &FallbackOrderInput<'_>, rules: Rules) -> Vec<(NodeId, Vec<NodeId>)> {
    let mut load = vec![0; input.nodes.len()];
    let listed = |&local: &usize| rules.offline_nodes_have_lists || input.online.contains(input.nodes[local]);
    let rows = (0..input.nodes.len()).filter(listed);
    rows.map(|local| (input.nodes[local], row(input, rules, local, &mut load))).collect()
}

/// The row of one local node; adds to the loads, which the next row starts from.
fn row(input: &FallbackOrderInput<'_>, rules: Rules, local: usize, load: &mut [u64]) -> Vec<NodeId> {
    let distances = input.distances.from(local);
    let mut used = vec![false; input.nodes.len()];
    let mut row = Vec::new();
    let mut previous = local;
    let mut penalty = input.online.len() as u64;
    while let Some(best) = next_best(input, rules, local, &mut used, load) {
        // Only the first node of each distance is charged, so that equally far nodes take turns over the rows.
        if distances[best] != distances[previous] {
            load[best] = match rules.node_load {
                NodeLoad::SetDescending => penalty,
                NodeLoad::AddDescending => load[best] + penalty,
                NodeLoad::AddOne => load[best] + 1,
            };
        }
        row.push(input.nodes[best]);
        previous = best;
        penalty = penalty.saturating_sub(1);
    }
    row
}

/// The unused node with the lowest value: distance and penalties first, load as the tie-break.
fn next_best(
    input: &FallbackOrderInput<'_>,
    rules: Rules,
    local: usize,
    used: &mut [bool],
    load: &[u64],
) -> Option<usize> {
    const MAX_NUMNODES: u64 = 1024;
    let scale = match rules.node_load {
        NodeLoad::SetDescending | NodeLoad::AddDescending => input.online.len() as u64 * MAX_NUMNODES,
        NodeLoad::AddOne => MAX_NUMNODES,
    };
    // A row begins with its own node, until 6.6 also without memory.
    if !used[local] && (rules.memoryless_nodes_listed || input.has_memory.contains(input.nodes[local])) {
        used[local] = true;
        return Some(local);
    }
    let mut best = None;
    for (n, node) in input.nodes.iter().enumerate() {
        if used[n] || !input.has_memory.contains(*node) {
            continue;
        }
        let mut value = u64::from(input.distances.from(local)[n]);
        value += u64::from(n < local);
        value += u64::from(input.has_cpu.contains(*node));
        // The scale exceeds every load, so a load never outweighs a distance.
        value = value * scale + load[n];
        if best.is_none_or(|(lowest, _)| value < lowest) {
            best = Some((value, n));
        }
    }
    let (_, best) = best?;
    used[best] = true;
    Some(best)
}
