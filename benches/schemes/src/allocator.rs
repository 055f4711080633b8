//! Small page allocators, for schemes to be run in.

use zonelist_core::{
    FreeError, MAX_ORDER, Marks, OrderError, OutOfMemory, PageAllocator, RangeError, RowError, SetupError, Spin, Zone,
    ZoneError, ZoneId,
    hotplug::FramesError,
    publish::{Barrier, BarrierError, PublishError, Published, ReaderError, Scheme},
};

/// An allocator that could not be set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name")]
pub enum AllocatorError {
    #[error(transparent)]
    Row(#[from] RowError),
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
    Order(#[from] OrderError),
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
    #[error(transparent)]
    Free(#[from] FreeError),
    #[error(transparent)]
    Frames(#[from] FramesError),
    #[error(transparent)]
    Barrier(#[from] BarrierError),
}

/// A zone to be: its name, how many frames it has, and its marks.
pub type Plan = (ZoneId, u64, Marks);

/// Page allocators, as this package uses them.
pub type Allocator<S, B, const SEATS: usize> = PageAllocator<'static, S, B, Spin, SEATS>;

/// An allocator over these zones, one behind the other from frame 0 on.
///
/// # Errors
/// There is no zone, or one comes twice or has no frame.
pub fn allocator<S: Scheme, B: Barrier, const SEATS: usize>(
    published: Published<S, B, SEATS>,
    plans: &[Plan],
) -> Result<Allocator<S, B, SEATS>, AllocatorError> {
    let mut start = 0;
    let zone = |&(id, frames, ref marks): &Plan| -> Result<_, AllocatorError> {
        let frames = start..start + frames;
        start = frames.end;
        let zone = Zone::boxed(id, frames.clone(), MAX_ORDER, Spin::new())?;
        zone.add(frames)?;
        zone.set_marks(marks);
        Ok(zone)
    };
    let zones = plans.iter().map(zone).collect::<Result<_, _>>()?;
    Ok(PageAllocator::boxed(published, zones)?)
}
