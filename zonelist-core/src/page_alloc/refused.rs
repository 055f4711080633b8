//! What a refused request says of each zone: found when it is refused, so that requests that are served cost nothing.

use core::mem;

use super::{LocalHandle, PreparedRequest, Refusal};
use crate::{
    NodeId, RawLock, Scope, ZoneId,
    publish::{Barrier, Scheme},
    zone::count,
};

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> LocalHandle<'_, '_, S, B, L, READERS> {
    /// Says why each zone did not serve a request, from now on until another one is refused. Waits for nothing.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(&mut self, node: NodeId, class: &PreparedRequest<S>) {
        let Self { allocator, attempt, .. } = self;
        for (zone, why) in attempt.refused_mut() {
            let Some(zone) = allocator.pool.zone(*zone) else { continue };
            count(&zone.counters().failures);
            *why = match (*why, zone.max_order()) {
                // However many pages there were.
                (Refusal::Mark { .. }, max_order) if class.tag.order() > max_order => Refusal::Order { max_order },
                (why, _) => with_isolated(why, zone.watermark_counters().isolated(), 1 + class.further),
            };
        }
        let whole = attempt.is_whole();
        for zone in allocator.zones() {
            let id = zone.id();
            let why = ruled_out(id, node, class).or_else(|| {
                let unlisted = whole && !attempt.refused().any(|(asked, _)| asked == id);
                unlisted.then_some(Refusal::NotListed)
            });
            why.into_iter().for_each(|why| attempt.note_passed_over(id, why));
        }
        mem::swap(&mut self.failure, attempt);
    }
}

/// Why the request rules a zone out, if it does: then no walk has shown it.
fn ruled_out<S: Scheme>(zone: ZoneId, node: NodeId, class: &PreparedRequest<S>) -> Option<Refusal> {
    let request = &class.zones;
    if zone.kind() > request.highest {
        return Some(Refusal::Kind { highest: request.highest });
    }
    if !request.admits(zone) {
        return Some(Refusal::Nodes);
    }
    (request.scope == Scope::ThisNode && zone.node() != node).then_some(Refusal::Scope { node })
}

/// The reason, or that the pages which are wanting are there, but isolated.
fn with_isolated(why: Refusal, isolated: usize, frames: usize) -> Refusal {
    match why {
        Refusal::Mark { free, needed } if isolated > 0 && free + isolated >= needed => {
            Refusal::Isolated { free, isolated }
        }
        Refusal::NoBlock { free } if isolated >= frames => Refusal::Isolated { free, isolated },
        why => why,
    }
}
