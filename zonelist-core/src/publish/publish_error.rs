//! Why a publish, or what is retired behind one, failed.

use super::{BarrierError, WaitError};
use crate::{NodeId, ZoneId, table::CapacityError, zonelist::Scope};

/// Why a version was not published. Readers go on to see the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The lists are larger than the scheme has room for.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// No place is kept for the zone, since no lists named it so far.
    #[error("no place is kept for zone {zone}; expected a publish of lists that name it")]
    NoEntry {
        /// The zone.
        zone: ZoneId,
    },
    /// A list of a node has no place for the zone any more: while the zone was absent, a publish gave its place to
    /// another zone, took away the zone that it stood behind, or made the list.
    #[error(
        "zone {zone}: no place for it in the {} list of node {node}, which has room for {room} zones; expected a publish \
         of lists that name it", scope_name(*.scope)
    )]
    EntryLost {
        /// The zone.
        zone: ZoneId,
        /// The node of the list.
        node: NodeId,
        /// Which of the node's lists.
        scope: Scope,
        /// The zones that the list has room for.
        room: usize,
    },
    /// The scheme keeps the places of fewer zones than its tables have room for, or than were published so far.
    #[error("zone {zone}: one of {zones} zones or more; expected at most {max}, of which alone places are kept")]
    TooManyZones {
        /// The zone.
        zone: ZoneId,
        /// The zones that there is room for; or a lower bound of those that were published, together or one after
        /// another.
        zones: usize,
        /// Zones whose places are kept.
        max: usize,
    },
    /// Another publish is under way, or walks still go on over what the version would be written over, and the caller
    /// does not wait.
    #[error("another publish is under way, or walks over a version before it; expected neither")]
    Busy,
    /// The barrier pair failed, now or behind the swap of an earlier publish, which then answered `Ok`.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    /// This process is the child of a fork that cut a publish short, or an addition of slots: see
    /// [`Published::after_fork`](super::Published::after_fork).
    #[error("a publish was cut short by a fork; expected `Published::prepare_fork` before the fork")]
    Forked,
}

const fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Fallback => "fallback",
        Scope::ThisNode => "this-node",
    }
}

impl From<WaitError> for PublishError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Busy => Self::Busy,
            WaitError::Barrier(error) => Self::Barrier(error),
            WaitError::Forked => Self::Forked,
        }
    }
}

/// What was to be retired, and was not, since the grace period could not be waited for.
///
/// Walks may go on that refer to it, so that it must not be dropped yet: retire it again later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not retired: {error}")]
pub struct NotRetired<T> {
    /// What was not retired.
    pub value: T,
    /// Why.
    pub error: WaitError,
}
