//! The fallback order as Linux computes it: for each place of each row, a scan of all nodes.
//!
//! [`FallbackOrder`](zonelist_core::FallbackOrder) sorts instead. This is what it is compared with, in
//! its results and in its time.

use zonelist_core::{NodeId, NodeLoad, OrderInput, Rules};

/// Every node with its row, ascending; cost n³ for n nodes.
///
/// Source: `mm/page_alloc.c: build_zonelists, find_next_best_node`, of 6.1 and of 4.14.
#[must_use]
pub fn cubic(input: &OrderInput<'_>, rules: Rules) -> Vec<(NodeId, Vec<NodeId>)> {
    let mut load = vec![0; input.nodes.len()];
    (0..input.nodes.len()).map(|local| (input.nodes[local], row(input, rules, local, &mut load))).collect()
}

fn row(input: &OrderInput<'_>, rules: Rules, local: usize, load: &mut [u64]) -> Vec<NodeId> {
    let distances = input.distances.from(local);
    let mut used = vec![false; input.nodes.len()];
    let mut row = Vec::new();
    let mut previous = local;
    let mut penalty = input.online as u64;
    while let Some(best) = next_best(input, rules, local, &mut used, load) {
        if distances[best] != distances[previous] {
            load[best] = match rules.node_load {
                NodeLoad::SetDescending => penalty,
                NodeLoad::AddOne => load[best] + 1,
            };
        }
        row.push(input.nodes[best]);
        previous = best;
        penalty = penalty.saturating_sub(1);
    }
    row
}

fn next_best(input: &OrderInput<'_>, rules: Rules, local: usize, used: &mut [bool], load: &[u64]) -> Option<usize> {
    const MAX_NUMNODES: u64 = 1024;
    let scale = match rules.node_load {
        NodeLoad::SetDescending => input.online as u64 * MAX_NUMNODES,
        NodeLoad::AddOne => MAX_NUMNODES,
    };
    if !used[local] {
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
        value = value * scale + load[n];
        if best.is_none_or(|(lowest, _)| value < lowest) {
            best = Some((value, n));
        }
    }
    let (_, best) = best?;
    used[best] = true;
    Some(best)
}
