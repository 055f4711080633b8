//! A picture of a machine: its nodes, their distances, and the list of each.

use std::{cmp::Reverse, collections::BTreeMap, fmt, iter};

use serde::Serialize;
use zonelist_core::{
    NodeId, ZoneId, ZoneKind,
    topology::{FallbackOrder, Machine, Rules, size_of},
};

/// A machine as a person sees it: what each node has, how far it is from the others, and where it allocates.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Picture {
    /// The possible nodes, ascending.
    pub nodes: Vec<NodePicture>,
    /// The list of each node that has one, after a rebuild.
    pub lists: BTreeMap<u16, Vec<Group>>,
}

/// A node of a picture.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NodePicture {
    /// Its number.
    pub node: u16,
    /// True if it is online.
    pub online: bool,
    /// The number of its CPUs.
    pub cpus: usize,
    /// Its zones with their bytes, highest kind first; empty also if the source has no sizes.
    pub zones: Vec<(String, u64)>,
    /// True if it has memory.
    pub has_memory: bool,
    /// Its distance to each possible node.
    pub distances: Vec<u8>,
}

/// Consecutive entries of a list that are at one distance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Group {
    /// The distance.
    pub distance: u8,
    /// The zones; the nodes if the source has no sizes.
    pub entries: Vec<String>,
}

impl Picture {
    /// Draws a machine.
    #[must_use]
    pub fn new(machine: &Machine, rules: Rules) -> Self {
        let node = |(position, &node): (usize, &NodeId)| NodePicture {
            node: node.number(),
            online: machine.online().contains(node),
            cpus: machine.cpus().values().filter(|nodes| nodes.contains(&node)).count(),
            zones: zones(machine, node),
            has_memory: machine.has_memory().contains(node),
            distances: machine.distances().from(position).to_vec(),
        };
        let order = FallbackOrder::rebuilt(machine, rules);
        let lists = order.rows().map(|(node, row)| (node.number(), groups(machine, rules, node, row)));
        Self { nodes: machine.nodes().iter().enumerate().map(node).collect(), lists: lists.collect() }
    }
}

/// The populated zones of a node with their bytes, highest kind first.
fn zones(machine: &Machine, node: NodeId) -> Vec<(String, u64)> {
    let Some(memory) = machine.memory() else { return Vec::new() };
    let bytes = |kind: ZoneKind| {
        let size = size_of(memory, ZoneId::new(node, kind)).filter(|size| size.present > 0)?;
        Some((kind.to_string(), size.present.saturating_mul(memory.page_bytes)))
    };
    ZoneKind::ALL.into_iter().rev().filter_map(bytes).collect()
}

/// The zones of a list, in groups of one distance.
fn groups(machine: &Machine, rules: Rules, local: NodeId, row: &[NodeId]) -> Vec<Group> {
    let position = |node: NodeId| machine.nodes().binary_search(&node).ok();
    let distances = position(local).map_or(&[][..], |at| machine.distances().from(at));
    let mut groups: Vec<Group> = Vec::new();
    for &node in row {
        let distance = position(node).and_then(|at| distances.get(at)).copied().unwrap_or(u8::MAX);
        let mut entries: Vec<String> = match machine.memory() {
            Some(memory) => {
                let mut zones: Vec<ZoneId> = memory.listed(rules).filter(|zone| zone.node() == node).collect();
                zones.sort_unstable_by_key(|zone| Reverse(zone.kind()));
                zones.iter().map(ZoneId::to_string).collect()
            }
            None if machine.has_memory().contains(node) => vec![node.to_string()],
            None => Vec::new(),
        };
        match groups.last_mut().filter(|group| group.distance == distance) {
            Some(group) => group.entries.append(&mut entries),
            None if entries.is_empty() => {}
            None => groups.push(Group { distance, entries }),
        }
    }
    groups
}

/// Columns of a line, if the distances leave room for that.
const WIDTH: usize = 100;

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: String = self.nodes.iter().map(|node| format!("{:>5}", node.node)).collect();
        writeln!(f, "Distances from each node (row) to each node (column), and what it has:\n\n      {columns}")?;
        let row = |node: &NodePicture| {
            let distances: String = node.distances.iter().map(|distance| format!("{distance:>5}")).collect();
            format!("{:>5} {distances}", node.node)
        };
        let beside = |node: &NodePicture| row(node).len() + 3 + node.contents().len();
        if self.nodes.iter().all(|node| beside(node) <= WIDTH) {
            self.nodes.iter().try_for_each(|node| writeln!(f, "{}   {}", row(node), node.contents()))?;
        } else {
            self.nodes.iter().try_for_each(|node| writeln!(f, "{}", row(node)))?;
            writeln!(f)?;
            self.nodes.iter().try_for_each(|node| writeln!(f, "{:>5}   {}", node.node, node.contents()))?;
        }
        writeln!(f, "\nThe list of each node after a rebuild, nearest first, with the distance before each group:\n")?;
        for (node, groups) in &self.lists {
            let mut line = format!("{node:>5} ");
            for Group { distance, entries } in groups {
                let begin = format!("  {distance}:");
                let entries = entries.iter().map(|entry| format!(" {entry}"));
                for word in iter::once(begin).chain(entries) {
                    if line.len() + word.len() > WIDTH {
                        writeln!(f, "{line}")?;
                        line = " ".repeat(8);
                    }
                    line.push_str(&word);
                }
            }
            writeln!(f, "{line}")?;
        }
        let unlisted: Vec<String> = self
            .nodes
            .iter()
            .map(|node| node.node)
            .filter(|node| !self.lists.contains_key(node))
            .map(|node| node.to_string())
            .collect();
        if !unlisted.is_empty() {
            writeln!(f, "\nOffline, and without a list by these rules: {}", unlisted.join(", "))?;
        }
        Ok(())
    }
}

impl NodePicture {
    /// What the node has, in words.
    fn contents(&self) -> String {
        let cpus = match self.cpus {
            _ if !self.online => return "offline".into(),
            0 => "no CPU".into(),
            1 => "1 CPU".into(),
            count => format!("{count} CPUs"),
        };
        let zones: Vec<String> = self.zones.iter().map(|(kind, size)| format!("{kind} {}", bytes(*size))).collect();
        match (self.has_memory, zones.is_empty()) {
            (false, _) => format!("{cpus}, no memory"),
            (true, true) => format!("{cpus}, memory"),
            (true, false) => format!("{cpus}, {}", zones.join(", ")),
        }
    }
}

/// A size in the largest unit of which there is one at least.
fn bytes(size: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units.into_iter().find(|(_, bits)| size >> bits > 0);
    fitting.map_or_else(
        || format!("{size} B"),
        |(unit, bits)| format!("{:.1} {unit}", size as f64 / f64::from(2).powi(bits)),
    )
}
