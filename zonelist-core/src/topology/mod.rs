//! The topology of a machine: nodes, distances, CPUs and zone sizes, and what Linux computes from them.
//!
//! Everything here is a pure function of a description: no atomics, no shared state.
//!
//! - [`MachineDescription`] is unchecked input; [`Machine`] is the same data, validated once.
//! - [`FallbackOrder`] is the node order of every node's zonelist, from [`Distances`].
//! - [`watermarks()`] and [`lowmem_reserve`] are the pages that zones keep back; [`Rules`] select the kernel version.

#[cfg(feature = "alloc")]
mod description;
#[cfg(feature = "alloc")]
mod distance;
#[cfg(feature = "alloc")]
mod error;
#[cfg(feature = "alloc")]
mod fallback_order;
#[cfg(feature = "alloc")]
mod frame_set;
#[cfg(feature = "alloc")]
mod frames;
#[cfg(feature = "alloc")]
mod machine;
#[cfg(feature = "alloc")]
mod reserve;
mod rules;
#[cfg(feature = "alloc")]
mod totals;
#[cfg(feature = "alloc")]
mod watermarks;

pub use crate::ids::{MAX_NODES, NodeId, NodeSet, ZoneId, ZoneKind};
#[cfg(feature = "alloc")]
pub(crate) use description::MAX_PAGES;
#[cfg(feature = "alloc")]
pub use description::{DistanceSource, MachineDescription, Memory, Tunables, ZoneSize, size_of};
#[cfg(feature = "alloc")]
pub use distance::{Distances, LOCAL_DISTANCE, REMOTE_DISTANCE, VoidDistances};
#[cfg(feature = "alloc")]
pub use error::MachineError;
#[cfg(feature = "alloc")]
pub use fallback_order::{FallbackOrder, FallbackOrderInput};
#[cfg(feature = "alloc")]
pub(crate) use frame_set::FrameSet;
#[cfg(feature = "alloc")]
pub use machine::Machine;
#[cfg(feature = "alloc")]
pub use reserve::lowmem_reserve;
#[cfg(feature = "alloc")]
pub(crate) use reserve::reserves_of;
pub use rules::{NodeLoad, Release, Rules};
#[cfg(feature = "alloc")]
pub use totals::{groups_by_mobility, policy_zone, total_pages};
#[cfg(feature = "alloc")]
pub use watermarks::{Watermarks, watermarks};
#[cfg(feature = "alloc")]
pub(crate) use watermarks::{high_of_empty_zone, watermarks_of};
