//! The page allocator: zones behind zonelists, with caches for each CPU, generic over the scheme.
//!
//! [`PageAllocator`] owns the zones and the [`Published`](crate::publish::Published) lists; a CPU or
//! thread allocates through its [`Local`], which holds its reader and the pages it keeps at hand. A
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
//! zone.set_marks(&Marks { min: 32, low: 40, high: 48, ..Marks::default() });
//!
//! let zonerefs = [Zoneref::new(normal)];
//! let rows = [Row { start: 0, len: 1, own: 1 }];
//! let lists = Lists::new(&zonerefs, &rows)?;
//! let published = Published::<_, FullFence, 4>::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
//! published.publish(lists)?;
//!
//! let allocator = PageAllocator::boxed(published, vec![zone])?;
//! let single = allocator.class(&PageRequest::up_to(ZoneKind::Normal))?;
//! let mut local = allocator.local()?;
//! let page = local.alloc(normal.node(), &single)?;
//! assert_eq!((page.order(), allocator.zone_of(page).map(Zone::id)), (0, Some(normal)));
//! local.free(page)?;
//!
//! let all = allocator.class(&PageRequest::up_to(ZoneKind::Normal).order(10))?;
//! while local.alloc(normal.node(), &all).is_ok() {}
//! assert!(local.failure().to_string().starts_with("1 zones asked; 0/Normal: "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allocator;
mod cache;
mod class;
mod drain;
mod failure;
mod fork;
mod handle;
mod local;
mod low;
mod movable;
mod movable_entry;
mod movable_fork;
mod non_blocking;
mod owners;
mod page;
mod pool;
mod refused;
mod slow;
mod stats;

pub use allocator::PageAllocator;
pub use cache::PageCache;
pub use class::{Class, OrderError, PageRequest};
pub use failure::{Failure, OutOfMemory, Refusal};
#[cfg(feature = "alloc")]
pub use fork::{ForkError, PreparedAllocatorFork};
pub use handle::{Handle, HandleError, NoRoom};
pub use local::{Local, NotFreed};
pub use movable::{Held, Movables};
pub use movable_entry::Movable;
pub use movable_fork::PreparedMovablesFork;
pub use non_blocking::{TryAllocError, TryFreeError};
pub use owners::{Exchange, MoveError, Mover, Owners, Pinned};
pub use page::Page;
pub use pool::SetupError;
pub use stats::ZoneStats;
