//! The ids of nodes, zone kinds and zones.

use core::fmt;

/// The number of node ids: every node id is below this. The value of x86-64 kernels of distributions.
pub const MAX_NODES: usize = 1024;

/// A NUMA node, by the number that the system gives it. Has the layout of that number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct NodeId(u16);

impl NodeId {
    /// The node with this number, or `None` from [`MAX_NODES`] on.
    ///
    /// ```
    /// use zonelist_core::NodeId;
    /// assert_eq!(NodeId::new(3).map(|node| node.index()), Some(3));
    /// assert_eq!(NodeId::new(1024), None);
    /// ```
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if (number as usize) < MAX_NODES { Some(Self(number)) } else { None }
    }

    /// The number, as an index.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl From<NodeId> for u16 {
    fn from(node: NodeId) -> Self {
        node.0
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The kind of a zone: what its memory can be used for. In the ascending order of Linux.
///
/// A machine has some of them. `HighMem` exists only where the kernel cannot map all memory. No page of a `Device` zone
/// is ever allocated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ZoneKind {
    /// Reachable by devices with 24 address bits.
    Dma = 0,
    /// Reachable by devices with 32 address bits.
    Dma32 = 1,
    /// Memory that the kernel maps permanently.
    Normal = 2,
    /// Memory without a permanent mapping in the kernel.
    HighMem = 3,
    /// Memory of movable pages only, so that it can be unplugged.
    Movable = 4,
    /// Memory of a device, never allocated from.
    Device = 5,
}

impl ZoneKind {
    /// Every kind, lowest first.
    pub const ALL: [Self; 6] = [Self::Dma, Self::Dma32, Self::Normal, Self::HighMem, Self::Movable, Self::Device];

    /// The number of kinds.
    pub const COUNT: usize = Self::ALL.len();

    /// The name as Linux prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dma => "DMA",
            Self::Dma32 => "DMA32",
            Self::Normal => "Normal",
            Self::HighMem => "HighMem",
            Self::Movable => "Movable",
            Self::Device => "Device",
        }
    }

    /// The kind with this name; `None` if there is none.
    ///
    /// ```
    /// use zonelist_core::ZoneKind;
    /// assert_eq!(ZoneKind::from_name("DMA32"), Some(ZoneKind::Dma32));
    /// assert_eq!(ZoneKind::from_name("dma"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The position in [`ZoneKind::ALL`].
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// True if the kernel allocates its own memory from such zones.
    #[must_use]
    pub const fn is_kernel(self) -> bool {
        matches!(self, Self::Dma | Self::Dma32 | Self::Normal)
    }
}

impl fmt::Display for ZoneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A zone: the memory of one kind on one node. One small word, which is loaded and stored whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub(crate) u16);

impl ZoneId {
    /// The upper bound of zone indexes: every [`ZoneId::index`] is below this.
    pub const LIMIT: usize = MAX_NODES << Self::KIND_BITS;

    const KIND_BITS: u32 = 3;

    /// The zone of this kind on this node.
    ///
    /// ```
    /// use zonelist_core::{NodeId, ZoneId, ZoneKind};
    /// let node = NodeId::new(1).unwrap();
    /// let zone = ZoneId::new(node, ZoneKind::Movable);
    /// assert_eq!((zone.node(), zone.kind()), (node, ZoneKind::Movable));
    /// ```
    #[must_use]
    pub const fn new(node: NodeId, kind: ZoneKind) -> Self {
        Self(node.0 << Self::KIND_BITS | kind as u16)
    }

    /// The zone with this [`ZoneId::index`]; `None` if no zone has it.
    pub(crate) const fn from_index(index: u16) -> Option<Self> {
        // The kind is in the low bits, the node above.
        let kind = (index & ((1 << Self::KIND_BITS) - 1)) as usize;
        if kind < ZoneKind::COUNT && (index as usize) < Self::LIMIT { Some(Self(index)) } else { None }
    }

    /// The node of the zone.
    #[must_use]
    #[inline]
    pub const fn node(self) -> NodeId {
        // No zone has more bits: the mask changes nothing, and saves lookups by node their bounds check.
        NodeId(self.0 >> Self::KIND_BITS & (MAX_NODES as u16 - 1))
    }

    /// The kind of the zone.
    #[must_use]
    #[inline]
    pub const fn kind(self) -> ZoneKind {
        // Eight entries, so that an index of three bits needs no bounds check. No zone has the last two.
        const OF_BITS: [ZoneKind; 8] = {
            let mut kinds = [ZoneKind::Device; 8];
            let mut i = 0;
            while i < ZoneKind::COUNT {
                kinds[i] = ZoneKind::ALL[i];
                i += 1;
            }
            kinds
        };
        OF_BITS[(self.0 & 7) as usize]
    }

    /// The unique number of the zone, below [`ZoneId::LIMIT`]: an index for tables with an entry for each zone.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node(), self.kind())
    }
}

/// A set of nodes, with a bit for each node.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeSet {
    words: [u64; MAX_NODES / 64],
}

impl NodeSet {
    /// No node.
    pub const EMPTY: Self = Self { words: [0; MAX_NODES / 64] };

    /// Every node id.
    pub const ALL: Self = Self { words: [u64::MAX; MAX_NODES / 64] };

    /// True if the node is in the set.
    #[must_use]
    #[inline]
    pub const fn contains(&self, node: NodeId) -> bool {
        self.words[Self::word(node)] >> (node.index() % 64) & 1 != 0
    }

    /// Inserts a node. True if the node was not in the set before.
    pub const fn insert(&mut self, node: NodeId) -> bool {
        let new = !self.contains(node);
        self.words[Self::word(node)] |= 1 << (node.index() % 64);
        new
    }

    /// Removes a node. True if the node was in the set before.
    pub const fn remove(&mut self, node: NodeId) -> bool {
        let present = self.contains(node);
        self.words[Self::word(node)] &= !(1 << (node.index() % 64));
        present
    }

    /// The index of the word with a node's bit. The remainder changes nothing, and saves the bounds check.
    const fn word(node: NodeId) -> usize {
        node.index() / 64 % (MAX_NODES / 64)
    }

    /// The number of nodes in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// True if the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The nodes of the set, in ascending order.
    ///
    /// ```
    /// use zonelist_core::{NodeId, topology::NodeSet};
    /// let set: NodeSet = [5, 1].into_iter().filter_map(NodeId::new).collect();
    /// assert_eq!(set.iter().map(NodeId::number).collect::<Vec<_>>(), [1, 5]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        (0..MAX_NODES as u16).map(NodeId).filter(|&node| self.contains(node))
    }
}

impl Default for NodeSet {
    /// No node.
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Extend<NodeId> for NodeSet {
    fn extend<I: IntoIterator<Item = NodeId>>(&mut self, nodes: I) {
        nodes.into_iter().for_each(|node| _ = self.insert(node));
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        set.extend(nodes);
        set
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|node| node.0)).finish()
    }
}

impl fmt::Display for NodeSet {
    /// Writes the nodes in the kernel's list format: `0-3,7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nodes = self.iter().map(NodeId::index).peekable();
        let mut separator = "";
        while let Some(first) = nodes.next() {
            // A range of consecutive nodes is one item.
            let mut last = first;
            while let Some(next) = nodes.next_if_eq(&(last + 1)) {
                last = next;
            }
            write!(f, "{separator}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_zone_id_gives_back_what_it_was_made_of() {
        for node in NodeSet::ALL.iter() {
            for kind in ZoneKind::ALL {
                let zone = ZoneId::new(node, kind);
                assert_eq!((zone.node(), zone.kind()), (node, kind));
                assert_eq!(ZoneId::from_index(zone.index() as u16), Some(zone));
            }
        }
        assert_eq!(ZoneId::from_index(6), None, "only six kinds exist");
        assert_eq!(ZoneId::from_index(ZoneId::LIMIT as u16), None);
    }

    #[test]
    fn a_node_set_is_written_as_the_kernel_writes_it() {
        let set = |numbers: &[u16]| numbers.iter().filter_map(|&n| NodeId::new(n)).collect::<NodeSet>();
        assert_eq!(set(&[0, 1, 2, 3, 7]).to_string(), "0-3,7");
        assert_eq!(set(&[1023]).to_string(), "1023");
        assert_eq!(NodeSet::EMPTY.to_string(), "");
        assert_eq!(NodeSet::default(), NodeSet::EMPTY);
        let mut both = set(&[4]);
        both.extend(set(&[7]).iter());
        assert_eq!(both, set(&[4, 7]));
        let mut one = set(&[4]);
        assert!(one.remove(NodeId(4)) && !one.remove(NodeId(4)) && one.is_empty());
    }
}
