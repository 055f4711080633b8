//! What can be done to a machine, and what came of it.

use core::{ops::Range, str::FromStr};

use super::{HotplugError, Setting};
use crate::{NodeId, Shared, ZoneId, ZoneKind, Zonelists, heap::text};

/// Something that is done to a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Gives a block's pages to a zone of its node.
    Online {
        /// The block's number.
        block: u64,
        /// Which zone.
        to: OnlineTo,
    },
    /// Takes a block's pages from their zone.
    Offline {
        /// The block's number.
        block: u64,
    },
    /// Brings a CPU online; its node first, if that is not. No list is rebuilt for the CPU itself.
    CpuOnline {
        /// The CPU's number.
        cpu: u32,
    },
    /// Takes a CPU off line.
    CpuOffline {
        /// The CPU's number.
        cpu: u32,
    },
    /// Changes a setting: marks and reserves follow.
    Set(Setting),
    /// Brings a node online that has nothing yet. Only its own list is built, and published before the node is
    /// online; those of other nodes stay as they were.
    AddNode(NodeId),
    /// Adds blocks, off line, to a node; the node first, if it is not online.
    AddBlocks {
        /// The node.
        node: NodeId,
        /// The first block's number.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Takes blocks away that are off line.
    RemoveBlocks {
        /// The first block's number.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Takes a node off line that has no memory, no blocks and no CPU online.
    RemoveNode(NodeId),
}

/// The zone that a block's pages go to.
///
/// Parsed from the words that Linux' `/sys/devices/system/memory/memoryN/state` takes:
///
/// ```
/// use zonelist_core::hotplug::{Errno, OnlineTo};
/// assert_eq!("online_kernel".parse(), Ok(OnlineTo::Kernel));
/// assert_eq!("on".parse::<OnlineTo>().unwrap_err().errno(), Errno::Inval);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnlineTo {
    /// The one zone, of those that the other words mean, whose span the block touches; in doubt the kernel's, or
    /// Movable under [`Blocks::movable_node`](super::Blocks::movable_node).
    Auto,
    /// The lowest of DMA, DMA32 and Normal whose span the block touches, else Normal.
    Kernel,
    /// Movable.
    Movable,
    /// Whichever the caller's own policy chose.
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
    /// The lists, if a zone got its first page or lost its last, or a node came: then all but its own are as before.
    pub rebuilt: Option<Rebuilt>,
    /// The pages that came or went.
    pub moved: Option<Moved>,
}

/// Pages that came to a zone or left it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The block they are of.
    pub block: u64,
    /// Whether they came.
    pub online: bool,
    /// The zone.
    pub zone: ZoneId,
    /// The page frames that the allocator gains or loses.
    pub frames: Range<u64>,
}

/// Zonelists as rebuilt, and what Linux logs of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebuilt {
    /// All lists, those that stay the same included.
    pub lists: Shared<Zonelists>,
    /// Nodes online.
    pub nodes: usize,
    /// Pages above the high marks: those from before when memory comes, those from after when it goes.
    pub total_pages: u64,
    /// The zone kind that memory policies apply to.
    pub policy_zone: ZoneKind,
}
