//! Reporting that a zone has fallen below its low mark.

use core::mem;

use super::{PageAllocator, slow_path::OnUnwind};
use crate::{
    RawLock, Zone,
    publish::{Barrier, Scheme},
    sync::unmodelled::Ordering::{AcqRel, Acquire, Release},
};

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> PageAllocator<'_, S, B, L, READERS> {
    /// Calls what is to be called for a zone that has just fallen below its low mark.
    pub(super) fn report_low(&self, zone: &Zone<'_, L>) {
        if let Some(call) = self.pool.on_low {
            zone.counters().low_unreported.store(false, Release);
            call(zone.id(), zone.free_pages());
        }
    }

    /// Puts that off, since the caller could not bear the call.
    pub(super) fn defer_low(&self, zone: &Zone<'_, L>) {
        if self.pool.on_low.is_some() {
            zone.counters().low_unreported.store(true, Release);
            self.pool.low_unreported.store(true, Release);
        }
    }

    /// Calls what was put off, of zones that are still below their marks.
    pub(crate) fn report_deferred(&self) {
        if !self.pool.low_unreported.load(Acquire) || !self.pool.low_unreported.swap(false, AcqRel) {
            return;
        }
        // The call may panic, and other zones have theirs due.
        let again = OnUnwind(|| self.pool.low_unreported.store(true, Release));
        for zone in self.pool.zones.iter() {
            if zone.counters().low_unreported.swap(false, AcqRel) && zone.free_pages() < zone.watermark_counters().low()
            {
                self.report_low(zone);
            }
        }
        mem::forget(again);
    }
}
