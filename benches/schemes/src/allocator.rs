//! Small page allocators over a scheme, for tests and benches.

use zonelist_core::{
    PageAllocator, Pfn, Zone, ZoneId,
    hotplug::ProviderError,
    page_alloc::{NotFreed, OutOfMemory, SetupError},
    publish::{BarrierError, Platform, PublishError, Published, ReaderError, Scheme},
    sync::Spin,
    zone::{FreeError, Order, RangeError, ZoneError, ZoneWatermarks},
    zonelist::NodeSpanError,
};

/// Why an allocator could not be set up or used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name")]
pub enum AllocatorError {
    #[error(transparent)]
    NodeSpan(#[from] NodeSpanError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Reader(#[from] ReaderError),
    #[error(transparent)]
    Zone(#[from] ZoneError),
    #[error(transparent)]
    Range(#[from] RangeError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
    #[error(transparent)]
    Free(FreeError),
    #[error(transparent)]
    Frames(#[from] ProviderError),
    #[error(transparent)]
    Barrier(#[from] BarrierError),
}

impl From<NotFreed> for AllocatorError {
    /// Leaks the page: a bench or test whose free fails has no use for it.
    fn from(not_freed: NotFreed) -> Self {
        Self::Free(not_freed.error)
    }
}

/// A zone to make: its id, its number of page frames, and its watermarks.
pub type ZonePlan = (ZoneId, u64, ZoneWatermarks);

/// A page allocator as this package makes it: its zones are on the heap.
pub type Allocator<S, P> = PageAllocator<'static, S, P>;

/// An allocator over these zones, whose page frames follow one another from frame 0 on.
///
/// # Errors
/// There is no zone, or some zone is given twice or has no page frame.
pub fn allocator<S: Scheme, P: Platform<Lock = Spin>>(
    published: Published<S, P>,
    plans: &[ZonePlan],
) -> Result<Allocator<S, P>, AllocatorError> {
    let mut start = Pfn::new(0);
    let zone = |&(id, frames, ref watermarks): &ZonePlan| -> Result<_, AllocatorError> {
        let frames = start..start + frames;
        start = frames.end;
        let zone = Zone::boxed(id, frames.clone(), Order::MAX, Spin::new())?;
        zone.add(frames)?;
        zone.set_watermarks(watermarks);
        Ok(zone)
    };
    let zones = plans.iter().map(zone).collect::<Result<_, _>>()?;
    Ok(PageAllocator::boxed(published, zones)?)
}
