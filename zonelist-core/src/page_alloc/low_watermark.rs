//! Reports that a zone has fallen below its low watermark.
//!
//! A request that must not block, or that a hotplug operation makes, defers its report: it sets a flag of the zone, and
//! then one of the allocator. Requests that may block read the allocator's flag alone while no report is due.

use core::mem;

use super::{PageAllocator, slow_path::OnUnwind};
use crate::{
    Zone,
    publish::{Platform, Scheme},
    sync::unmodelled::Ordering::{AcqRel, Acquire, Release},
};

impl<S: Scheme, P: Platform> PageAllocator<'_, S, P> {
    /// Calls `on_low` for a zone that has just fallen below its low watermark.
    pub(super) fn report_low(&self, zone: &Zone<'_, P::Lock>) {
        if let Some(call) = self.pool.on_low {
            // This report includes a deferred one. Before the call, in which the zone may fall below again. Release:
            // pairs with the acquire of the zone's swap in `report_deferred_low`.
            zone.counters().low_unreported.store(false, Release);
            call(zone.id(), zone.free_pages());
        }
    }

    /// Defers the report of a zone to a request that may make the call.
    pub(super) fn defer_low(&self, zone: &Zone<'_, P::Lock>) {
        if self.pool.on_low.is_some() {
            // Release: pairs with the acquire of the zone's swap in `report_deferred_low`.
            zone.counters().low_unreported.store(true, Release);
            // Release: pairs with the acquire in `report_deferred_low`, which then finds the zone's flag set.
            self.pool.low_unreported.store(true, Release);
        }
    }

    /// Makes the deferred reports of zones that are still below their low watermarks.
    pub(crate) fn report_deferred_low(&self) {
        // Acquire: pairs with the release in `defer_low`. The load keeps the read-modify-write off the usual path.
        if !self.pool.low_unreported.load(Acquire) || !self.pool.low_unreported.swap(false, AcqRel) {
            return;
        }
        // The call may panic, and reports of other zones may be due. Release: as in `defer_low`, pairs with the acquire
        // above in a later call.
        let set_again = OnUnwind(|| self.pool.low_unreported.store(true, Release));
        for zone in self.pool.zones.iter() {
            // The swap claims the report, so that no other thread makes it too. AcqRel: its acquire pairs with the
            // releases in `defer_low` and `report_low`.
            if zone.counters().low_unreported.swap(false, AcqRel) && zone.free_pages() < zone.watermark_counters().low()
            {
                self.report_low(zone);
            }
        }
        mem::forget(set_again);
    }
}
