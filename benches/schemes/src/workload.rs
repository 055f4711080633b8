//! Lists, requests and machines for the comparison of schemes.

use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zonelists, Zoneref,
    table::Capacity,
    topology::{FallbackOrder, Machine, MachineDescription, NodeSet, Rules},
    zonelist::{NodeSpan, ZonelistsRef},
};

/// Makes lists of `zones` zones each: every node has a zone of each of four kinds, and its own zones come first in its lists.
///
/// With fewer than four zones there is one node, with fewer kinds.
#[must_use]
pub fn synthetic(zones: usize) -> Zonelists {
    const KINDS: [ZoneKind; 4] = [ZoneKind::Movable, ZoneKind::Normal, ZoneKind::Dma32, ZoneKind::Dma];
    let nodes = zones.div_ceil(KINDS.len()).max(1);
    let all: Vec<NodeId> = NodeSet::ALL.iter().take(nodes).collect();
    let mut zonerefs = Vec::new();
    let mut rows = Vec::new();
    for local in 0..nodes {
        let start = zonerefs.len();
        let others = all[local..].iter().chain(&all[..local]);
        let entries = others.flat_map(|&node| KINDS.map(|kind| Zoneref::new(ZoneId::new(node, kind))));
        zonerefs.extend(entries.take(zones));
        let own = KINDS.len().min(zones) as u32;
        rows.push(NodeSpan { start: start as u32, len: (zonerefs.len() - start) as u32, own });
    }
    ZonelistsRef::new(&zonerefs, &rows).map(Zonelists::from).unwrap_or_default()
}

/// Makes lists of two zones for each node, Movable and Normal: those of the node, and then those of the next.
#[must_use]
pub fn wide(nodes: u16) -> Zonelists {
    const KINDS: [ZoneKind; 2] = [ZoneKind::Movable, ZoneKind::Normal];
    let own =
        |node| NodeId::new(node).into_iter().flat_map(|node| KINDS.map(|kind| Zoneref::new(ZoneId::new(node, kind))));
    let mut zonerefs: Vec<Zoneref> = Vec::new();
    let mut rows = Vec::new();
    for node in 0..nodes {
        let start = zonerefs.len();
        zonerefs.extend(own(node));
        zonerefs.extend((nodes > 1).then(|| own((node + 1) % nodes)).into_iter().flatten());
        rows.push(NodeSpan { start: start as u32, len: (zonerefs.len() - start) as u32, own: KINDS.len() as u32 });
    }
    ZonelistsRef::new(&zonerefs, &rows).map(Zonelists::from).unwrap_or_default()
}

/// Versions of a machine's lists, between which hotplug switches, and the requests of the readers.
#[derive(Clone, Debug)]
pub struct Toggle {
    /// The lists with and without one Movable zone, beginning with the machine's own state.
    pub versions: Vec<Zonelists>,
    /// The walks that each reader repeats.
    pub walks: Vec<(NodeId, Request)>,
}

impl Toggle {
    /// Adds a Movable zone to the last node with memory, or removes the one it has.
    ///
    /// Where a source gives no zones, every node with memory is assumed to have a Normal one.
    #[must_use]
    pub fn of(machine: &Machine, rules: Rules) -> Self {
        let zones: Vec<ZoneId> = match machine.memory() {
            Some(memory) => memory.listed(rules).collect(),
            None => machine.has_memory().iter().map(|node| ZoneId::new(node, ZoneKind::Normal)).collect(),
        };
        let nodes: Vec<NodeId> = machine.has_memory().iter().collect();
        let node = nodes.last().copied().unwrap_or(machine.nodes()[0]);
        let movable = ZoneId::new(node, ZoneKind::Movable);
        let mut toggled = zones.clone();
        toggled.retain(|&zone| zone != movable);
        if toggled.len() == zones.len() {
            toggled.push(movable);
        }
        let order = FallbackOrder::rebuilt(machine, rules);
        let versions = [zones, toggled].map(|zones| Zonelists::assemble(&order, zones)).into();
        let first = machine.nodes()[0];
        let (movable, kernel) = (Request::up_to(ZoneKind::Movable), Request::up_to(ZoneKind::Normal));
        let masked = Request { nodes: Some(nodes.into_iter().collect()), ..movable };
        let walks = vec![
            (node, movable),
            (node, kernel),
            (node, kernel.this_node()),
            (first, movable),
            (node, movable.this_node()),
            (first, masked),
        ];
        Self { versions, walks }
    }

    /// The room that suffices for every version.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        let needs = self.versions.iter().map(|version| Capacity::of(version.lists()));
        let (nodes, zones) = needs.fold((0, 0), |(n, z), need| (n.max(need.nodes()), z.max(need.zones())));
        Capacity::new(nodes, zones).unwrap_or(Capacity::of(ZonelistsRef::EMPTY))
    }
}

/// A machine of `nodes` nodes, each with CPUs and memory, at random distances.
#[must_use]
pub fn scattered(nodes: u32, seed: u64) -> Option<Machine> {
    let mut draw = fastrand::Rng::with_seed(seed);
    let all: Vec<u32> = (0..nodes).collect();
    let mut row = |from: u32| all.iter().map(|&to| if from == to { 10 } else { draw.u32(11..=255) }).collect();
    let description = MachineDescription {
        distance: all.iter().map(|&from| row(from)).collect(),
        online: all.clone(),
        has_cpu: all.clone(),
        has_memory: all.clone(),
        possible: all,
        ..MachineDescription::default()
    };
    Machine::new(description).ok().map(|(machine, _)| machine)
}
