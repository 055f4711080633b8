//! Zonelists, their publication to readers, and the machine they describe.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", loom, test))]
extern crate std;

mod id;
mod lists;
pub mod publish;
mod slots;
mod stop_world;
pub mod sync;
mod zoneref;

pub use id::{MAX_NODES, NodeId, NodeSet, ZoneId, ZoneKind};
pub use lists::{Lists, Row, RowError};
pub use slots::{Capacity, CapacityError, Slot, SlotFilter, SlotWalk, Slots, Storage, Word};
pub use stop_world::{Gated, GatedWalk, PreemptedWalk, StopWorld, StopWorldPreempted};
pub use zoneref::{Request, Scope, Zoneref};

#[cfg(feature = "alloc")]
pub mod conformance;
#[cfg(feature = "alloc")]
mod distance;
#[cfg(feature = "alloc")]
mod machine;
#[cfg(feature = "alloc")]
mod machine_error;
#[cfg(feature = "alloc")]
mod order;
mod rules;
#[cfg(feature = "alloc")]
mod watermarks;
#[cfg(feature = "alloc")]
mod zonelists;

#[cfg(feature = "alloc")]
pub use distance::{Distances, LOCAL_DISTANCE, REMOTE_DISTANCE, VoidDistances};
#[cfg(feature = "alloc")]
pub use machine::{Machine, MachineDescription, Memory, Tunables, ZoneSize};
#[cfg(feature = "alloc")]
pub use machine_error::MachineError;
#[cfg(feature = "alloc")]
pub use order::{FallbackOrder, OrderInput};
pub use rules::{NodeLoad, Rules};
#[cfg(feature = "alloc")]
pub use watermarks::{Watermarks, groups_by_mobility, lowmem_reserve, policy_zone, size_of, total_pages, watermarks};
#[cfg(feature = "alloc")]
pub use zonelists::Zonelists;
