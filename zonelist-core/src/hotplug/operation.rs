//! Operations on a machine, and their changes.

use core::{ops::Range, str::FromStr};

use super::{error::HotplugError, setting::Setting};
use crate::{
    NodeId, ZoneId, ZoneKind, Zonelists,
    heap::{Shared, text},
};

/// An operation on a machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Puts a block online: a zone of its node gets its pages.
    Online {
        /// The block's number.
        block: u64,
        /// The zone that gets them.
        to: OnlineTo,
    },
    /// Puts a block offline: its pages leave their zone.
    Offline {
        /// The block's number.
        block: u64,
    },
    /// Puts a CPU online, and before it its node if that is offline. For the CPU itself no list is rebuilt.
    CpuOnline {
        /// The CPU's number.
        cpu: u32,
    },
    /// Puts a CPU offline.
    CpuOffline {
        /// The CPU's number.
        cpu: u32,
    },
    /// Changes a setting, and with it watermarks and reserves.
    Set(Setting),
    /// Puts an empty node online. Only its own list is built, and published before the node is online; the lists of
    /// other nodes stay as they were.
    AddNode(NodeId),
    /// Adds offline blocks to a node, and before them puts the node online if it is offline.
    AddBlocks {
        /// The node.
        node: NodeId,
        /// The first block's number.
        first: u64,
        /// The number of blocks.
        count: u64,
    },
    /// Removes offline blocks.
    RemoveBlocks {
        /// The first block's number.
        first: u64,
        /// The number of blocks.
        count: u64,
    },
    /// Puts a node offline that has no memory, no blocks and no online CPU.
    RemoveNode(NodeId),
}

/// The zone that gets a block's pages.
///
/// Parsed from the words of Linux' `/sys/devices/system/memory/memoryN/state`:
///
/// ```
/// use zonelist_core::hotplug::{Errno, OnlineTo};
/// assert_eq!("online_kernel".parse(), Ok(OnlineTo::Kernel));
/// assert_eq!("on".parse::<OnlineTo>().unwrap_err().errno(), Errno::Inval);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OnlineTo {
    /// Kernel or Movable: the zone whose span touches the block. If both or neither do, Kernel, or Movable under
    /// [`MemoryBlocks::movable_node`](super::MemoryBlocks::movable_node). With
    /// [`MemoryBlocks::auto_movable`](super::MemoryBlocks::auto_movable) that policy chooses instead.
    Auto,
    /// The lowest of DMA, DMA32 and Normal whose span touches the block, else Normal.
    Kernel,
    /// Movable.
    Movable,
    /// A kind that the caller's own policy has chosen.
    Kind(ZoneKind),
}

impl FromStr for OnlineTo {
    type Err = HotplugError;

    fn from_str(word: &str) -> Result<Self, HotplugError> {
        match word {
            "online" => Ok(Self::Auto),
            "online_kernel" => Ok(Self::Kernel),
            "online_movable" => Ok(Self::Movable),
            _ => Err(HotplugError::UnknownWord { word: text(format_args!("{word}"))? }),
        }
    }
}

/// What an operation changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// The rebuilt lists, if a zone got its first page or lost its last, or a node went online. For a node that went
    /// online all lists but its own are as before.
    pub rebuilt: Option<Rebuilt>,
    /// The pages that were added to a zone or removed from it.
    pub block_change: Option<BlockChange>,
}

/// Pages that were added to a zone or removed from it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BlockChange {
    /// Their block.
    pub block: u64,
    /// True if they were added, false if they were removed.
    pub online: bool,
    /// The zone.
    pub zone: ZoneId,
    /// The page frames that the page allocator gains or loses.
    pub frames: Range<u64>,
}

/// Rebuilt zonelists, and the figures that Linux logs with a rebuild.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebuilt {
    /// All lists, including the unchanged ones.
    pub lists: Shared<Zonelists>,
    /// The number of online nodes.
    pub nodes: usize,
    /// Pages above the high watermarks: those before the operation for memory that goes online, those after it for
    /// memory that goes offline.
    pub total_pages: u64,
    /// The zone kind that memory policies apply to.
    pub policy_zone: ZoneKind,
}
