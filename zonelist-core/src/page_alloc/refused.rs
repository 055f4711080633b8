//! The report of a refused request: computed when it is refused, so that requests that succeed cost nothing.

use core::mem;

use super::{LocalHandle, PreparedRequest, Refusal};
use crate::{
    NodeId, ZoneId,
    publish::{Platform, Scheme},
    zone::count,
    zonelist::Scope,
};

impl<S: Scheme, P: Platform> LocalHandle<'_, '_, S, P> {
    /// Completes the report of the last walk and makes it the handle's [`failure`](LocalHandle::failure). Waits for
    /// nothing.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(&mut self, node: NodeId, request: &PreparedRequest<S>) {
        let Self { allocator, attempt, .. } = self;
        // Zones that the walk has shown: each has refused already.
        for (zone, refusal) in attempt.refused_mut() {
            let Some(zone) = allocator.pool.zone(*zone) else { continue };
            count(&zone.counters().failures);
            *refusal = match (*refusal, zone.max_order()) {
                // The walk compared the pages first, but this zone could not serve with any number of them.
                (Refusal::Watermark { .. }, max_order) if request.tag.order() > max_order => {
                    Refusal::Order { max_order }
                }
                (refusal, _) => with_isolated(refusal, zone.watermark_counters().isolated(), 1 + request.further),
            };
        }
        // The other zones: ruled out by the request, or absent from the list. Only a whole walk shows the latter.
        let whole = attempt.is_whole();
        for zone in allocator.zones() {
            let id = zone.id();
            let refusal = ruled_out(id, node, request).or_else(|| {
                let unlisted = whole && !attempt.refused().any(|(tried, _)| tried == id);
                unlisted.then_some(Refusal::NotListed)
            });
            refusal.into_iter().for_each(|refusal| attempt.note_passed_over(id, refusal));
        }
        // A swap, since the report is large; the old one is overwritten by the next walk.
        mem::swap(&mut self.failure, attempt);
    }
}

/// Why the request rules a zone out, if it does. No walk shows such a zone.
fn ruled_out<S: Scheme>(zone: ZoneId, node: NodeId, request: &PreparedRequest<S>) -> Option<Refusal> {
    let zones = &request.zones;
    if zone.kind() > zones.highest {
        return Some(Refusal::Kind { highest: zones.highest });
    }
    if !zones.admits(zone) {
        return Some(Refusal::Nodes);
    }
    (zones.scope == Scope::ThisNode && zone.node() != node).then_some(Refusal::Scope { node })
}

/// The refusal, or [`Refusal::Isolated`] if isolated pages would make up for the missing ones.
fn with_isolated(refusal: Refusal, isolated: usize, frames: usize) -> Refusal {
    match refusal {
        Refusal::Watermark { free, needed } if isolated > 0 && free + isolated >= needed => {
            Refusal::Isolated { free, isolated }
        }
        Refusal::NoBlock { free } if isolated >= frames => Refusal::Isolated { free, isolated },
        refusal => refusal,
    }
}
