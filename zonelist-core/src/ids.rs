//! Nodes, zone kinds and zones: the names everything else speaks in.

use core::fmt;

/// How many node ids there are: a node id is below this, as on a distribution's x86-64 Linux.
pub const MAX_NODES: usize = 1024;

/// A NUMA node, by the number the system knows it under. Laid out as that number.
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

/// What a zone's memory is good for, in Linux's ascending order.
///
/// A machine has some of them: `HighMem` only where the kernel cannot map all memory,
/// `Device` zones hold no page that an allocator hands out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ZoneKind {
    /// Reachable by devices with 24 address bits.
    Dma = 0,
    /// Reachable by devices with 32 address bits.
    Dma32 = 1,
    /// Memory the kernel maps and uses for itself.
    Normal = 2,
    /// Memory the kernel has no permanent mapping of.
    HighMem = 3,
    /// Memory whose pages can be moved away, so that it can be unplugged.
    Movable = 4,
    /// Memory of a device, never allocated from.
    Device = 5,
}

impl ZoneKind {
    /// Every kind, lowest first.
    pub const ALL: [Self; 6] = [Self::Dma, Self::Dma32, Self::Normal, Self::HighMem, Self::Movable, Self::Device];

    /// How many kinds there are.
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

    /// The kind of that name, if there is one.
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

    /// Whether the kernel itself lives in such zones.
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

/// A zone: one kind of memory of one node, in one small word that can never be half old and half new.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub(crate) u16);

impl ZoneId {
    /// Zone ids are below this.
    pub const LIMIT: usize = MAX_NODES << Self::KIND_BITS;

    const KIND_BITS: u32 = 3;

    /// The zone of that kind on that node.
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

    /// The zone that [`ZoneId::index`] gave this index for, or `None` if it is no zone's.
    pub(crate) const fn from_index(index: u16) -> Option<Self> {
        let kind = (index & ((1 << Self::KIND_BITS) - 1)) as usize;
        if kind < ZoneKind::COUNT && (index as usize) < Self::LIMIT { Some(Self(index)) } else { None }
    }

    /// The node it is on.
    #[must_use]
    #[inline]
    pub const fn node(self) -> NodeId {
        // No zone has more bits than that; saying so spares every look-up by node its bounds check.
        NodeId(self.0 >> Self::KIND_BITS & (MAX_NODES as u16 - 1))
    }

    /// The kind of its memory.
    #[must_use]
    #[inline]
    pub const fn kind(self) -> ZoneKind {
        // Eight entries, so that three bits never need a bounds check; no zone has the last two.
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

    /// A number below [`ZoneId::LIMIT`] that no other zone has, for tables with an entry a zone.
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

/// A set of nodes, as a bit for each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeSet {
    words: [u64; MAX_NODES / 64],
}

impl NodeSet {
    /// No node.
    pub const EMPTY: Self = Self { words: [0; MAX_NODES / 64] };

    /// Every node there can be.
    pub const ALL: Self = Self { words: [u64::MAX; MAX_NODES / 64] };

    /// Whether the node is in the set.
    #[must_use]
    #[inline]
    pub const fn contains(&self, node: NodeId) -> bool {
        self.words[Self::word(node)] >> (node.index() % 64) & 1 != 0
    }

    /// Puts a node in; says whether it was new.
    pub const fn insert(&mut self, node: NodeId) -> bool {
        let new = !self.contains(node);
        self.words[Self::word(node)] |= 1 << (node.index() % 64);
        new
    }

    /// Takes a node out; says whether it was there.
    pub const fn remove(&mut self, node: NodeId) -> bool {
        let there = self.contains(node);
        self.words[Self::word(node)] &= !(1 << (node.index() % 64));
        there
    }

    /// The word with a node's bit. No node has more bits than that; saying so spares the bounds check.
    const fn word(node: NodeId) -> usize {
        node.index() / 64 % (MAX_NODES / 64)
    }

    /// How many nodes are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether it has no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Its nodes, ascending.
    ///
    /// ```
    /// use zonelist_core::{NodeId, NodeSet};
    /// let set: NodeSet = [5, 1].into_iter().filter_map(NodeId::new).collect();
    /// assert_eq!(set.iter().map(NodeId::number).collect::<Vec<_>>(), [1, 5]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        (0..MAX_NODES as u16).map(NodeId).filter(|&node| self.contains(node))
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|node| node.0)).finish()
    }
}

impl fmt::Display for NodeSet {
    /// In the form of the kernel's lists: `0-3,7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nodes = self.iter().map(NodeId::index).peekable();
        let mut separator = "";
        while let Some(first) = nodes.next() {
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
        assert_eq!(ZoneId::from_index(6), None, "there is no seventh kind");
        assert_eq!(ZoneId::from_index(ZoneId::LIMIT as u16), None);
    }

    #[test]
    fn a_node_set_is_written_as_the_kernel_writes_it() {
        let set = |numbers: &[u16]| numbers.iter().filter_map(|&n| NodeId::new(n)).collect::<NodeSet>();
        assert_eq!(set(&[0, 1, 2, 3, 7]).to_string(), "0-3,7");
        assert_eq!(set(&[1023]).to_string(), "1023");
        assert_eq!(NodeSet::EMPTY.to_string(), "");
        let mut one = set(&[4]);
        assert!(one.remove(NodeId(4)) && !one.remove(NodeId(4)) && one.is_empty());
    }
}
