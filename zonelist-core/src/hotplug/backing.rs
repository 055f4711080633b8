//! What is behind the frames of a zone, where it is not always there.

use alloc::sync::Arc;
use core::ops::Range;

use crate::ZoneId;

/// Real memory behind frames: made to be there when they come, and given back when they go.
///
/// Called within an operation on the machine, with the frames out of reach: it may allocate from the allocator, publish
/// and drain, but do no operation (that is refused, as [`Frames`](super::Frames) says). A panic in
/// [`commit`](Backing::commit) is as its error; one in [`release`](Backing::release) changes nothing: the frames are
/// gone from their zone, and come again as any others.
///
/// `()` is for frames that are there anyway.
///
/// A safe trait: the library touches no frame. What uses pages relies on the backing, and on it alone, for that there is memory
/// behind them.
pub trait Backing {
    /// Sees to it that there is memory behind the frames.
    ///
    /// # Errors
    /// There is none. Nothing has changed.
    fn commit(&self, zone: ZoneId, frames: Range<u64>) -> Result<(), BackingError>;

    /// Gives the memory back. What was in it is lost.
    fn release(&self, zone: ZoneId, frames: Range<u64>);
}

/// There is no memory behind frames that come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no memory behind frames {} to {} (system error {errno}); expected the system to have some", .frames.0, .frames.1)]
pub struct BackingError {
    /// The first frame, and the one behind the last.
    pub frames: (u64, u64),
    /// The system's error number; 0 if it did not say.
    pub errno: i32,
}

impl Backing for () {
    fn commit(&self, _: ZoneId, _: Range<u64>) -> Result<(), BackingError> {
        Ok(())
    }

    fn release(&self, _: ZoneId, _: Range<u64>) {}
}

impl<K: Backing + ?Sized> Backing for Arc<K> {
    fn commit(&self, zone: ZoneId, frames: Range<u64>) -> Result<(), BackingError> {
        (**self).commit(zone, frames)
    }

    fn release(&self, zone: ZoneId, frames: Range<u64>) {
        (**self).release(zone, frames);
    }
}

impl<K: Backing + ?Sized> Backing for &K {
    fn commit(&self, zone: ZoneId, frames: Range<u64>) -> Result<(), BackingError> {
        (**self).commit(zone, frames)
    }

    fn release(&self, zone: ZoneId, frames: Range<u64>) {
        (**self).release(zone, frames);
    }
}
