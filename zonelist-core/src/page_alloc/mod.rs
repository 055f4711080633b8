//! The page allocator: zones, zonelists and per-CPU pages, generic over the publication scheme.
//!
//! [`PageAllocator`] owns the zones and the [`Published`](crate::publish::Published) lists. A CPU or thread allocates
//! through its [`LocalHandle`], which holds its reader and uses the per-CPU pages of its slot. A request walks the list of a node, as a
//! scheme shows it. The first walk compares each zone's free pages with its low watermark, the second with its min
//! watermark, reduced by the urgency of the request.
//!
//! **Pages.** A [`Page`] owns its block and is one word. A free consumes the page, and returns it if the free fails
//! ([`NotFreed`]). A page is split into halves that are freed by themselves ([`PageAllocator::split`]). A page that code
//! keeps as a word or a frame number is made again by unsafe functions, with [one contract](Page#safety).
//!
//! **Per-CPU pages.** A handle keeps a stack for each zone and mobility, and for each of these sizes: single pages,
//! blocks of 2, 4 and 8, and huge pages of 512. Stacks are refilled and emptied by batches, each under one lock of the
//! zone. Batches grow with use, and shrink while a zone is low. Per-CPU pages are not free pages: watermarks count the
//! zone's own free pages alone.
//!
//! **Drains.** Any thread can return the per-CPU pages of all handles to their zones. It does not stop the handles, and
//! costs them no atomic read-modify-write. Each operation of a handle is between two stores of one flag in its reader
//! slot. In a scheme with read-side critical sections, this is the flag that the scheme's writers read too. A drain
//! sets a request in the slot that revokes the per-CPU pages, runs the heavy half of the barrier pair, and waits until
//! the flag is clear or acknowledges the revocation. A handle whose per-CPU pages are revoked goes on without them.
//!
//! ```
//! use zonelist_core::{
//!     *,
//!     stop_world::StopWorld,
//!     sync::Spin,
//!     table::{Capacity, Slots},
//!     zone::{Order, ZoneWatermarks},
//!     zonelist::{NodeSpan, ZonelistsRef},
//! };
//!
//! let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
//! let zone = Zone::boxed(normal, Pfn::range(0..4096), Order::MAX, Spin::new())?;
//! zone.add(Pfn::range(16..4096))?;
//! zone.set_watermarks(&ZoneWatermarks { min: 32, low: 40, high: 48, ..ZoneWatermarks::default() });
//!
//! let zonerefs = [Zoneref::new(normal)];
//! let rows = [NodeSpan { start: 0, len: 1, own: 1 }];
//! let lists = ZonelistsRef::new(&zonerefs, &rows)?;
//! let published = Published::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
//! published.publish(lists)?;
//!
//! let allocator = PageAllocator::boxed(published, vec![zone])?;
//! let request = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
//! let mut local = allocator.local()?;
//! let page = local.alloc(normal.node(), &request)?;
//! assert_eq!((page.order(), allocator.zone_of(&page).map(Zone::id)), (Order::ZERO, Some(normal)));
//! local.free(page)?;
//!
//! let large = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal).order(Order::MAX));
//! while local.alloc(normal.node(), &large).is_ok() {}
//! assert!(local.failure().to_string().starts_with("1 zone tried; 0/Normal: "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allocator;
mod batch;
mod class_key;
mod drain;
mod failure;
mod first_zones;
mod fork;
mod local_handle;
mod low_watermark;
mod migrate;
mod movable_entry;
mod movable_fork;
mod movable_handle;
mod movable_pages;
mod non_blocking;
mod page;
mod per_cpu_pages;
mod refused;
mod request;
mod slow_path;
mod split;
mod stack_layout;
mod statistics;
mod zone_attempt;
mod zone_pool;

pub use allocator::PageAllocator;
pub use failure::{Failure, OutOfMemory, Refusal};
#[cfg(feature = "alloc")]
pub use fork::{ForkError, PreparedAllocatorFork};
pub use local_handle::{LocalHandle, NotFreed};
pub use migrate::{Migrate, MigrationSource, MigrationTargets, MoveError, Pinned};
pub use movable_entry::MovableEntry;
pub use movable_fork::PreparedMovablePagesFork;
pub use movable_handle::{Handle, HandleError, NoRoom};
pub use movable_pages::{MovablePages, PageGuard};
pub use non_blocking::{TryAllocError, TryFreeError};
pub use page::Page;
pub use per_cpu_pages::PerCpuPages;
pub use request::{PageRequest, PreparedRequest};
pub use split::{NotSplit, SplitError};
pub use statistics::ZoneStats;
pub use zone_pool::SetupError;
