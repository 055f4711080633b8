//! The hotplug driver: the thread that takes the block offline and online without pause.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use zonelist_core::{
    hotplug::{Deadline, HotplugError, OnlineTo, Operation, ProviderError, StopReason, Until},
    publish::Platform,
    sync::Spin,
};
use zonelist_schemes::Buildable;

use super::{error::StormError, fixture::Fixture, outcome::Counts};

/// The deadline for pages in use.
const PATIENCE: Duration = Duration::from_millis(50);

/// Time for a worker to pin a page before an attempt that should find one.
const PAUSE: Duration = Duration::from_millis(1);

/// Toggles the block until `stop` is set, and leaves it online.
pub(super) fn run<S: Buildable, P: Platform<Lock = Spin>>(
    fixture: &Fixture<S, P>,
    stop: &AtomicBool,
) -> Result<Counts, StormError> {
    let mut counts = Counts::default();
    let block = fixture.block;
    // Relaxed, with the store in `Storm::run_jobs`.
    while !stop.load(Relaxed) {
        if fixture.wants_pin() {
            thread::sleep(PAUSE);
        }
        let mut deadline = Until::after(PATIENCE);
        let mut limit = || if stop.load(Relaxed) { Err(StopReason::Cancelled) } else { deadline.check() };
        let offline = fixture.running.apply_within(&Operation::Offline { block }, &mut limit);
        // Relaxed, with the load in `Fixture::wants_pin`: the value carries no data.
        fixture.attempts.fetch_add(1, Relaxed);
        match offline {
            Ok(_) => counts.toggles += 1,
            Err(HotplugError::Provider {
                error: ProviderError::Pinned { .. } | ProviderError::InUse { .. }, ..
            }) => {
                counts.refused += 1;
                // The holder of the page may need this CPU to free it.
                thread::yield_now();
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        fixture.running.apply(&Operation::Online { block, to: OnlineTo::Movable })?;
        counts.toggles += 1;
    }
    Ok(counts)
}
