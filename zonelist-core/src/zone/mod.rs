//! Zones: the page frames of one node and kind, and which of them are free.
//!
//! A zone keeps a bit for each frame, set while the frame is free; a word for each *pageblock* of 512 frames; and an
//! index of pageblocks by the order of their largest free block. The frames themselves are never accessed. The metadata
//! is at most 0.15 byte a frame, in memory from the caller or on the heap. There are no free lists and no merging: two
//! free buddies are one block as soon as the bits of both are set. The bits of a pageblock are one cache line.
//!
//! Each operation takes the zone's lock once, also for many frames. Per-CPU pages belong to the page allocator, which
//! refills them from the zone.
//!
//! How a block is found: module `free_index` finds the pageblock, `bitmap` the bits within it, and `buddy` combines the
//! two. Module `migrate_group` says when a pageblock changes its migrate type.
//!
//! - **Blocks**: [`Zone::alloc`] and [`Zone::free`] for a block of `2^order` frames, [`Zone::alloc_bulk`] and
//!   [`Zone::free_bulk`] for frames of order 0 in bulk, [`Zone::alloc_contig`] for a contiguous range of any length and
//!   alignment.
//! - **Mobility**: movable and unmovable pages are kept in different pageblocks while that is possible, so that whole
//!   pageblocks become free when movable pages go.
//! - **Hotplug**: a zone starts without frames; its span contains every frame that it can ever have. [`Zone::add`] and
//!   [`Zone::remove`] change which frames the zone manages; holes and frames reserved at boot are never added. The set
//!   of managed frames is exact ([`Zone::manages`]). The word of a pageblock represents one run of them, or all but one
//!   run; other sets are bitmaps, as many as the given memory has room for. [`Zone::isolate`] keeps free frames from
//!   being allocated. A zone of [`Zone::without_metadata`] has no metadata either, until metadata is attached.
//! - **Requests** are checked against watermarks: [`Zone::set_watermarks`] and [`Zone::allows`].
//!
//! Modules, each standing on those before it:
//!
//! - what a pageblock is: `limits`, `bitmap`, `extent`, `migrate_group`, `pageblock`;
//! - where metadata is: `backing`, `bitmap_pool`, `free_index`, `layout`, `handed_out`;
//! - frames, for a caller that holds the lock: `free_frames` (the state and its invariants), `managed`, `ranges`,
//!   `buddy`;
//! - the zone, which has the lock: `allocator`, with `watermark_check` and `counters` that need no lock;
//! - its operations: `bulk`, `contig`, `hotplug`, `zone_set`, `metadata`, `boot_layout`, `refill`, `fork`.
//!
//! ```
//! use zonelist_core::{Mobility, NodeId, Pfn, Zone, ZoneId, ZoneKind, sync::Spin, zone::Order};
//! let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Dma32);
//! let mut words = [0; Zone::<Spin>::words(Pfn::range(4096..8192))];
//! let zone = Zone::new(id, Pfn::range(4096..8192), Order::MAX, &mut words, Spin::new())?;
//! zone.add(Pfn::range(4096..8192))?;
//! zone.remove(Pfn::range(4096..4196))?; // the kernel's image
//!
//! let order = Order::PAGEBLOCK;
//! let huge = zone.alloc(order, Mobility::Movable).unwrap();
//! assert!(huge.is_aligned(order) && zone.free_pages() == 4096 - 100 - 512);
//! zone.free(huge, order)?;
//! assert_eq!(zone.free(huge, order).unwrap_err().to_string(), "some of the block is free already; expected one that is handed out");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allocator;
mod backing;
mod bitmap;
mod bitmap_pool;
mod boot_layout;
mod buddy;
mod bulk;
mod contig;
mod counters;
mod error;
mod extent;
mod fork;
mod free_frames;
mod free_index;
#[cfg(feature = "checked")]
mod handed_out;
mod hotplug;
mod layout;
mod limits;
mod managed;
mod metadata;
mod migrate_group;
mod pageblock;
mod ranges;
mod refill;
mod urgency;
mod watermark_check;
mod zone_set;

pub use crate::ids::Order;
pub use allocator::Zone;
pub(crate) use counters::count;
pub use error::{BootLayoutError, FreeError, RangeError, UnknownOwner, ZoneError};
pub use limits::PAGEBLOCK_FRAMES;
pub(crate) use limits::{PFN_BITS, PFN_LIMIT};
pub use metadata::ZoneMetadata;
pub use migrate_group::Mobility;
pub use pageblock::Pageblock;
pub(crate) use refill::Refilled;
pub use urgency::Urgency;
pub(crate) use watermark_check::WatermarkCounters;
pub use watermark_check::{WatermarkLevel, ZoneWatermarks};
