//! The fallback order of each node: the nodes that its requests try, nearest first.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use serde::Serialize;
use zonelist_core::{
    NodeId, Zonelists,
    hotplug::BootBuild,
    topology::{FallbackOrder, Machine, Rules},
};

use super::boot::later_build;
use crate::record::LaterBuild;

/// The fallback order of every node, by node number.
type Rows = BTreeMap<u16, Vec<u16>>;

/// Both fallback orders of a machine: as booted, and as rebuilt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// As built at boot.
    pub boot: Rows,
    /// The builds of boot after the first one, for memory devices that were found later.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub later_builds: Vec<LaterBuild>,
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
        let boot = rows(&FallbackOrder::at_boot(machine, rules));
        Self { boot, later_builds: Vec::new(), rebuilt: rows(&rebuilt), nearest }
    }

    /// The same report with the builds of boot that a record determines.
    #[must_use]
    pub fn with_boot_builds(mut self, builds: &[BootBuild]) -> Self {
        if let [first, later @ ..] = builds {
            self.boot = rows(&first.fallback_order);
            self.later_builds = later.iter().map(later_build).collect();
        }
        self
    }
}

fn rows(order: &FallbackOrder) -> Rows {
    order.rows().map(|(node, row)| (node.number(), row.iter().map(|node| node.number()).collect())).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Built at boot, when no node counts as having a CPU yet:")?;
        write_rows(f, &self.boot)?;
        for build in &self.later_builds {
            writeln!(f, "\nBuilt later, for a memory device that was found while the machine booted:")?;
            write_rows(f, &build.fallback_order.0)?;
        }
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
fn write_rows<'r, N: Display + 'r>(
    f: &mut fmt::Formatter<'_>,
    rows: impl IntoIterator<Item = (&'r N, &'r Vec<N>)>,
) -> fmt::Result {
    for (node, row) in rows {
        write!(f, "Fallback order for Node {node}:")?;
        for other in row {
            write!(f, " {other}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}
