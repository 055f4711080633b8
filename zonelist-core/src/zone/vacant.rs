//! A zone without metadata: one that can have frames, once there is a node for it.

use core::ops::Range;

use super::{RangeError, Zone, ZoneError, frames::Frames, line, memory::Memory};
use crate::{RawLock, ZoneId};

/// What a zone knew its frames by: see [`Zone::vacate`]. Given back to the heap when dropped, if it came from there.
#[derive(Debug)]
#[expect(dead_code, reason = "it is only kept, and dropped")]
pub struct ZoneMetadata<'m> {
    lines: Memory<'m, line::Line>,
    blocks: Memory<'m, u64>,
    sets: Memory<'m, u64>,
    bitmaps: Memory<'m, line::Line>,
    #[cfg(feature = "checked")]
    handed_out: Memory<'m, u64>,
}

impl<'m, L: RawLock> Zone<'m, L> {
    /// A zone that has no metadata yet, and so can have no frames: it costs some 300 bytes, whatever its span.
    ///
    /// # Errors
    /// As for [`Zone::new`].
    ///
    /// ```
    /// use zonelist_core::{NodeId, Spin, Zone, ZoneId, ZoneKind};
    /// let id = ZoneId::new(NodeId::new(1).unwrap(), ZoneKind::Movable);
    /// let zone = Zone::vacant(id, 0..1 << 30, 10, Spin::new())?;
    /// assert!(zone.add(0..512).is_err() && zone.is_vacant());
    ///
    /// zone.furnish()?;
    /// zone.add(0..512)?;
    /// assert!(zone.vacate().is_none(), "it has frames");
    /// zone.withdraw(0..512)?;
    /// drop(zone.vacate());
    /// assert!(zone.is_vacant());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn vacant(id: ZoneId, span: Range<u64>, max_order: u8, lock: L) -> Result<Self, ZoneError> {
        Self::check(&span, max_order)?;
        Ok(Self::over(id, span, max_order, Frames::none(), lock))
    }

    /// Whether it has no metadata.
    #[must_use]
    pub fn is_vacant(&self) -> bool {
        self.frames.with(|frames| frames.is_none())
    }

    /// Gives a vacant zone its metadata, from the heap. Does nothing to one that has it.
    ///
    /// # Errors
    /// The heap has not so much.
    #[cfg(feature = "alloc")]
    pub fn furnish(&self) -> Result<(), ZoneError> {
        if self.is_vacant() {
            let frames = Frames::on_heap(&super::Layout::of(self.span.start, self.span.end))?;
            // Somebody else may have been faster: then ours is dropped, outside of the lock.
            let _late =
                self.frames.with(|there| if there.is_none() { core::mem::replace(there, frames) } else { frames });
        }
        Ok(())
    }

    /// Takes the metadata away, and leaves the zone vacant. `None` if it has frames, or has no metadata.
    ///
    /// Whoever comes to the zone by an old list then finds that it has nothing. So the metadata may
    /// be dropped at once; the zone itself stays, as a name that lists may hold.
    pub fn vacate(&self) -> Option<ZoneMetadata<'m>> {
        let taken = self.frames.with(|frames| {
            (frames.managed == 0 && !frames.is_none()).then(|| core::mem::replace(frames, Frames::none()))
        })?;
        let Frames { lines, blocks, sets, bitmaps, .. } = taken;
        #[cfg(feature = "checked")]
        let handed_out = taken.handed_out.into_memory();
        Some(ZoneMetadata {
            lines,
            blocks,
            sets,
            bitmaps: bitmaps.into_memory(),
            #[cfg(feature = "checked")]
            handed_out,
        })
    }

    /// The first frame of a range that is not free, in reach or not; `None` if all of them are.
    ///
    /// # Errors
    /// The range is not within the span.
    pub fn first_in_use(&self, pfns: Range<u64>) -> Result<Option<u64>, RangeError> {
        let range = self.numbers(&pfns)?;
        Ok(self.frames.with(|frames| frames.first_in_use(range)).map(|frame| self.pfn(frame)))
    }
}
