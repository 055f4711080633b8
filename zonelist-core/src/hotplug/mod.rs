//! Memory that comes and goes: blocks, nodes and CPUs on and off line, and what follows from it.
//!
//! A [`State`] is a machine between two operations: sizes, marks, reserves, node sets, fallback
//! order. An [`Operation`] makes the next one of it ([`State::after`]), a pure function, by the
//! rules and with the errors of Linux 6.1. A [`RunningMachine`] holds the current state, lets
//! operations in one at a time, and publishes its zonelists through the scheme it is built with:
//! exactly when a zone gets its first page or loses its last, and a new node's own list before the
//! node is online.
//!
//! Whoever looks at a running machine gets a whole state, never a mixture of two. The order of
//! what readers of the lists can see is the other half:
//!
//! | | first | then | last |
//! |---|---|---|---|
//! | memory comes | sizes, marks, reserves | lists | pages can be allocated |
//! | memory goes | pages can no longer be allocated | lists | sizes, marks, reserves |
//!
//! So there is never a free page in a zone that no list names, nor a listed zone without marks.
//! Linux has both for a moment: 4.14 hands pages out before it rebuilds, and all versions compute
//! the marks of a new zone after it is listed.
//!
//! Whose each frame is follows from memory blocks, exact ranges ([`MachineDescription::zone_ranges`](crate::MachineDescription))
//! and sizes; where these don't tell, a state with blocks and an allocator are refused, with the zones that overlap
//! ([`UnknownOwner`](crate::UnknownOwner)). Which frames of a zone boot took is a rule: [`BootMemory`].
//!
//! Who hands the pages out is behind [`Frames`]: nobody, or the page allocator as [`AllocatorFrames`], which moves what
//! can be moved out of a block that goes, waits for the rest as long as a [`Limit`] says, and undoes all if that fails.
//!
//! ```
//! use zonelist_core::{*, hotplug::*, publish::Published};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = NodeId::new(0).unwrap();
//! let pages = 1 << 18;
//! let normal = ZoneSize {
//!     zone: ZoneId::new(node, ZoneKind::Normal), start_pfn: 0, spanned: pages, present: pages, managed: pages,
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
//! // A block of 128 MiB that nobody uses yet, behind the zone.
//! let blocks = Blocks {
//!     pages: 1 << 15,
//!     list: vec![Block { number: 8, node: Some(node), state: BlockState::Offline, has_holes: false, memmap_pages: 0 }],
//!     ..Blocks::default()
//! };
//! let state = State::booted(machine, blocks, Rules::LINUX_6_1)?;
//!
//! let table = Slots::boxed(state.capacity());
//! let published: Published<_> = Published::new(StopWorld::new(table));
//! let running = RunningMachine::new(state, published)?;
//! let change = running.apply(&Operation::Online { block: 8, to: OnlineTo::Movable })?;
//! assert!(change.rebuilt.is_some(), "the zone's first page");
//!
//! let mut reader = running.frames().reader()?;
//! let any = running.frames().filter(&Request::up_to(ZoneKind::Movable));
//! let names: Vec<String> = reader.enter().walk(node, &any).map(|entry| entry.zone().to_string()).collect();
//! assert_eq!(names, ["0/Movable", "0/Normal"]);
//!
//! let error = running.apply(&Operation::Online { block: 8, to: OnlineTo::Auto }).unwrap_err();
//! assert_eq!(error.errno(), Errno::Inval, "it is online already");
//! # Ok(())
//! # }
//! ```

mod allocator_frames;
mod at_boot;
mod backing;
mod block;
mod blocks_on_off;
mod data;
mod elsewhere;
mod error;
mod fork;
mod frames;
mod immovable;
mod limit;
mod min_free;
mod nodes;
mod operation;
mod running;
mod setting;
mod state;
mod undo;

pub use allocator_frames::{AllocatorFrames, Structures};
pub use backing::{Backing, BackingError};
pub use block::{Block, BlockState, Blocks, BlocksError, BootMemory};
pub use error::{Errno, HotplugError};
pub use fork::PreparedMachineFork;
pub use frames::{Frames, FramesError};
#[cfg(feature = "std")]
pub use limit::Until;
pub use limit::{Limit, Stop, UntilCancelled};
pub use min_free::{huge_page_min_free_kbytes, scaled_min_free_kbytes};
pub use operation::{Change, Moved, OnlineTo, Operation, Rebuilt};
pub use running::RunningMachine;
pub use setting::Setting;
pub use state::{State, ZoneInfo};
