//! A zone's metadata: attached before the zone gets frames, and detached when it has none.

use core::ops::Range;

#[cfg(feature = "alloc")]
use super::layout::Layout;
use super::{allocator::Zone, backing::Backing, bitmap::PageblockBitmap, error::ZoneError, free_frames::FreeFrames};
use crate::{Pfn, ZoneId, ids::Order, locking::RawLock};

/// The metadata that a zone had: see [`Zone::detach_metadata`]. Freed when dropped, if it is on the heap.
#[derive(Debug)]
#[expect(dead_code, reason = "it is only kept, and dropped")]
pub struct ZoneMetadata<'m> {
    free_bitmaps: Backing<'m, PageblockBitmap>,
    states: Backing<'m, u64>,
    index_words: Backing<'m, u64>,
    managed_bitmaps: Backing<'m, PageblockBitmap>,
    #[cfg(feature = "checked")]
    handed_out: Backing<'m, u64>,
}

impl<'m, L: RawLock> Zone<'m, L> {
    /// A zone without metadata, which can have no frames yet. Size: about 300 bytes for any span.
    ///
    /// # Errors
    /// The span is invalid, as for [`Zone::new`].
    ///
    /// ```
    /// use zonelist_core::{NodeId, Pfn, Zone, ZoneId, ZoneKind, sync::Spin, zone::Order};
    /// let id = ZoneId::new(NodeId::new(1).unwrap(), ZoneKind::Movable);
    /// let zone = Zone::without_metadata(id, Pfn::range(0..1 << 30), Order::MAX, Spin::new())?;
    /// assert!(zone.add(Pfn::range(0..512)).is_err() && !zone.has_metadata());
    ///
    /// zone.attach_metadata()?;
    /// zone.add(Pfn::range(0..512))?;
    /// assert!(zone.detach_metadata().is_none(), "it has frames");
    /// zone.remove(Pfn::range(0..512))?;
    /// drop(zone.detach_metadata());
    /// assert!(!zone.has_metadata());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn without_metadata(id: ZoneId, span: Range<Pfn>, max_order: Order, lock: L) -> Result<Self, ZoneError> {
        Self::check(id, &span)?;
        Ok(Self::over(id, span, max_order, FreeFrames::none(), lock))
    }

    /// True if the zone has metadata.
    #[must_use]
    pub fn has_metadata(&self) -> bool {
        self.frames.with(|frames| !frames.is_none())
    }

    /// Attaches metadata from the heap to a zone without metadata. Does nothing if the zone has metadata.
    ///
    /// # Errors
    /// The heap has too little memory.
    #[cfg(feature = "alloc")]
    pub fn attach_metadata(&self) -> Result<(), ZoneError> {
        if !self.has_metadata() {
            // The heap is called outside the lock: it may itself allocate from this zone.
            let frames = FreeFrames::on_heap(&Layout::of(&self.span))?;
            // Another thread may have been faster: then these are not needed, and are dropped outside the lock too.
            let _late =
                self.frames.with(|there| if there.is_none() { core::mem::replace(there, frames) } else { frames });
        }
        Ok(())
    }

    /// Detaches the metadata. `None` if the zone has frames, or no metadata.
    ///
    /// A request that reaches the zone through an old list finds the zone empty, so the metadata may be dropped at
    /// once. The zone itself stays, since lists may still name it.
    pub fn detach_metadata(&self) -> Option<ZoneMetadata<'m>> {
        let taken = self.frames.with(|frames| {
            // Checked and replaced under one lock: no frame is added in between.
            (frames.managed_count == 0 && !frames.is_none()).then(|| core::mem::replace(frames, FreeFrames::none()))
        })?;
        let FreeFrames { free_bitmaps, states, index_words, managed_bitmaps, .. } = taken;
        #[cfg(feature = "checked")]
        let handed_out = taken.handed_out.into_backing();
        Some(ZoneMetadata {
            free_bitmaps,
            states,
            index_words,
            managed_bitmaps: managed_bitmaps.into_backing(),
            #[cfg(feature = "checked")]
            handed_out,
        })
    }
}
