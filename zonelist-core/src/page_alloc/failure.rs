//! Why there was no page.

use core::fmt;

use crate::{NodeId, ZoneId, ZoneKind, publish::BarrierError};

/// No zone could serve the request. [`LocalHandle::failure`](super::LocalHandle::failure) says why, zone by zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no zone that the request admits has such a block to spare; expected one that has")]
pub struct OutOfMemory;

/// Why a zone did not serve a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// It would have gone below its mark and reserve.
    Mark {
        /// Free pages that there were.
        free: usize,
        /// Free pages for which the zone would have served.
        needed: usize,
    },
    /// Pages enough, but in pieces that are too short: the memory is fragmented.
    NoBlock {
        /// Free pages that there were.
        free: usize,
    },
    /// Its free pages in reach do not suffice, and with those in isolated pageblocks, as of memory on its way offline, they
    /// would by number. An estimate: the isolated ones may be in pieces that are too short.
    Isolated {
        /// Free pages in reach.
        free: usize,
        /// Free pages in isolated pageblocks.
        isolated: usize,
    },
    /// It has no blocks that long.
    Order {
        /// The order of its longest.
        max_order: u8,
    },
    /// The lists name it, but the allocator was not given such a zone.
    Unknown,
    /// Its lock was held, and the request must not wait for it.
    Locked,
    /// A fork has left the holder of its lock behind, and with it all that the zone had.
    Forked,
    /// Not asked: it is of a higher kind than the request may have.
    Kind {
        /// The highest that it may have.
        highest: ZoneKind,
    },
    /// Not asked: its node is none of those that the request is confined to.
    Nodes,
    /// Not asked: the request is for the zones of one node alone.
    Scope {
        /// That node.
        node: NodeId,
    },
    /// Not asked, though the request admits it: it was not in the node's list.
    NotListed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark { free, needed } => write!(f, "{free} pages free, {needed} needed"),
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

/// Why a request was refused: what its last walk met.
///
/// Zones that were asked come first, in the order of the list; then the allocator's other zones.
#[derive(Clone, Debug)]
pub struct Failure {
    /// First those that were asked. What is behind the counts is of an earlier walk.
    zones: [Option<(ZoneId, Refusal)>; Self::ROOM],
    asked: usize,
    passed_over: usize,
    torn: bool,
    stopped: bool,
    barrier: Option<BarrierError>,
    /// Whether there was a request.
    any: bool,
}

impl Failure {
    /// Zones that are remembered, those that were asked first.
    pub const ROOM: usize = 32;

    pub(super) const fn none() -> Self {
        let zones = [None; Self::ROOM];
        Self { zones, asked: 0, passed_over: 0, torn: false, stopped: false, barrier: None, any: false }
    }

    /// Another walk begins. Touches no more than it has to, since the walk may well be served.
    pub(super) fn clear(&mut self) {
        (self.asked, self.passed_over, self.torn, self.stopped) = (0, 0, false, false);
        (self.barrier, self.any) = (None, true);
    }

    /// A zone was asked.
    pub(super) fn note(&mut self, zone: ZoneId, why: Refusal) {
        if let Some(room) = self.zones.get_mut(self.asked) {
            *room = Some((zone, why));
        }
        self.asked += 1;
    }

    /// A zone was not asked. Behind the last that was.
    pub(super) fn note_passed_over(&mut self, zone: ZoneId, why: Refusal) {
        if let Some(room) = self.zones.get_mut(self.asked.saturating_add(self.passed_over)) {
            *room = Some((zone, why));
        }
        self.passed_over += 1;
    }

    pub(super) fn note_torn(&mut self) {
        self.torn = true;
    }

    pub(super) fn note_stopped(&mut self) {
        self.stopped = true;
    }

    pub(super) fn note_barrier(&mut self, error: BarrierError) {
        self.barrier = Some(error);
    }

    /// Whether the walk has shown each zone of the list, and all of them are remembered.
    pub(super) fn is_whole(&self) -> bool {
        !self.torn && !self.stopped && self.asked <= Self::ROOM
    }

    /// The remembered zones that were asked.
    pub(super) fn refused_mut(&mut self) -> impl Iterator<Item = &mut (ZoneId, Refusal)> {
        self.zones.iter_mut().take(self.asked).flatten()
    }

    /// The zones that were asked, in order, and why each refused: at most [`Failure::ROOM`] of them.
    pub fn refused(&self) -> impl Iterator<Item = (ZoneId, Refusal)> + '_ {
        self.zones.iter().take(self.asked).flatten().copied()
    }

    /// The allocator's zones that were not asked, and why, as far as they are remembered beside those that were.
    ///
    /// A zone that the request admits is among them only if the last walk was whole.
    pub fn passed_over(&self) -> impl Iterator<Item = (ZoneId, Refusal)> + '_ {
        self.zones.iter().skip(self.asked).take(self.passed_over).flatten().copied()
    }

    /// How many zones were asked.
    #[must_use]
    pub const fn zones(&self) -> usize {
        self.asked
    }

    /// How many zones were not asked.
    #[must_use]
    pub const fn zones_passed_over(&self) -> usize {
        self.passed_over
    }

    /// Whether every walk was torn by a publish, so that a zone may have been passed over.
    #[must_use]
    pub const fn was_torn(&self) -> bool {
        self.torn
    }

    /// Whether there was something that a request which may block would have waited for: a publish, or a zone's lock.
    #[must_use]
    pub fn would_block(&self) -> bool {
        self.torn || self.stopped || self.refused().any(|(_, why)| why == Refusal::Locked)
    }

    /// Why other handles' caches could not be drained for the request, if that was so: some page may be there.
    #[must_use]
    pub const fn undrained(&self) -> Option<BarrierError> {
        self.barrier
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.any {
            return f.write_str("no request was refused");
        }
        write!(f, "{} zones asked", self.asked)?;
        self.refused().try_for_each(|(zone, why)| write!(f, "; {zone}: {why}"))?;
        if self.torn {
            f.write_str("; every walk was torn by a publish")?;
        }
        if self.stopped {
            f.write_str("; a publish has walks stopped, and the request must not wait")?;
        }
        if let Some(error) = self.barrier {
            write!(f, "; caches not drained: {error}")?;
        }
        if self.passed_over > 0 {
            write!(f, "; {} not asked", self.passed_over)?;
        }
        self.passed_over().try_for_each(|(zone, why)| write!(f, "; {zone}: {why}"))?;
        let all = self.asked.saturating_add(self.passed_over);
        if all > Self::ROOM { write!(f, "; and {} zones more", all - Self::ROOM) } else { Ok(()) }
    }
}
