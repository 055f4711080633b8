//! The report of a refused request: why each zone did not serve it.

use core::fmt;

use crate::{NodeId, ZoneId, ZoneKind, ids::Order, publish::BarrierError};

/// No zone could serve the request. [`LocalHandle::failure`](super::LocalHandle::failure) reports why, for each zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "no zone that the request admits has such a block to spare; expected one that has: `LocalHandle::failure` gives each \
     zone's reason"
)]
pub struct OutOfMemory;

/// Why a zone did not serve a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The zone would have gone below its watermark and reserve.
    Watermark {
        /// The number of free pages.
        free: usize,
        /// The number of free pages with which the zone would have served.
        needed: usize,
    },
    /// The zone has enough free pages, but only in blocks of lower orders: the memory is fragmented.
    NoBlock {
        /// The number of free pages.
        free: usize,
    },
    /// The free pages do not suffice, but by number they would together with those in isolated pageblocks, as of memory
    /// that is going offline. An estimate: the isolated pages may be in blocks of lower orders.
    Isolated {
        /// The number of free pages that are not isolated.
        free: usize,
        /// The number of free pages in isolated pageblocks.
        isolated: usize,
    },
    /// The zone has no blocks of that order.
    Order {
        /// The highest order of the zone.
        max_order: Order,
    },
    /// The lists name the zone, but the allocator does not have it.
    Unknown,
    /// The zone's lock was held, and the request must not wait for it.
    Locked,
    /// A fork lost the holder of the zone's lock, and with it all pages of the zone.
    Forked,
    /// Not tried: the zone is of a higher kind than the request admits.
    Kind {
        /// The highest kind that the request admits.
        highest: ZoneKind,
    },
    /// Not tried: the zone's node is not in the request's mask.
    Nodes,
    /// Not tried: the request is for the zones of one node alone.
    Scope {
        /// That node.
        node: NodeId,
    },
    /// Not tried, though the request admits the zone: the zone was not in the node's list.
    NotListed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watermark { free, needed } => write!(f, "{free} pages free, {needed} needed"),
            Self::NoBlock { free } => write!(f, "{free} pages free, but no block of that order"),
            Self::Isolated { free, isolated } => {
                write!(f, "{free} pages free, and {isolated} in isolated pageblocks, out of reach")
            }
            Self::Order { max_order } => write!(f, "its longest blocks are of order {max_order}"),
            Self::Unknown => f.write_str("no such zone"),
            Self::Locked => f.write_str("its lock is held, and the request must not wait"),
            Self::Forked => f.write_str("lost in a fork"),
            Self::Kind { highest } => write!(f, "of a higher kind than {highest}"),
            Self::Nodes => f.write_str("not of the nodes that the request is confined to"),
            Self::Scope { node } => write!(f, "not of node {node}, whose zones alone the request is for"),
            Self::NotListed => f.write_str("not in the node's list"),
        }
    }
}

/// Why a request was refused: the result of its last walk.
///
/// The zones that were tried come first, in the order of the list; then the allocator's other zones.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The zones that were tried, then the others. Entries beyond both counts are of an earlier walk.
    zones: [Option<(ZoneId, Refusal)>; Self::ROOM],
    /// The number of zones that were tried.
    tried: usize,
    /// The number of zones that were not tried.
    passed_over: usize,
    /// True if a publish tore every walk.
    torn: bool,
    /// True if a publish had walks stopped, and the request must not wait.
    stopped: bool,
    /// The error of the drain, if it failed.
    barrier: Option<BarrierError>,
    /// True if there was a request.
    any: bool,
}

impl Failure {
    /// The number of zones that a report has room for. Those that were tried come first.
    pub const ROOM: usize = 32;

    /// The report before any request was refused.
    pub(super) const fn none() -> Self {
        let zones = [None; Self::ROOM];
        Self { zones, tried: 0, passed_over: 0, torn: false, stopped: false, barrier: None, any: false }
    }

    /// Begins the report of another walk. Writes the counts alone, since the walk may well succeed.
    pub(super) fn clear(&mut self) {
        (self.tried, self.passed_over, self.torn, self.stopped) = (0, 0, false, false);
        (self.barrier, self.any) = (None, true);
    }

    /// Notes that a zone refused.
    pub(super) fn note(&mut self, zone: ZoneId, refusal: Refusal) {
        // Beyond the room, zones are only counted.
        if let Some(room) = self.zones.get_mut(self.tried) {
            *room = Some((zone, refusal));
        }
        self.tried += 1;
    }

    /// Notes that a zone was not tried. To be called after the last [`Failure::note`].
    pub(super) fn note_passed_over(&mut self, zone: ZoneId, refusal: Refusal) {
        // After the zones that were tried, which keep their room.
        if let Some(room) = self.zones.get_mut(self.tried.saturating_add(self.passed_over)) {
            *room = Some((zone, refusal));
        }
        self.passed_over += 1;
    }

    /// Notes that a publish tore every walk.
    pub(super) fn note_torn(&mut self) {
        self.torn = true;
    }

    /// Notes that a publish had walks stopped.
    pub(super) fn note_stopped(&mut self) {
        self.stopped = true;
    }

    /// Notes that the drain failed.
    pub(super) fn note_barrier(&mut self, error: BarrierError) {
        self.barrier = Some(error);
    }

    /// Whether the walk has shown each zone of the list, and the report has room for all of them.
    pub(super) fn is_whole(&self) -> bool {
        !self.torn && !self.stopped && self.tried <= Self::ROOM
    }

    /// The zones that were tried, as far as the report has room.
    pub(super) fn refused_mut(&mut self) -> impl Iterator<Item = &mut (ZoneId, Refusal)> {
        self.zones.iter_mut().take(self.tried).flatten()
    }

    /// The zones that were tried, in the order of the list, each with its reason; [`Failure::ROOM`] zones or
    /// fewer.
    pub fn refused(&self) -> impl Iterator<Item = (ZoneId, Refusal)> + '_ {
        self.zones.iter().take(self.tried).flatten().copied()
    }

    /// The allocator's zones that were not tried, each with its reason, as far as the report has room.
    ///
    /// A zone that the request admits is among them only if the last walk was not torn.
    pub fn passed_over(&self) -> impl Iterator<Item = (ZoneId, Refusal)> + '_ {
        self.zones.iter().skip(self.tried).take(self.passed_over).flatten().copied()
    }

    /// The number of zones that were tried.
    #[must_use]
    pub const fn zones(&self) -> usize {
        self.tried
    }

    /// The number of zones that were not tried.
    #[must_use]
    pub const fn zones_passed_over(&self) -> usize {
        self.passed_over
    }

    /// Whether a publish tore every walk, so that the walks may have missed a zone.
    #[must_use]
    pub const fn was_torn(&self) -> bool {
        self.torn
    }

    /// Whether a request that may block would have waited: for a publish, or for a zone's lock.
    #[must_use]
    pub fn would_block(&self) -> bool {
        self.torn || self.stopped || self.refused().any(|(_, refusal)| refusal == Refusal::Locked)
    }

    /// Why the per-CPU pages of other handles could not be drained for the request, if the drain failed. They may have
    /// pages.
    #[must_use]
    pub const fn undrained(&self) -> Option<BarrierError> {
        self.barrier
    }
}

/// A number of zones, as text.
struct Zones(usize);

impl fmt::Display for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} zone{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.any {
            return f.write_str("no request was refused");
        }
        write!(f, "{} tried", Zones(self.tried))?;
        self.refused().try_for_each(|(zone, refusal)| write!(f, "; {zone}: {refusal}"))?;
        if self.torn {
            f.write_str("; every walk was torn by a publish")?;
        }
        if self.stopped {
            f.write_str("; a publish has walks stopped, and the request must not wait")?;
        }
        if let Some(error) = self.barrier {
            write!(f, "; per-CPU pages not drained: {error}")?;
        }
        if self.passed_over > 0 {
            write!(f, "; {} not tried", self.passed_over)?;
        }
        self.passed_over().try_for_each(|(zone, refusal)| write!(f, "; {zone}: {refusal}"))?;
        // What the report had no room for is counted at the end.
        let all = self.tried.saturating_add(self.passed_over);
        if all > Self::ROOM { write!(f, "; and {} more", Zones(all - Self::ROOM)) } else { Ok(()) }
    }
}
