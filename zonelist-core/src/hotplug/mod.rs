//! Hotplug: memory blocks, nodes and CPUs that go online and offline on a running machine.
//!
//! A [`State`] is the machine between two operations: sizes, watermarks, reserves, node sets, fallback order. An
//! [`Operation`] leads to the next state ([`State::after`]): a pure function with the errors of Linux, by the rules of
//! one of its versions ([`Rules`](crate::topology::Rules)). A [`RunningMachine`] holds the current state and performs
//! one operation at a time. It publishes zonelists through its scheme when a zone gets its first page or loses its last
//! one, and a new node's own list before the node is online.
//!
//! A reader of the state of a running machine gets one whole state, never a mixture of two. For readers of the lists,
//! changes become visible in this sequence:
//!
//! | | first | then | last |
//! |---|---|---|---|
//! | online | sizes, watermarks, reserves | lists | pages can be allocated |
//! | offline | pages can no longer be allocated | lists | sizes, watermarks, reserves |
//!
//! So there is never a free page in an unlisted zone, nor a listed zone without watermarks. Linux has both for a short
//! time: 4.14 frees pages to the allocator before it rebuilds the lists, and all versions compute the watermarks of a
//! new zone after it is listed.
//!
//! The zone of each frame follows from memory blocks, exact ranges
//! ([`MachineDescription::zone_ranges`](crate::topology::MachineDescription)) and sizes. Where these leave the zone of a frame
//! open, a state with blocks and an allocator are refused, and the error names two zones that overlap
//! ([`UnknownOwner`](crate::zone::UnknownOwner)). [`BootMemory`] is the rule for the frames that boot took.
//!
//! The page provider ([`PageProvider`]) manages the pages: a [`Published`](crate::publish::Published) has none,
//! [`AllocatorProvider`] is the page allocator. The latter migrates movable pages out of a block that goes offline,
//! waits for all other pages until a [`Deadline`] stops the wait, and undoes the operation if that fails.
//!
//! Files, each using only those before it:
//!
//! - what callers give and get: `block_id`, `backing`, `arena`, `deadline`, `provider_error`, `error`, `setting`, `operation`;
//! - the state, pure functions: `memory_block` with `memory_device`, `boot_builds`, `min_free`, `immovable`,
//!   `state_data`, `block_operations`, `node_operations`, `state`, `zone_frames`;
//! - providers: `provider`, `migration_targets`, `undo`, and the page allocator: `allocator_provider` with
//!   `node_metadata` and `provider_operations`;
//! - the machine: `running`, `fork`.
//!
//! ```
//! use zonelist_core::{
//!     *,
//!     hotplug::*,
//!     stop_world::StopWorld,
//!     table::Slots,
//!     topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
//! };
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = NodeId::new(0).unwrap();
//! let pages = 1 << 18;
//! let normal = ZoneSize {
//!     zone: ZoneId::new(node, ZoneKind::Normal), start_pfn: Pfn::new(0), spanned: pages, present: pages, managed: pages,
//! };
//! let (machine, _) = Machine::new(MachineDescription {
//!     possible: vec![0],
//!     distance: vec![vec![10]],
//!     online: vec![0],
//!     has_memory: vec![0],
//!     memory: Some(Memory {
//!         page_bytes: 4096,
//!         pageblock_pages: 512,
//!         kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
//!         zones: vec![normal],
//!         tunables: Tunables {
//!             min_free_kbytes: 4096, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0],
//!         },
//!     }),
//!     ..MachineDescription::default()
//! })?;
//! // An offline block of 128 MiB, behind the zone.
//! let blocks = MemoryBlocks {
//!     pages: 1 << 15,
//!     list: vec![MemoryBlock { number: BlockId::new(8), node: Some(node), state: MemoryBlockState::Offline, has_holes: false, memmap_pages: 0 }],
//!     ..MemoryBlocks::default()
//! };
//! let state = State::booted(machine, blocks, Rules::LINUX_6_1)?;
//!
//! let table = Slots::boxed(state.capacity());
//! let published = Published::new(StopWorld::new(table));
//! let running = RunningMachine::new(state, published)?;
//! let change = running.apply(&Operation::Online { block: BlockId::new(8), to: OnlineTo::Movable })?;
//! assert!(change.rebuilt.is_some(), "the zone has got its first page");
//!
//! let mut reader = running.provider().reader()?;
//! let any = running.provider().filter(&Request::up_to(ZoneKind::Movable));
//! let names: Vec<String> = reader.enter().walk(node, &any).map(|entry| entry.zone().to_string()).collect();
//! assert_eq!(names, ["0/Movable", "0/Normal"]);
//!
//! let error = running.apply(&Operation::Online { block: BlockId::new(8), to: OnlineTo::Auto }).unwrap_err();
//! assert_eq!(error.errno(), Errno::Inval, "it is online already");
//! # Ok(())
//! # }
//! ```

mod allocator_provider;
#[cfg(all(feature = "std", target_os = "linux", not(loom)))]
mod arena;
mod backing;
mod block_id;
mod block_operations;
mod boot_builds;
mod deadline;
mod error;
mod fork;
mod immovable;
mod memory_block;
mod memory_device;
mod migration_targets;
mod min_free;
mod node_metadata;
mod node_operations;
mod operation;
mod provider;
mod provider_error;
mod provider_operations;
mod running;
mod setting;
mod state;
mod state_data;
mod undo;
mod zone_frames;

pub use crate::heap::Shared;
pub use allocator_provider::{AllocatorProvider, Attachments};
#[cfg(all(feature = "std", target_os = "linux", not(loom)))]
pub use arena::{Arena, ArenaError};
pub use backing::{Backing, BackingError};
pub use block_id::BlockId;
pub use boot_builds::BootBuild;
#[cfg(feature = "std")]
pub use deadline::Until;
pub use deadline::{Deadline, StopReason, UntilCancelled};
pub use error::{Errno, HotplugError};
pub use fork::PreparedMachineFork;
pub use memory_block::{BootMemory, MemoryBlock, MemoryBlockState, MemoryBlocks, MemoryBlocksError};
pub use memory_device::{AutoMovable, MemoryDevice};
pub use min_free::{huge_page_min_free_kbytes, scaled_min_free_kbytes};
pub use node_metadata::MetadataStatistics;
pub use operation::{BlockChange, Change, OnlineTo, Operation, Rebuilt};
pub use provider::PageProvider;
pub use provider_error::ProviderError;
pub use running::RunningMachine;
pub use setting::Setting;
pub use state::State;
pub use state_data::ZoneInfo;
