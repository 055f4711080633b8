//! The fallback order: for each node, every node with memory, nearest first.
//!
//! Linux picks the next node of a row by a scan of all remaining nodes (`mm/page_alloc.c: find_next_best_node`), which
//! is cubic over all rows. The loads that break ties change only for nodes already picked in the row. So a row is the
//! candidates *sorted* by `(distance + [lower numbered] + [has a CPU], load, id)`: n² log n over all rows.

use alloc::vec::Vec;

use super::{
    distance::Distances,
    machine::Machine,
    rules::{NodeLoad, Rules},
};
use crate::{
    NodeId,
    heap::{NoMemory, copied, or_abort, with_room},
    ids::NodeSet,
};

/// The input of a fallback order.
#[derive(Clone, Copy, Debug)]
pub struct FallbackOrderInput<'a> {
    /// Every possible node, ascending.
    pub nodes: &'a [NodeId],
    /// Distances between the nodes. A pair outside the matrix is at the largest distance, 255.
    pub distances: &'a Distances,
    /// Nodes that are online: each gets a row. The other nodes get one if the [`Rules`] say so.
    pub online: &'a NodeSet,
    /// Nodes that count as having a CPU: a node without CPUs is preferred by one unit of distance.
    pub has_cpu: &'a NodeSet,
    /// Nodes with memory: candidates of every row.
    pub has_memory: &'a NodeSet,
}

/// The fallback order of every node of a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FallbackOrder {
    rows: Vec<(NodeId, Vec<NodeId>)>,
}

impl FallbackOrder {
    /// The order as built at boot, when no node counts as having CPUs yet.
    ///
    /// ```
    /// # use zonelist_core::{NodeId, topology::{FallbackOrder, Machine, MachineDescription, Rules}};
    /// let (machine, _) = Machine::new(MachineDescription {
    ///     possible: vec![0, 1, 2],
    ///     distance: vec![vec![10, 30, 20], vec![30, 10, 20], vec![20, 20, 10]],
    ///     online: vec![0, 1, 2],
    ///     has_memory: vec![0, 1, 2],
    ///     ..MachineDescription::default()
    /// }).unwrap();
    /// let order = FallbackOrder::at_boot(&machine, Rules::LINUX_6_1);
    /// let row = order.of(NodeId::new(0).unwrap()).unwrap();
    /// assert_eq!(row.iter().map(|node| node.number()).collect::<Vec<_>>(), [0, 2, 1]);
    /// ```
    #[must_use]
    pub fn at_boot(machine: &Machine, rules: Rules) -> Self {
        Self::build(FallbackOrderInput { has_cpu: &NodeSet::EMPTY, ..FallbackOrderInput::of(machine) }, rules)
    }

    /// The order as rebuilt on the running machine.
    #[must_use]
    pub fn rebuilt(machine: &Machine, rules: Rules) -> Self {
        Self::build(FallbackOrderInput::of(machine), rules)
    }

    /// The order for any input. Cost: n² log n for n nodes.
    #[must_use]
    pub fn build(input: FallbackOrderInput<'_>, rules: Rules) -> Self {
        or_abort(Self::try_build(input, rules))
    }

    pub(crate) fn try_build(input: FallbackOrderInput<'_>, rules: Rules) -> Result<Self, NoMemory> {
        let mut scratch = Scratch::of(&input)?;
        let mut rows = with_room(input.nodes.len())?;
        for (position, &node) in input.nodes.iter().enumerate() {
            if rules.offline_nodes_have_lists || input.online.contains(node) {
                rows.push((node, row(&input, rules, position, &mut scratch)?));
            }
        }
        Ok(Self { rows })
    }

    /// The same order with the row of one node rebuilt or added, with all loads zero.
    ///
    /// This is what Linux does for a node that is added while it is still offline.
    #[must_use]
    pub fn with_row_rebuilt(&self, input: FallbackOrderInput<'_>, rules: Rules, node: NodeId) -> Self {
        or_abort(self.try_with_row_rebuilt(input, rules, node))
    }

    pub(crate) fn try_with_row_rebuilt(
        &self,
        input: FallbackOrderInput<'_>,
        rules: Rules,
        node: NodeId,
    ) -> Result<Self, NoMemory> {
        // A node that is not possible has no row: then all rows stay as they are.
        let position = input.nodes.iter().position(|&other| other == node);
        let mut rows = with_room(self.rows.len() + 1)?;
        for (local, nodes) in &self.rows {
            let nodes = match position.filter(|_| *local == node) {
                Some(position) => row(&input, rules, position, &mut Scratch::of(&input)?)?,
                None => copied(nodes)?,
            };
            rows.push((*local, nodes));
        }
        // The node was offline, under rules that give lists to online nodes only.
        if let Some(position) = position.filter(|_| self.rows.iter().all(|(local, _)| *local != node)) {
            let at = rows.partition_point(|(local, _)| *local < node);
            rows.insert(at, (node, row(&input, rules, position, &mut Scratch::of(&input)?)?));
        }
        Ok(Self { rows })
    }

    /// The row of a node: the node itself, then all others with memory. Under [`Rules::memoryless_nodes_listed`] the
    /// node is in its row even without memory. `None` if it has no list: it is not possible, or it is offline and the
    /// rules give lists to online nodes only.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Option<&[NodeId]> {
        let position = self.rows.binary_search_by_key(&node, |(local, _)| *local).ok()?;
        Some(&self.rows[position].1)
    }

    /// Every node that has a list, ascending, with its row.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (NodeId, &[NodeId])> {
        self.rows.iter().map(|(local, row)| (*local, row.as_slice()))
    }
}

impl<'a> FallbackOrderInput<'a> {
    /// The current state of a machine.
    #[must_use]
    pub fn of(machine: &'a Machine) -> Self {
        Self {
            nodes: machine.nodes(),
            distances: machine.distances(),
            online: machine.online(),
            has_cpu: machine.has_cpu(),
            has_memory: machine.has_memory(),
        }
    }
}

/// State and buffers that are carried from one row to the next.
struct Scratch {
    /// The load of each node: breaks ties of distance.
    load: Vec<u32>,
    /// The sort keys of one row.
    keys: Vec<u64>,
    /// The number of online nodes, from which the loads until 5.18 count down.
    online: usize,
}

impl Scratch {
    fn of(input: &FallbackOrderInput<'_>) -> Result<Self, NoMemory> {
        let mut load = with_room(input.nodes.len())?;
        load.resize(input.nodes.len(), 0);
        Ok(Self { load, keys: with_room(input.nodes.len())?, online: input.online.len() })
    }
}

/// One row of the order.
///
/// ```text
/// keys = for each other node with memory: (distance + [numbered below local] + [has a CPU], load, position)
/// row = local, unless it has no memory and the rules leave it out; then the nodes of the sorted keys
/// the first node of each distance in the row: raise its load, so that other rows prefer its peers
/// ```
fn row(
    input: &FallbackOrderInput<'_>,
    rules: Rules,
    local: usize,
    Scratch { load, keys, online }: &mut Scratch,
) -> Result<Vec<NodeId>, NoMemory> {
    let distances = input.distances.from(local);
    let distance_to = |position: usize| distances.get(position).copied().unwrap_or(u8::MAX);
    keys.clear();
    for ((position, &node), &load) in input.nodes.iter().enumerate().zip(load.iter()) {
        if position != local && input.has_memory.contains(node) {
            let lower = u64::from(position < local);
            let busy = u64::from(input.has_cpu.contains(node));
            let distance = u64::from(distance_to(position)) + lower + busy;
            // One word a key, most significant part first: sorting words is sorting by distance, load, position. A load
            // has at most 20 bits, since at most 1023 other rows add at most 1024 each. A position has 10.
            keys.push(distance << 48 | u64::from(load) << 16 | u64::from(position as u16));
        }
    }
    keys.sort_unstable();

    let mut row = with_room(keys.len() + 1)?;
    let is_listed = |node: &&NodeId| rules.memoryless_nodes_listed || input.has_memory.contains(**node);
    row.extend(input.nodes.get(local).filter(is_listed));
    // Linux compares plain distances here, without the penalties of the sort key. It begins with the distance of the
    // local node to itself, also where that node is left out.
    let mut previous = distance_to(local);
    for position in keys.iter().map(|&key| usize::from(key as u16)) {
        let (Some(&node), Some(load)) = (input.nodes.get(position), load.get_mut(position)) else { continue };
        // The first node at this distance: its load grows, so that rows of later nodes prefer its peers.
        if distance_to(position) != previous {
            previous = distance_to(position);
            let descending = online.saturating_sub(row.len()) as u32;
            *load = match rules.node_load {
                NodeLoad::SetDescending => descending,
                NodeLoad::AddDescending => load.saturating_add(descending),
                NodeLoad::AddOne => load.saturating_add(1),
            };
        }
        row.push(node);
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::{super::description::MachineDescription, *};

    /// All rows of a machine whose nodes are all online, with CPUs and memory.
    fn fallback_rows(rows: &[&[u32]], rules: Rules) -> Vec<Vec<u16>> {
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let (machine, _) = Machine::new(MachineDescription {
            distance: rows.iter().map(|row| row.to_vec()).collect(),
            online: all.clone(),
            has_cpu: all.clone(),
            has_memory: all.clone(),
            possible: all,
            ..MachineDescription::default()
        })
        .unwrap();
        let order = FallbackOrder::rebuilt(&machine, rules);
        order.rows().map(|(_, row)| row.iter().map(|node| node.number()).collect()).collect()
    }

    /// The matrix of Linux commit 54d032ced983, whose message shows the unfair row.
    const TWO_PAIRS: [&[u32]; 4] = [&[10, 12, 32, 32], &[12, 10, 32, 32], &[32, 32, 10, 12], &[32, 32, 12, 10]];

    #[test]
    fn loads_that_accumulate_are_fair() {
        let fair = vec![vec![0, 1, 2, 3], vec![1, 0, 3, 2], vec![2, 3, 0, 1], vec![3, 2, 1, 0]];
        assert_eq!(fallback_rows(&TWO_PAIRS, Rules::LINUX_6_1), fair);
    }

    #[test]
    fn loads_of_5_18_accumulate_and_descend() {
        let fair = fallback_rows(&TWO_PAIRS, Rules::LINUX_6_1);
        assert_eq!(fallback_rows(&TWO_PAIRS, Rules::LINUX_5_18), fair, "as the message of the commit shows it");
        // Each kernel has a different row here: 4.14 in row 3, 6.1 in row 2.
        let uneven: [&[u32]; 4] = [&[10, 20, 21, 20], &[20, 10, 20, 21], &[21, 20, 10, 21], &[20, 21, 21, 10]];
        let last_rows = |rules| fallback_rows(&uneven, rules)[2..].to_vec();
        assert_eq!(last_rows(Rules::LINUX_4_14), [[2, 3, 1, 0], [3, 0, 1, 2]]);
        assert_eq!(last_rows(Rules::LINUX_5_18), [[2, 3, 1, 0], [3, 0, 2, 1]]);
        assert_eq!(last_rows(Rules::LINUX_6_1), [[2, 1, 3, 0], [3, 0, 1, 2]]);
    }

    #[test]
    fn a_node_without_memory_leaves_its_own_row_in_6_7() {
        let (machine, _) = Machine::new(MachineDescription {
            possible: vec![0, 1, 2],
            distance: vec![vec![10, 20, 30], vec![20, 10, 20], vec![30, 20, 10]],
            online: vec![0, 1, 2],
            has_memory: vec![0, 2],
            ..MachineDescription::default()
        })
        .unwrap();
        let row = |rules| FallbackOrder::rebuilt(&machine, rules).rows().nth(1).unwrap().1.to_vec();
        let [zero, one, two] = [0, 1, 2].map(|number| NodeId::new(number).unwrap());
        assert_eq!(row(Rules::LINUX_6_6), [one, two, zero]);
        assert_eq!(row(Rules::LINUX_6_7), [two, zero]);
    }

    #[test]
    fn loads_that_are_overwritten_are_not() {
        let unfair = vec![vec![0, 1, 2, 3], vec![1, 0, 3, 2], vec![2, 3, 0, 1], vec![3, 2, 0, 1]];
        assert_eq!(fallback_rows(&TWO_PAIRS, Rules::LINUX_4_14), unfair);
    }

    /// Five nodes, equally far from each other. Node 1 is possible and offline: its picks count only if it has a list.
    #[test]
    fn an_offline_node_has_a_list_since_5_18() {
        let distance = |i| (0..5).map(|j| if i == j { 10 } else { 20 }).collect();
        let online = vec![0, 2, 3, 4];
        let (machine, _) = Machine::new(MachineDescription {
            possible: (0..5).collect(),
            distance: (0..5).map(distance).collect(),
            has_cpu: online.clone(),
            has_memory: online.clone(),
            online,
            ..MachineDescription::default()
        })
        .unwrap();
        let rows = |rules| {
            let order = FallbackOrder::rebuilt(&machine, rules);
            order.rows().map(|(_, row)| row.iter().map(|node| node.number()).collect()).collect::<Vec<Vec<u16>>>()
        };
        let [first, third, last] = [vec![0, 2, 3, 4], vec![3, 4, 0, 2], vec![4, 0, 2, 3]];
        let listed = [first.clone(), vec![1, 3, 4, 2, 0], vec![2, 4, 3, 0], third.clone(), last.clone()];
        assert_eq!(rows(Rules::LINUX_6_1), listed);
        let unlisted = [first, vec![2, 3, 4, 0], third, last];
        assert_eq!(rows(Rules { node_load: NodeLoad::AddOne, ..Rules::LINUX_4_14 }), unlisted);
        let before = FallbackOrder::rebuilt(&machine, Rules::LINUX_4_14);
        let offline = NodeId::new(1).unwrap();
        assert_eq!(before.of(offline), None);
        let after = before.with_row_rebuilt(FallbackOrderInput::of(&machine), Rules::LINUX_4_14, offline);
        assert_eq!(after.of(offline).map(|row| row[0]), Some(offline));
        assert!(after.rows().map(|(node, _)| node).eq(machine.nodes().iter().copied()));
    }

    #[test]
    fn a_ring_differs_between_the_rules() {
        let ring: [&[u32]; 4] = [&[10, 20, 20, 30], &[20, 10, 30, 20], &[20, 30, 10, 20], &[30, 20, 20, 10]];
        let new = vec![vec![0, 1, 2, 3], vec![1, 3, 0, 2], vec![2, 3, 0, 1], vec![3, 2, 1, 0]];
        assert_eq!(fallback_rows(&ring, Rules::LINUX_6_1), new);
        assert_eq!(fallback_rows(&ring, Rules::LINUX_4_14)[3], [3, 1, 2, 0]);
    }
}
