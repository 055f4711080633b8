//! Zonelists, their publication to readers, and the machine they describe.
//!
//! From the bottom up, each layer uses those before it:
//!
//! - **Ids**: [`NodeId`], [`ZoneKind`], [`ZoneId`], and [`Zoneref`], the entry of a list in one word.
//! - **The machine** (`alloc`): [`Machine`], a checked description; [`FallbackOrder`], [`Zonelists`], [`watermarks`]
//!   and [`lowmem_reserve`], as the [`Rules`] of a version of Linux compute them. Pure functions, without atomics.
//! - **Publication**: the trait [`Scheme`](publish::Scheme) in [`publish`]; [`Slots`], the table in which most schemes
//!   keep their lists, [`DoubleBuffer`] and [`OrderTables`]; the baselines [`StopWorld`] and [`StopWorldPreempted`].
//! - **Zones**: [`Zone`], the page frames of one zone under [`ZoneWatermarks`] and reserves.
//! - **The page allocator**: [`PageAllocator`], zones behind published lists; [`LocalHandle`], the handle of a CPU or
//!   thread, with its per-CPU pages. Generic over the scheme.
//! - **Hotplug** (`alloc`): memory, nodes and CPUs that are added and removed on a running machine, in [`hotplug`].
//! - **Real memory** (`std`, on Linux): [`Arena`], addresses of page frames, with memory behind those that are online.
//! - **Conformance** (`alloc`): the tests and models that every scheme must pass, in [`conformance`].
//!
//! Without the features `std` and `alloc`, nothing uses a heap or an operating system, and no call panics. With them,
//! zones, allocators and operations on a running machine report a heap without room. Other functions that return owned
//! tables end the process then, as `Vec` does.
//!
//! ```
//! use zonelist_core::{*, publish::{FullFence, Published}};
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
//! let published: Published<_, FullFence> = Published::new(StopWorld::new(table));
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

pub mod identity;
mod ids;
mod locking;
mod page_alloc;
pub mod publish;
mod stop_world;
pub mod sync;
mod table;
mod zone;
mod zonelist;

pub use ids::{MAX_NODES, NodeId, NodeSet, ZoneId, ZoneKind};
pub use locking::lock::{Locked, RawLock, Spin};
pub use page_alloc::{
    Failure, Handle, HandleError, LocalHandle, Migrate, MigrationSource, MigrationTargets, MovableEntry, MovablePages,
    MoveError, NoRoom, NotFreed, OrderError, OutOfMemory, Page, PageAllocator, PageGuard, PageRequest, PerCpuPages,
    Pinned, PreparedMovablePagesFork, PreparedRequest, Refusal, SetupError, TryAllocError, TryFreeError, ZoneStats,
};
#[cfg(feature = "alloc")]
pub use page_alloc::{ForkError, PreparedAllocatorFork};
pub use stop_world::{PreemptedWalk, StopWorld, StopWorldPreempted, StoppedTable, StoppedWalk};
pub use table::{
    AtomicZoneMask, Buffer, BufferWalk, Capacity, CapacityError, DoubleBuffer, OrderEntry, OrderFilter, OrderTable,
    OrderTables, OrderWalk, Slot, SlotFilter, SlotWalk, Slots, Storage, Word, ZoneMask,
};
pub use zone::{
    BootLayoutError, FreeError, MAX_ORDER, Mobility, PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER, Pageblock, RangeError,
    UnknownOwner, Urgency, WatermarkLevel, Zone, ZoneError, ZoneMetadata, ZoneWatermarks,
};
pub use zonelist::{NodeSpan, NodeSpanError, Request, Scope, ZonelistsRef, Zoneref};

#[cfg(feature = "alloc")]
pub mod conformance;
#[cfg(feature = "alloc")]
mod heap;
#[cfg(feature = "alloc")]
pub mod hotplug;
mod topology;

#[cfg(feature = "alloc")]
pub use heap::Shared;
#[cfg(all(feature = "std", target_os = "linux", not(loom)))]
pub use hotplug::{Arena, ArenaError};
#[cfg(feature = "alloc")]
pub use topology::{
    Distances, FallbackOrder, FallbackOrderInput, LOCAL_DISTANCE, Machine, MachineDescription, MachineError, Memory,
    REMOTE_DISTANCE, Tunables, VoidDistances, Watermarks, ZoneSize, groups_by_mobility, lowmem_reserve, policy_zone,
    size_of, total_pages, watermarks,
};
pub use topology::{NodeLoad, Rules};
#[cfg(feature = "alloc")]
pub use zonelist::Zonelists;
