//! The page allocator: zones behind zonelists, with caches for each CPU, generic over the scheme.
//!
//! [`PageAllocator`] owns the zones and the [`Published`](crate::publish::Published) lists; a CPU or
//! thread allocates through its [`LocalHandle`], which holds its reader and the pages it keeps at hand. A
//! request walks the list of a node, as a scheme shows it, first against the low marks and then
//! against the min marks as its urgency reduces them.
//!
//! **Caches.** For single pages, blocks of 2, 4 and 8, and huge pages of 512, a handle keeps a stack
//! of each mobility and zone. They are filled and emptied by the batch, under one lock, and batches
//! grow with use and shrink where pages are short. Pages in caches are not free: marks count a
//! zone's own.
//!
//! **Draining.** Anybody can take what is in another's cache, without stopping the other and without
//! costing him an atomic read-modify-write. Each operation of a handle is between two stores of one
//! flag at its seat, which in a scheme that wants readers in their seats is the very flag that its
//! writers look at. Who drains says at the seat's gate that the cache is borrowed, runs the heavy
//! half of the barrier pair, and waits until the flag is down or says "hands off": a handle that
//! finds its cache borrowed goes on without it.
//!
//! ```
//! use zonelist_core::{*, publish::{FullFence, Published}};
//!
//! let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
//! let zone = Zone::boxed(normal, 0..4096, MAX_ORDER, Spin::new())?;
//! zone.add(16..4096)?;
//! zone.set_watermarks(&ZoneWatermarks { min: 32, low: 40, high: 48, ..ZoneWatermarks::default() });
//!
//! let zonerefs = [Zoneref::new(normal)];
//! let rows = [NodeSpan { start: 0, len: 1, own: 1 }];
//! let lists = ZonelistsRef::new(&zonerefs, &rows)?;
//! let published = Published::<_, FullFence, 4>::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
//! published.publish(lists)?;
//!
//! let allocator = PageAllocator::boxed(published, vec![zone])?;
//! let single = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal))?;
//! let mut local = allocator.local()?;
//! let page = local.alloc(normal.node(), &single)?;
//! assert_eq!((page.order(), allocator.zone_of(page).map(Zone::id)), (0, Some(normal)));
//! local.free(page)?;
//!
//! let all = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal).order(10))?;
//! while local.alloc(normal.node(), &all).is_ok() {}
//! assert!(local.failure().to_string().starts_with("1 zones asked; 0/Normal: "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allocator;
mod drain;
mod failure;
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
mod statistics;
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
pub use request::{OrderError, PageRequest, PreparedRequest};
pub use statistics::ZoneStats;
pub use zone_pool::SetupError;
