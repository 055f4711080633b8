//! What grows, and what is timed meanwhile.

use serde::Serialize;
use zonelist_core::Zonelists;
use zonelist_schemes::workload::{synthetic, wide};

/// A number that grows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Zones of each list; a walk of all of them.
    WalkByZones,
    /// Nodes, each with a list of four zones; a read of a first zone.
    FirstZoneByNodes,
    /// Threads that read first zones of the same lists.
    FirstZoneByThreads,
    /// Nodes, each with a list of four zones; a publish.
    PublishByNodes,
    /// Registered readers between walks; a publish of two lists of eight zones.
    PublishByReaders,
}

impl Axis {
    /// All axes.
    pub const ALL: [Self; 5] = [
        Self::WalkByZones,
        Self::FirstZoneByNodes,
        Self::FirstZoneByThreads,
        Self::PublishByNodes,
        Self::PublishByReaders,
    ];

    /// The numbers.
    #[must_use]
    pub fn numbers(self) -> &'static [usize] {
        match self {
            // Each list has the zones of other nodes, too: with 1024, the lists have 262,144 entries.
            Self::WalkByZones => &[4, 16, 64, 256, 1024],
            Self::FirstZoneByNodes | Self::PublishByNodes => &[1, 4, 16, 64, 256, 1024],
            Self::FirstZoneByThreads => &[1, 2, 4, 8, 16],
            Self::PublishByReaders => &[1, 4, 16, 64, 256, 1024, 4096],
        }
    }

    /// All points of all axes.
    #[must_use]
    pub fn points() -> usize {
        Self::ALL.iter().map(|axis| axis.numbers().len()).sum()
    }

    /// True if publishes are timed.
    #[must_use]
    pub fn publishes(self) -> bool {
        matches!(self, Self::PublishByNodes | Self::PublishByReaders)
    }

    /// The two versions of the lists, which differ in their entries.
    pub(super) fn lists(self, number: usize) -> [Zonelists; 2] {
        match self {
            Self::WalkByZones => [synthetic(number), synthetic(number)],
            Self::FirstZoneByNodes | Self::PublishByNodes => {
                let nodes = number as u16;
                [wide(nodes), wide(nodes.saturating_sub(1).max(1))]
            }
            Self::FirstZoneByThreads | Self::PublishByReaders => [synthetic(8), synthetic(7)],
        }
    }

    /// Readers that are registered at the same time.
    pub(super) fn readers(self, number: usize) -> usize {
        match self {
            Self::FirstZoneByThreads | Self::PublishByReaders => number,
            _ => 1,
        }
    }
}
