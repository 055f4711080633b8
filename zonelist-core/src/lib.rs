//! Zonelists, their publication to readers, and the machine they describe.
//!
//! From the bottom up, each module uses those before it:
//!
//! | module | content |
//! |---|---|
//! | [`sync`] | atomics, locks and cells, which model checkers replace |
//! | [`topology`] | ids of nodes and zones; [`Machine`](topology::Machine), a checked description; node orders, watermarks and reserves, as the [`Rules`](topology::Rules) of a version of Linux compute them (`alloc`) |
//! | [`zonelist`] | [`Zonelists`] and what a walk of them asks for |
//! | [`table`] | the tables in which schemes keep lists: [`Slots`](table::Slots), [`DoubleBuffer`](table::DoubleBuffer), [`OrderTables`](table::OrderTables) |
//! | [`publish`] | the trait [`Scheme`], and [`Published`], which runs one |
//! | [`stop_world`] | the baseline schemes: writers stop readers |
//! | [`zone`] | [`Zone`], the page frames of one zone, under watermarks and reserves |
//! | [`page_alloc`] | [`PageAllocator`], zones behind published lists; [`LocalHandle`], the handle of a CPU or thread, with its per-CPU pages |
//! | [`hotplug`] | memory, nodes and CPUs that are added and removed on a running machine (`alloc`); [`Arena`](hotplug::Arena), real memory behind page frames (`std`, on Linux) |
//! | [`conformance`] | the tests and models that every scheme must pass (`alloc`) |
//!
//! The names that most programs use are in the crate's root. [`identity`] says what happens if items of one allocator
//! or scheme are given to another.
//!
//! Without the features `std` and `alloc`, nothing uses a heap or an operating system, and no call panics. With them,
//! zones, allocators and operations on a running machine report a heap without room. Other functions that return owned
//! tables end the process then, as `Vec` does.
//!
//! ```
//! use zonelist_core::{
//!     Published, Request, ZoneId, ZoneKind, Zonelists,
//!     
//!     stop_world::StopWorld,
//!     table::{Capacity, Slots},
//!     topology::{FallbackOrder, Machine, MachineDescription, Rules},
//! };
//!
//! // Two nodes of one zone each, 20 apart.
//! let (machine, _) = Machine::new(MachineDescription {
//!     possible: vec![0, 1],
//!     distance: vec![vec![10, 20], vec![20, 10]],
//!     online: vec![0, 1],
//!     has_memory: vec![0, 1],
//!     ..MachineDescription::default()
//! })?;
//! let zones = machine.nodes().iter().map(|&node| ZoneId::new(node, ZoneKind::Normal));
//! let lists = Zonelists::assemble(&FallbackOrder::rebuilt(&machine, Rules::LINUX_6_1), zones);
//!
//! let table = Slots::boxed(Capacity::of(lists.lists()));
//! let published = Published::new(StopWorld::new(table));
//! published.publish(&lists)?;
//!
//! let mut reader = published.reader()?;
//! let any = published.filter(&Request::up_to(ZoneKind::Movable));
//! let guard = reader.enter();
//! let nodes: Vec<u16> = guard.walk(machine.nodes()[1], &any).map(|entry| entry.node().number()).collect();
//! assert_eq!(nodes, [1, 0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
