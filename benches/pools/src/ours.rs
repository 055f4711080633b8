//! Our page allocator over each scheme: one node, whose list has one zone with the watermarks of Linux.

use std::error::Error;

use zonelist_core::{
    LocalHandle, Mobility, NodeId, Page, PageAllocator, PageRequest, Pfn, Zone, ZoneId, ZoneKind, Zoneref,
    page_alloc::PreparedRequest,
    publish::{Platform, Published, ReaderSlots, Standard},
    sync::Spin,
    table::{Capacity, Slot},
    zone::{Order, ZoneWatermarks},
    zonelist::{NodeSpan, ZonelistsRef},
};
use zonelist_inplace::InPlace;
use zonelist_schemes::{Buildable, SchemeId, Visitor, asymmetric};

use super::{
    pool::{BlockRef, Pool, PoolError},
    run_config::{RunConfig, WorkloadError},
    workloads::{Outcome, Workload, pairs},
};

/// Handles of a pool: one for each thread of a workload, one for the setup, and a spare.
const HANDLES: usize = 4;

/// Our allocator over a scheme and a barrier pair.
pub(super) struct Ours<S: Buildable, P: Platform<Lock = Spin>> {
    allocator: PageAllocator<'static, S, P>,
}

/// A handle of our allocator, with a prepared request for each order and mobility.
pub(super) struct OurHandle<'p, S: Buildable, P: Platform<Lock = Spin>> {
    local: LocalHandle<'p, 'static, S, P>,
    /// By [`index`]; entries above the largest order have order 0.
    prepared: Box<[PreparedRequest<S>; PREPARED]>,
}

/// Prepared requests of a handle: a power of two, so that the remainder in [`index`] is a mask without a bounds check.
const PREPARED: usize = 32;

/// The index of the prepared request for an order and mobility.
fn index(order: u8, movable: bool) -> usize {
    (usize::from(order) << 1 | usize::from(movable)) % PREPARED
}

/// The node whose list is walked.
const NODE: NodeId = NodeId::new(0).unwrap();

/// A request of either mobility, which the one zone serves.
fn request(order: Order, mobility: Mobility) -> PageRequest {
    PageRequest::up_to(ZoneKind::Normal).order(order).mobility(mobility)
}

/// The watermarks of a zone with this number of frames of 4 KiB.
///
/// As Linux computes them: min is the square root of 16 times the zone's KiB, in KiB. The distance between watermarks
/// is a quarter of min, at least a thousandth of the zone.
fn watermarks(frames: u64) -> ZoneWatermarks {
    let min = (frames * 4 * 16).isqrt() / 4;
    let gap = (min / 4).max(frames / 1000);
    ZoneWatermarks { min, low: min + gap, high: min + 2 * gap, ..ZoneWatermarks::default() }
}

impl<S: Buildable, P: Platform<Lock = Spin>> Pool for Ours<S, P> {
    type Handle<'p>
        = OurHandle<'p, S, P>
    where
        Self: 'p;

    fn new(frames: usize, _: usize) -> Result<Self, PoolError> {
        let made = || -> Result<Self, Box<dyn Error>> {
            let zone = ZoneId::new(NODE, ZoneKind::Normal);
            let (zonerefs, rows) = ([Zoneref::new(zone)], [NodeSpan { start: 0, len: 1, own: 1 }]);
            let lists = ZonelistsRef::new(&zonerefs, &rows)?;
            let published = Published::with_platform(S::build(Capacity::of(lists)), ReaderSlots::boxed(HANDLES));
            published.publish(lists)?;
            let frames = 0..frames as u64;
            let zone = Zone::boxed(zone, Pfn::range(frames.clone()), Order::MAX, Spin::new())?;
            zone.set_watermarks(&watermarks(frames.end));
            zone.add(Pfn::range(frames))?;
            let allocator = PageAllocator::boxed(published, vec![zone])?;
            // Errors of a handle show here, so that `handle` below can't fail.
            drop(OurHandle::new(&allocator)?);
            Ok(Self { allocator })
        };
        made().map_err(|error| PoolError::Refused { pool: S::FACTS.scheme, reason: error.to_string() })
    }

    fn handle(&self, _: usize) -> OurHandle<'_, S, P> {
        OurHandle::new(&self.allocator).unwrap_or_else(|error| unreachable!("no handle for this thread: {error}"))
    }

    fn alloc(handle: &mut OurHandle<'_, S, P>, order: u8, movable: bool) -> Option<BlockRef> {
        let prepared = &handle.prepared[index(order, movable)];
        let page = handle.local.alloc(NODE, prepared).ok()?;
        BlockRef::new(page.into_raw())
    }

    unsafe fn free(handle: &mut OurHandle<'_, S, P>, block: BlockRef, _: u8) {
        // A page carries its order.
        // SAFETY: the caller guarantees that `alloc` returned the block, and that it was not freed since; `alloc` has
        // ended the block's page.
        if let Some(page) = unsafe { Page::from_raw(block.get()) } {
            let _ = handle.local.free(page);
        }
    }
}

impl<'p, S: Buildable, P: Platform<Lock = Spin>> OurHandle<'p, S, P> {
    fn new(allocator: &'p PageAllocator<'static, S, P>) -> Result<Self, Box<dyn Error>> {
        let prepare = |index: usize| {
            let order = Order::new((index >> 1) as u8).unwrap_or(Order::ZERO);
            allocator.prepare(&request(order, Mobility::ALL[index % 2]))
        };
        let prepared: Vec<_> = (0..PREPARED).map(prepare).collect();
        let prepared = prepared.try_into().unwrap_or_else(|_| unreachable!("one request for each index"));
        Ok(Self { local: allocator.local()?, prepared })
    }
}

/// Runs any workload through our allocator, over [`BOUNDED_SCHEME`](super::BOUNDED_SCHEME).
pub(super) fn run_bounded(workload: Workload, config: &RunConfig<'_>) -> Result<Outcome, WorkloadError> {
    type Bounded = InPlace<Box<[Slot]>>;
    #[cfg(target_os = "linux")]
    if asymmetric() {
        use zonelist_core::publish::{Membarrier, Parts};
        return workload.run::<Ours<Bounded, Parts<Membarrier>>>(config);
    }
    workload.run::<Ours<Bounded, Standard>>(config)
}

/// Runs pairs of an allocation and a free of order 0 through our allocator, over any scheme.
pub(super) fn run_pairs(
    scheme: SchemeId,
    workload: Workload,
    config: &RunConfig<'_>,
) -> Result<Outcome, WorkloadError> {
    struct OfPairs<'c>(RunConfig<'c>);

    impl Visitor for OfPairs<'_> {
        type Output = Result<Outcome, WorkloadError>;
        const TIMED: bool = true;

        const MAX_ZONES: usize = CAPACITY.zones();

        fn capacity(&self) -> Capacity {
            CAPACITY
        }

        fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
            pairs::run::<Ours<S, P>>(&self.0, 0)
        }
    }

    scheme.visit(&mut OfPairs(RunConfig { threads: workload.threads, ..*config }))
}

/// One node, whose list has one zone.
const CAPACITY: Capacity = Capacity::new(1, 1).unwrap();
