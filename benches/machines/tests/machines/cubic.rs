//! The sorted fallback order against Linux's scan, on random machines.

use proptest::prelude::*;
use zonelist_core::{
    NodeId,
    topology::{FallbackOrder, FallbackOrderInput, Machine, MachineDescription, NodeSet, Rules},
};
use zonelist_machines::cubic::cubic;

/// Random machines. Few different distances make ties, many make none; a node without CPU and memory is offline.
fn machines() -> impl Strategy<Value = MachineDescription> {
    let palette = prop_oneof![
        Just(vec![20]),
        Just(vec![16, 22]),
        Just(vec![20, 21, 22]),
        Just(vec![11, 12, 254, 255]),
        Just((11..=60).collect::<Vec<u32>>())
    ];
    (1usize..=24, palette, any::<bool>()).prop_flat_map(|(nodes, palette, symmetric)| {
        let cells = prop::collection::vec(prop::sample::select(palette), nodes * nodes);
        let bits = prop::collection::vec((prop::bool::weighted(0.8), prop::bool::weighted(0.7), 0u32..7), nodes);
        (cells, bits).prop_map(move |(cells, bits)| description(nodes, symmetric, &cells, &bits))
    })
}

fn description(nodes: usize, symmetric: bool, cells: &[u32], bits: &[(bool, bool, u32)]) -> MachineDescription {
    let distance = |i: usize, j: usize| match (i == j, symmetric) {
        (true, _) => 10,
        (false, true) => cells[i.min(j) * nodes + i.max(j)],
        (false, false) => cells[i * nodes + j],
    };
    // Node numbers ascend, with gaps.
    let possible: Vec<u32> = bits
        .iter()
        .scan(0, |next, (_, _, gap)| {
            *next += gap + 1;
            Some(*next - 1)
        })
        .collect();
    let having = |wanted: fn(&(bool, bool, u32)) -> bool| {
        possible.iter().zip(bits).filter(|(_, bits)| wanted(bits)).map(|(&node, _)| node).collect::<Vec<u32>>()
    };
    let has_cpu = having(|bits| bits.1);
    let mut has_memory = having(|bits| bits.0);
    if has_memory.is_empty() {
        has_memory.push(possible[0]);
    }
    MachineDescription {
        distance: (0..nodes).map(|i| (0..nodes).map(|j| distance(i, j)).collect()).collect(),
        online: possible.iter().copied().filter(|node| has_cpu.contains(node) || has_memory.contains(node)).collect(),
        has_cpu,
        has_memory,
        possible,
        ..MachineDescription::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(zonelist_verify::cases(2000, 8)))]

    #[test]
    fn the_sorted_order_equals_the_scanned_one(described in machines()) {
        let (machine, warning) = Machine::new(described).unwrap();
        prop_assert_eq!(warning, None);
        for (_, rules) in Rules::TABLE {
            for has_cpu in [&NodeSet::EMPTY, machine.has_cpu()] {
                let input = FallbackOrderInput { has_cpu, ..FallbackOrderInput::of(&machine) };
                let sorted = FallbackOrder::build(input, rules);
                let sorted: Vec<(NodeId, Vec<NodeId>)> = sorted.rows().map(|(node, row)| (node, row.to_vec())).collect();
                prop_assert_eq!(sorted, cubic(&input, rules), "{:?}", rules);
            }
        }
    }
}

/// Loads grow with the count of nodes: every row may charge the same node.
#[test]
fn no_load_outweighs_a_distance_on_a_large_machine() {
    let nodes = 120;
    let all: Vec<u32> = (0..nodes).collect();
    let distance = |i: u32, j: u32| if i == j { 10 } else { 20 + (i ^ j) % 3 };
    let (machine, _) = Machine::new(MachineDescription {
        distance: all.iter().map(|&i| all.iter().map(|&j| distance(i, j)).collect()).collect(),
        online: all.clone(),
        has_cpu: all.iter().copied().filter(|node| node % 5 != 0).collect(),
        has_memory: all.iter().copied().filter(|node| node % 7 != 0).collect(),
        possible: all,
        ..MachineDescription::default()
    })
    .unwrap();
    for (_, rules) in Rules::TABLE {
        let sorted = FallbackOrder::rebuilt(&machine, rules);
        let scanned = cubic(&FallbackOrderInput::of(&machine), rules);
        assert!(sorted.rows().eq(scanned.iter().map(|(node, row)| (*node, row.as_slice()))), "{rules:?}");
    }
}
