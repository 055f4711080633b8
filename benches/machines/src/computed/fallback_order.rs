//! The fallback order of each node: the nodes that its requests try, nearest first.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use zonelist_core::{
    NodeId, Zonelists,
    topology::{FallbackOrder, Machine, Rules},
};

/// The fallback order of every node, by node number.
type Rows = BTreeMap<u16, Vec<u16>>;

/// Both fallback orders of a machine: as booted, and as rebuilt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// As built at boot.
    pub boot: Rows,
    /// As computed by a rebuild.
    pub rebuilt: Rows,
    /// The nearest node with kernel memory of each node, after a rebuild; empty if no sizes are known.
    #[serde(skip)]
    pub nearest: BTreeMap<u16, Option<u16>>,
}

impl Report {
    /// Computes both fallback orders.
    ///
    /// Cost: that of [`FallbackOrder::build`], twice.
    #[must_use]
    pub fn new(machine: &Machine, rules: Rules) -> Self {
        let rebuilt = FallbackOrder::rebuilt(machine, rules);
        let mut nearest = BTreeMap::new();
        if let Some(memory) = machine.memory() {
            let lists = Zonelists::assemble(&rebuilt, memory.listed(rules));
            let of = |&node: &NodeId| (node.number(), lists.nearest_memory(node).map(NodeId::number));
            nearest = rebuilt.rows().map(|(node, _)| of(&node)).collect();
        }
        Self { boot: rows(&FallbackOrder::at_boot(machine, rules)), rebuilt: rows(&rebuilt), nearest }
    }
}

fn rows(order: &FallbackOrder) -> Rows {
    order.rows().map(|(node, row)| (node.number(), row.iter().map(|node| node.number()).collect())).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Built at boot, when no node counts as having a CPU yet:")?;
        write_rows(f, &self.boot)?;
        writeln!(f, "\nAs a rebuild gives it now, when a node without CPUs is preferred by one unit of distance:")?;
        write_rows(f, &self.rebuilt)?;
        if !self.nearest.is_empty() {
            writeln!(f, "\nNearest kernel memory after that rebuild:")?;
        }
        for (node, nearest) in &self.nearest {
            match nearest {
                Some(nearest) => writeln!(f, "Node {node}: node {nearest}")?,
                None => writeln!(f, "Node {node}: none")?,
            }
        }
        Ok(())
    }
}

/// Prints the rows in the words of the kernel's log.
fn write_rows(f: &mut fmt::Formatter<'_>, rows: &Rows) -> fmt::Result {
    for (node, row) in rows {
        write!(f, "Fallback order for Node {node}:")?;
        for other in row {
            write!(f, " {other}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}
