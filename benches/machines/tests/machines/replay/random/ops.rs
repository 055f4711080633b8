//! Random operations on a machine: single ones of every kind, and sequences that reach special cases.

use proptest::{
    prelude::*,
    sample::{Index, select},
};
use zonelist_core::ZoneKind;
use zonelist_machines::{Kind, MachineFile, ZoneRecord};

use crate::replay::oracle::Op;

/// The number of a node and of a CPU that no machine here has.
const NO_NODE: u32 = 900;
/// The number of a block that no machine here has.
const NO_BLOCK: u64 = 1 << 20;
/// The words that take a block online.
const ONLINE: [&str; 3] = ["online", "online_kernel", "online_movable"];

/// The numbers that operations on a machine can name.
#[derive(Clone)]
struct Names {
    nodes: Vec<u32>,
    /// Nodes that memory can be plugged into. Nodes whose own memory has no blocks are left out.
    extensible_nodes: Vec<u32>,
    /// CPUs with their nodes.
    cpus: Vec<(u32, u32)>,
    /// Listed blocks with their nodes.
    blocks: Vec<(u64, Option<u32>)>,
    /// Numbers of unlisted blocks, whose frames belong to no zone.
    free: Vec<u64>,
    /// True if the policy's choice is part of an operation: if it does not follow from known DIMMs.
    policy_chooses: bool,
}

/// Operations on this machine.
pub(super) fn ops(golden: &MachineFile) -> impl Strategy<Value = Vec<Op>> + use<> {
    let names = Names::of(golden);
    let run = prop_oneof![
        5 => names.block_write().prop_map(|op| vec![op]),
        3 => names.other().prop_map(|op| vec![op]),
        2 => sysctl_write().prop_map(|op| vec![op]),
        3 => names.offline_and_online(),
        2 => names.plug_in(),
        2 => names.mix_zones(),
        1 => names.drain(),
        2 => names.tune(),
    ];
    prop::collection::vec(run, 1..=14).prop_map(|runs| runs.concat())
}

impl Names {
    fn of(golden: &MachineFile) -> Self {
        let nodes = golden.possible.clone();
        let is_listed = |number: &u64| golden.blocks.iter().any(|block| block.block == *number);
        // Memory can be plugged into a node if each of its zones begins in a listed block.
        let begins_in = |zone: &ZoneRecord| zone.start_pfn / golden.block_pages;
        let is_extensible =
            |node: &u32| golden.zones.iter().all(|zone| zone.node != *node || is_listed(&begins_in(zone)));
        let end = golden.blocks.iter().map(|block| block.block + 1).max().unwrap_or(0);
        Self {
            extensible_nodes: nodes.iter().copied().filter(is_extensible).collect(),
            cpus: golden.cpus.0.iter().flat_map(|(&node, cpus)| cpus.iter().map(move |&cpu| (cpu, node))).collect(),
            blocks: golden.blocks.iter().map(|block| (block.block, block.node)).collect(),
            free: (0..end + 6).filter(|number| !is_listed(number)).collect(),
            policy_chooses: golden.dimms.is_none() && golden.boot_options.contains("auto-movable"),
            nodes,
        }
    }

    /// A write to a block's state file. A zone is chosen only by the `auto-movable` policy, and only for `online`.
    fn write(&self, block: u64, word: &str, pinned: bool, movable: bool) -> Op {
        let kind = Kind(if movable { ZoneKind::Movable } else { ZoneKind::Normal });
        let policy_zone_choice = (self.policy_chooses && word == "online").then_some(kind);
        Op::Block { block, word: word.into(), pinned, policy_zone_choice }
    }

    /// One write to the state file of a block, which may not exist.
    fn block_write(&self) -> impl Strategy<Value = Op> + use<> {
        let word = prop_oneof![
            4 => Just("offline"),
            6 => select(&ONLINE[..]),
            1 => select(vec!["bogus", "Offline", "online_", "onlin", ""]),
        ];
        let names = self.clone();
        (self.block(), word, prop::bool::weighted(0.1), any::<bool>())
            .prop_map(move |(block, word, pinned, movable)| names.write(block, word, pinned, movable))
    }

    /// One operation on a CPU or a node, or one that adds or removes blocks.
    fn other(&self) -> impl Strategy<Value = Op> + use<> {
        let mut cpus: Vec<u32> = self.cpus.iter().map(|row| row.0).collect();
        cpus.push(NO_NODE);
        prop_oneof![
            3 => (select(cpus), any::<bool>()).prop_map(|(cpu, online)| Op::Cpu { cpu, online }),
            1 => self.node().prop_map(Op::AddNode),
            2 => (self.extensible_node(), self.block(), 0u64..=3)
                .prop_map(|(node, first, count)| Op::AddBlocks { node, first, count }),
            2 => (self.block(), 0u64..=2).prop_map(|(first, count)| Op::RemoveBlocks { first, count }),
            1 => self.node().prop_map(Op::RemoveNode),
        ]
    }

    /// A node, most often a possible one.
    fn node(&self) -> impl Strategy<Value = u32> + use<> {
        prop_oneof![9 => select(self.nodes.clone()), 1 => Just(NO_NODE)]
    }

    /// A node to plug memory into, or one that does not exist.
    fn extensible_node(&self) -> impl Strategy<Value = u32> + use<> {
        select(self.extensible_nodes.iter().copied().chain([NO_NODE]).collect::<Vec<u32>>())
    }

    /// A block: a listed one, one that can be plugged in, or one that never exists.
    fn block(&self) -> impl Strategy<Value = u64> + use<> {
        let listed = self.blocks.iter().map(|row| row.0).chain([self.free[0]]).collect::<Vec<u64>>();
        prop_oneof![9 => select(listed), 3 => select(self.free.clone()), 1 => Just(NO_BLOCK)]
    }

    /// A block goes offline and online again.
    fn offline_and_online(&self) -> impl Strategy<Value = Vec<Op>> + use<> {
        let names = self.clone();
        (self.block(), select(&ONLINE[..]), any::<bool>()).prop_map(move |(block, word, movable)| {
            vec![names.write(block, "offline", false, false), names.write(block, word, false, movable)]
        })
    }

    /// Plugs blocks into a node and takes them online, with its CPUs, and may remove all of it again.
    fn plug_in(&self) -> impl Strategy<Value = Vec<Op>> + use<> {
        let names = self.clone();
        let node = select(self.nodes.clone());
        let word = (select(&ONLINE[..]), any::<bool>());
        (node, select(self.free.clone()), 1u64..=3, word, any::<[bool; 3]>()).prop_map(
            move |(node, first, count, (word, movable), [node_first, cpus, away])| {
                let mut ops = Vec::new();
                if node_first {
                    ops.push(Op::AddNode(node));
                }
                if cpus {
                    ops.extend(names.cpus(node, true));
                }
                if names.extensible_nodes.contains(&node) {
                    ops.push(Op::AddBlocks { node, first, count });
                    ops.extend((first..first + count).map(|block| names.write(block, word, false, movable)));
                }
                if away {
                    ops.extend((first..first + count).map(|block| names.write(block, "offline", false, false)));
                    ops.push(Op::RemoveBlocks { first, count });
                    ops.extend(names.cpus(node, false));
                    ops.push(Op::RemoveNode(node));
                }
                ops
            },
        )
    }

    /// Adds kernel memory below and above a node's own, so that spans of zones overlap. Then some of its own blocks go
    /// offline and online again.
    fn mix_zones(&self) -> impl Strategy<Value = Vec<Op>> + use<> {
        let names = self.clone();
        let places = prop::collection::vec(any::<Index>(), 3..=6);
        let below = prop_oneof![Just(self.free[0]), select(self.free.clone())];
        (self.extensible_node(), below, places, select(&ONLINE[..])).prop_map(move |(node, below, places, word)| {
            let of_node = names.blocks.iter().filter(|row| row.1 == Some(node));
            let blocks: Vec<u64> = of_node.map(|row| row.0).collect();
            let mut ops = Vec::new();
            for first in [below, names.free[names.free.len() - 1]] {
                ops.push(Op::AddBlocks { node, first, count: 1 });
                ops.push(names.write(first, "online_kernel", false, false));
            }
            for place in places.iter().filter(|_| !blocks.is_empty()) {
                let block = *place.get(&blocks);
                ops.extend(["offline", word].map(|word| names.write(block, word, false, false)));
            }
            ops
        })
    }

    /// Writes `min_free_kbytes`, and then adds and removes blocks.
    fn tune(&self) -> impl Strategy<Value = Vec<Op>> + use<> {
        let names = self.clone();
        let writes = prop::collection::vec((self.block(), prop_oneof![Just("offline"), select(&ONLINE[..])]), 3..=8);
        (1000u32..20_000, writes).prop_map(move |(kbytes, writes)| {
            let mut ops = vec![Op::Sysctl { name: "min_free_kbytes".into(), value: kbytes.to_string() }];
            ops.extend(writes.into_iter().map(|(block, word)| names.write(block, word, false, true)));
            ops
        })
    }

    /// Removes all of a node's listed blocks and CPUs, and then the node.
    fn drain(&self) -> impl Strategy<Value = Vec<Op>> + use<> {
        let names = self.clone();
        select(self.nodes.clone()).prop_map(move |node| {
            let of_node = names.blocks.iter().filter(|row| row.1 == Some(node));
            let blocks: Vec<u64> = of_node.map(|row| row.0).collect();
            let mut ops: Vec<Op> = Vec::new();
            ops.extend(blocks.iter().map(|&block| names.write(block, "offline", false, false)));
            ops.extend(blocks.iter().map(|&first| Op::RemoveBlocks { first, count: 1 }));
            ops.extend(names.cpus(node, false));
            ops.push(Op::RemoveNode(node));
            ops
        })
    }

    /// Takes all CPUs of a node online or offline.
    fn cpus(&self, node: u32, online: bool) -> Vec<Op> {
        self.cpus.iter().filter(|row| row.1 == node).map(|&(cpu, _)| Op::Cpu { cpu, online }).collect()
    }
}

/// One write to a sysctl; half of them fail.
fn sysctl_write() -> impl Strategy<Value = Op> {
    let write = |name: &'static str, values: Vec<&'static str>| (Just(name), select(values));
    let min_free = vec!["900 x", "0", "1", "2000", "20000", "67584", "2147483647", "2147483648", "-1", "many", ""];
    let scale = vec!["1", "10", "200", "3000", "0", "3001", "20 x", "-10", "ten", "1.5", ""];
    let ratios = vec![
        "1",
        "256 256 32",
        "256\t0\t32",
        "0 100",
        "-1 256",
        "2147483647",
        "-2147483648",
        "1 2 3 4 5",
        "1 2 3 4 5 6",
        "7 2147483648",
        "7 x",
        "7,8",
        "x 7",
        "1 -2 3",
        " ",
        "",
    ];
    let order = vec!["Node", "node", "Default", "n", "d", "Zone", "zone", "1", ""];
    prop_oneof![
        3 => write("min_free_kbytes", min_free),
        3 => write("watermark_scale_factor", scale),
        3 => write("lowmem_reserve_ratio", ratios),
        2 => write("numa_zonelist_order", order),
        1 => write("swappiness", vec!["60"]),
    ]
    .prop_map(|(name, value)| Op::Sysctl { name: name.into(), value: value.into() })
}
