//! A model of a grace period: `synchronize` returns after the walks that it has to wait for.

use std::{format, sync::Arc};

use super::{Bound, Explored, NORMAL, explore::explore_both, node, publish};
use crate::{
    Request, ZoneKind,
    publish::{Platform, Published, Reclaim},
    sync::{
        Track,
        traced::{Log, membarrier},
    },
};

/// Explores that `synchronize` waits: a walk of the version before has ended when it returns.
///
/// A reader walks `[N]` while another thread publishes the empty list, calls `synchronize`, and writes to memory that
/// only walks of `[N]` read.
///
/// # Panics
/// If nothing orders such a read before that write. Also if the walk met the zone in every interleaving, or in none.
pub fn explore_retirement<S, P>(
    name: &str,
    bound: Bound,
    make: impl Fn() -> Published<S, P> + Copy + Sync + Send + 'static,
) -> Explored
where
    S: Reclaim + Send + 'static,
    P: Platform,
{
    explore_both(
        name,
        bound,
        move || met_beside_a_retirement(make()),
        |seen, unseen| {
            format!(
                "2 threads, up to 1 zones, 1 publishes, 1 walks; the zone was met in {seen}, and not met in {unseen}"
            )
        },
    )
}

/// Walks while another thread retires the only zone. True if the walk meets that zone.
fn met_beside_a_retirement<S, P>(published: Published<S, P>) -> bool
where
    S: Reclaim + Send + 'static,
    P: Platform,
{
    let shared = Arc::new((published, Track::default()));
    publish(&shared.0, &[NORMAL]);
    Log::call("reader");
    Log::from_here();
    let retirer = loom::thread::spawn({
        let shared = Arc::clone(&shared);
        move || {
            Log::call("retirer");
            publish(&shared.0, &[]);
            Log::say("waits for a grace period");
            shared.0.synchronize().expect("a barrier pair that works");
            // The write stands for freeing the memory: loom reports a read that nothing orders before it.
            Log::say("frees what only walks over V1 may meet");
            shared.1.write();
        }
    });
    let (published, zone) = &*shared;
    let filter = published.filter(&Request::up_to(ZoneKind::Normal));
    let mut reader = published.reader().expect("a reader slot");
    let guard = reader.enter();
    let met = guard.walk(node(), &filter).next().is_some();
    if met {
        Log::say("reads what it has met");
        zone.read();
    }
    // Also ends the quiescent reader's online time, without which the retirer would wait for ever.
    drop(guard);
    drop(reader);
    membarrier::join(retirer);
    met
}
