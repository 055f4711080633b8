//! Zonelists built from a fallback order and the populated zones.

use alloc::vec::Vec;

use crate::{
    NodeId, ZoneId, ZoneKind, Zoneref,
    heap::{NoMemory, or_abort, push, with_room},
    topology::{FallbackOrder, Memory, Rules},
    zonelist::{NodeSpan, Scope, ZonelistsRef},
};

/// One version of all zonelists, owned. [`Zonelists::lists`] is the form in which a scheme publishes them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Zonelists {
    zonerefs: Vec<Zoneref>,
    rows: Vec<NodeSpan>,
}

impl Zonelists {
    /// Builds both lists of every node: each node of the fallback order is replaced by its populated zones, highest
    /// kind first.
    ///
    /// Ends the process if the heap has no room.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     NodeId, ZoneId, ZoneKind, Zonelists,
    /// #     topology::{FallbackOrder, Machine, MachineDescription, Rules},
    /// #     zonelist::Scope,
    /// # };
    /// let (machine, _) = Machine::new(MachineDescription {
    ///     possible: vec![0, 1],
    ///     distance: vec![vec![10, 20], vec![20, 10]],
    ///     online: vec![0, 1],
    ///     has_memory: vec![0, 1],
    ///     ..MachineDescription::default()
    /// }).unwrap();
    /// let zone = |node, kind| ZoneId::new(NodeId::new(node).unwrap(), kind);
    /// let populated = [zone(0, ZoneKind::Dma32), zone(0, ZoneKind::Normal), zone(1, ZoneKind::Movable)];
    /// let order = FallbackOrder::rebuilt(&machine, Rules::LINUX_6_1);
    /// let lists = Zonelists::assemble(&order, populated);
    /// let list = lists.lists().of(NodeId::new(1).unwrap(), Scope::Fallback);
    /// assert_eq!(list.iter().map(|entry| entry.zone().to_string()).collect::<Vec<_>>(),
    ///     ["1/Movable", "0/Normal", "0/DMA32"]);
    /// ```
    #[must_use]
    pub fn assemble(order: &FallbackOrder, populated: impl IntoIterator<Item = ZoneId>) -> Self {
        or_abort(Self::try_assemble(order, populated))
    }

    pub(crate) fn try_assemble(
        order: &FallbackOrder,
        populated: impl IntoIterator<Item = ZoneId>,
    ) -> Result<Self, NoMemory> {
        let rows = order.rows().map(|(node, _)| node.index() + 1).max().unwrap_or(0);
        // For each node, a bit for each kind that is populated.
        let mut kinds = [0_u8; crate::ids::MAX_NODES];
        for zone in populated {
            kinds[zone.node().index()] |= 1 << zone.kind().index();
        }
        let mut lists = Self { zonerefs: Vec::new(), rows: with_room(rows)? };
        lists.rows.resize(rows, NodeSpan::default());
        for (local, row) in order.rows() {
            let start = lists.zonerefs.len();
            for &node in row {
                // The reverse of `ALL`: highest kind first.
                let is_populated = |kind: &ZoneKind| kinds[node.index()] >> kind.index() & 1 != 0;
                let zones = ZoneKind::ALL.into_iter().rev().filter(is_populated).map(|kind| ZoneId::new(node, kind));
                zones.map(Zoneref::new).try_for_each(|zoneref| push(&mut lists.zonerefs, zoneref))?;
            }
            // The order of a node begins with the node itself: its own zones are the head of the list.
            let own = lists.zonerefs[start..].iter().take_while(|entry| entry.node() == local).count();
            let len = lists.zonerefs.len() - start;
            lists.rows[local.index()] = NodeSpan { start: start as u32, len: len as u32, own: own as u32 };
        }
        Ok(lists)
    }

    /// The borrowed form.
    #[must_use]
    pub fn lists(&self) -> ZonelistsRef<'_> {
        ZonelistsRef::new(&self.zonerefs, &self.rows).unwrap_or(ZonelistsRef::EMPTY)
    }

    /// A copy of these lists, with both lists of one node from another version.
    pub(crate) fn with_lists_of(&self, node: NodeId, other: &Self) -> Result<Self, NoMemory> {
        let mut lists = Self::default();
        let rows = self.rows.len().max(other.rows.len());
        for local in crate::ids::NodeSet::ALL.iter().take(rows) {
            lists.push(if local == node { other.lists() } else { self.lists() }, local)?;
        }
        Ok(lists)
    }

    /// Appends both lists of a node.
    fn push(&mut self, from: ZonelistsRef<'_>, node: NodeId) -> Result<(), NoMemory> {
        let list = from.of(node, Scope::Fallback);
        let own = from.of(node, Scope::ThisNode).len() as u32;
        push(&mut self.rows, NodeSpan { start: self.zonerefs.len() as u32, len: list.len() as u32, own })?;
        self.zonerefs.try_reserve(list.len())?;
        self.zonerefs.extend_from_slice(list);
        Ok(())
    }

    /// The nearest node with memory for the kernel, for a CPU of this node; `None` if there is none. Linux keeps this
    /// in `numa_mem` of each CPU.
    #[must_use]
    pub fn nearest_memory(&self, node: NodeId) -> Option<NodeId> {
        let list = self.lists().of(node, Scope::Fallback);
        list.iter().find(|entry| entry.kind() <= ZoneKind::Normal).map(|entry| entry.node())
    }
}

impl From<ZonelistsRef<'_>> for Zonelists {
    fn from(lists: ZonelistsRef<'_>) -> Self {
        let mut owned = Self::default();
        for node in crate::ids::NodeSet::ALL.iter().take(lists.nodes()) {
            or_abort(owned.push(lists, node));
        }
        owned
    }
}

impl<'a> From<&'a Zonelists> for ZonelistsRef<'a> {
    fn from(zonelists: &'a Zonelists) -> Self {
        zonelists.lists()
    }
}

impl Memory {
    /// The zones that are listed in zonelists, under these rules.
    pub fn listed(&self, rules: Rules) -> impl Iterator<Item = ZoneId> + '_ {
        let pages =
            move |size: &&crate::topology::ZoneSize| if rules.lists_managed_only { size.managed } else { size.present };
        self.zones.iter().filter(move |size| pages(size) > 0).map(|size| size.zone)
    }
}
