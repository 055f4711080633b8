//! Sample zonelists for tests of a scheme.

use alloc::{vec, vec::Vec};

use crate::{
    NodeId, Request, ZoneId, ZoneKind, Zonelists, Zoneref,
    table::Capacity,
    zonelist::{NodeSpan, Scope, ZonelistsRef},
};

/// Versions of a small machine's lists, and requests: for a scheme's own tests.
///
/// There are three nodes with a Normal zone each. In the first version node 0 has a Movable zone too; the second
/// version lacks it; in the third the other two nodes are exchanged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// The versions to publish, in a cycle. No two that follow one another are equal.
    pub versions: Vec<Zonelists>,
    /// The walks to do: of lists that change at the front, in the middle and not at all.
    pub requests: Vec<(NodeId, Request)>,
}

impl Sample {
    /// The capacity that a scheme needs for the versions.
    pub const CAPACITY: Capacity = Capacity::new(3, 4).unwrap();

    /// The lists of the first node alone: for a scheme with room for [`ROOM`](super::ROOM).
    #[must_use]
    pub fn one_node() -> Self {
        let Self { versions, requests } = Self::default();
        let first = |version: Zonelists| {
            let lists = version.lists();
            let node = requests[0].0;
            let zonerefs = lists.of(node, Scope::Fallback);
            let own = lists.of(node, Scope::ThisNode).len() as u32;
            let row = NodeSpan { start: 0, len: zonerefs.len() as u32, own };
            ZonelistsRef::new(zonerefs, &[row]).map(Zonelists::from).unwrap_or_default()
        };
        let versions = versions.into_iter().map(first).collect();
        let requests: Vec<_> = requests.iter().copied().filter(|(node, _)| node.index() == 0).collect();
        Self { versions, requests }
    }
}

impl Default for Sample {
    fn default() -> Self {
        let node = |number| NodeId::new(number).unwrap_or_else(|| unreachable!("a low number"));
        let [zero, one, two] = [0, 1, 2].map(node);
        let (any, kernel) = (Request::up_to(ZoneKind::Movable), Request::up_to(ZoneKind::Normal));
        let others = Some([one, two].into_iter().collect());
        Self {
            versions: vec![
                lists(&[zero, one, two], true),
                lists(&[zero, one, two], false),
                lists(&[zero, two, one], false),
            ],
            requests: vec![
                (zero, any),
                (zero, kernel),
                (one, any),
                (zero, any.this_node()),
                (two, Request { nodes: others, ..kernel }),
                (zero, Request { nodes: Some([zero].into_iter().collect()), ..any }),
            ],
        }
    }
}

/// The lists of nodes in a circle, each of which starts at its own node. `movable` adds a Movable zone of the first
/// node.
fn lists(circle: &[NodeId; 3], movable: bool) -> Zonelists {
    let (mut zonerefs, mut rows) = (Vec::new(), vec![NodeSpan::default(); 3]);
    for (place, local) in circle.iter().enumerate() {
        let start = zonerefs.len();
        for &node in circle[place..].iter().chain(&circle[..place]) {
            let kinds = [ZoneKind::Movable, ZoneKind::Normal];
            let there = kinds.into_iter().filter(|&kind| kind == ZoneKind::Normal || movable && node == circle[0]);
            zonerefs.extend(there.map(|kind| Zoneref::new(ZoneId::new(node, kind))));
        }
        let own = zonerefs[start..].iter().filter(|entry| entry.node() == *local).count();
        let len = zonerefs.len() - start;
        rows[local.index()] = NodeSpan { start: start as u32, len: len as u32, own: own as u32 };
    }
    ZonelistsRef::new(&zonerefs, &rows).map(Zonelists::from).unwrap_or_default()
}
