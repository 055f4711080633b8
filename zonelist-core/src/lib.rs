// Links of the README as links of this page: of two definitions, the first one counts.
//! [`sync`]: crate::sync
//! [`topology`]: crate::topology
//! [`Machine`]: crate::topology::Machine
//! [`Rules`]: crate::topology::Rules
//! [`zonelist`]: crate::zonelist
//! [`Zonelists`]: crate::Zonelists
//! [`table`]: crate::table
//! [`publish`]: crate::publish
//! [`Scheme`]: crate::Scheme
//! [`Published`]: crate::Published
//! [`stop_world`]: crate::stop_world
//! [`zone`]: crate::zone
//! [`Zone`]: crate::Zone
//! [`page_alloc`]: crate::page_alloc
//! [`PageAllocator`]: crate::PageAllocator
//! [`LocalHandle`]: crate::LocalHandle
//! [`hotplug`]: crate::hotplug
//! [`conformance`]: crate::conformance
//! [`identity`]: crate::identity
#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "alloc"), allow(rustdoc::broken_intra_doc_links, reason = "what is not built is not linked"))]
#![no_std]

#[cfg(not(all(target_has_atomic = "32", target_has_atomic = "ptr")))]
compile_error!(
    "zonelist-core needs atomics with compare-and-swap, of 32 bits and of a pointer's width: \
     expected a target that has them, as thumbv7m does and thumbv6m does not"
);
#[cfg(not(any(target_pointer_width = "32", target_pointer_width = "64")))]
compile_error!("zonelist-core counts page frames in words: expected a target of 32 or 64 bits");

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", loom, test))]
extern crate std;

mod chunks;
#[cfg(feature = "alloc")]
pub mod conformance;
#[cfg(all(any(doc, doctest), feature = "std"))]
pub mod guide;
#[cfg(feature = "alloc")]
mod heap;
#[cfg(feature = "alloc")]
pub mod hotplug;
pub mod identity;
mod ids;
mod locking;
pub mod page_alloc;
pub mod publish;
pub mod stop_world;
pub mod sync;
pub mod table;
pub mod topology;
pub mod zone;
pub mod zonelist;

pub use ids::{NodeId, Pfn, ZoneId, ZoneKind};
pub use page_alloc::{LocalHandle, Page, PageAllocator, PageRequest};
pub use publish::{Published, Scheme};
pub use zone::{Mobility, Zone};
#[cfg(feature = "alloc")]
pub use zonelist::Zonelists;
pub use zonelist::{Request, Zoneref};
