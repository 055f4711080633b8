//! The memory behind page frames, where it is committed and released with them.

use alloc::sync::Arc;
use core::ops::Range;

use crate::{Pfn, ZoneId};

/// Real memory behind frames: committed when the frames go online, released when they go offline. A free of a page
/// releases nothing.
///
/// Called within an operation on the machine, with the frames isolated. A backing may allocate from the allocator,
/// publish and drain, but an operation is refused, as [`PageProvider`](super::PageProvider) says. A panic in
/// [`commit`](Backing::commit) counts as its error. After a panic in [`release`](Backing::release) the frames have left
/// their zone all the same, and can go online again.
///
/// `()` is for frames that always have memory.
///
/// A safe trait: the library accesses no frame. Users of pages rely on the backing alone for the memory behind them.
pub trait Backing {
    /// Commits memory behind the frames.
    ///
    /// # Errors
    /// There is no memory. Nothing has changed.
    fn commit(&self, zone: ZoneId, frames: Range<Pfn>) -> Result<(), BackingError>;

    /// Releases the memory: its contents are lost.
    fn release(&self, zone: ZoneId, frames: Range<Pfn>);
}

/// There is no memory for frames that go online.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no memory behind frames {} to {} (system error {errno}); expected the system to have some", .frames.0, .frames.1)]
pub struct BackingError {
    /// The first frame, and the end.
    pub frames: (Pfn, Pfn),
    /// The system's error number; 0 if there is none.
    pub errno: i32,
}

impl Backing for () {
    fn commit(&self, _: ZoneId, _: Range<Pfn>) -> Result<(), BackingError> {
        Ok(())
    }

    fn release(&self, _: ZoneId, _: Range<Pfn>) {}
}

impl<K: Backing + ?Sized> Backing for Arc<K> {
    fn commit(&self, zone: ZoneId, frames: Range<Pfn>) -> Result<(), BackingError> {
        (**self).commit(zone, frames)
    }

    fn release(&self, zone: ZoneId, frames: Range<Pfn>) {
        (**self).release(zone, frames);
    }
}

impl<K: Backing + ?Sized> Backing for &K {
    fn commit(&self, zone: ZoneId, frames: Range<Pfn>) -> Result<(), BackingError> {
        (**self).commit(zone, frames)
    }

    fn release(&self, zone: ZoneId, frames: Range<Pfn>) {
        (**self).release(zone, frames);
    }
}
