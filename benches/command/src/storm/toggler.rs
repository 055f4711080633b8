//! The thread that takes the block off line and brings it back, as fast as it can.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use zonelist_core::{
    hotplug::{FramesError, HotplugError, Limit, OnlineTo, Operation, Stop, Until},
    publish::Barrier,
};
use zonelist_schemes::Buildable;

use super::{Counts, StormError, ground::Ground};

/// For so long pages in use are waited for.
const PATIENCE: Duration = Duration::from_millis(50);

/// For so long others may get to a page that is to be pinned.
const PAUSE: Duration = Duration::from_millis(1);

/// Toggles until it is told to stop, and leaves the block online.
pub(super) fn toggle<S: Buildable, B: Barrier>(ground: &Ground<S, B>, stop: &AtomicBool) -> Result<Counts, StormError> {
    let mut counts = Counts::default();
    let block = ground.block;
    while !stop.load(Relaxed) {
        if ground.wants_pin() {
            thread::sleep(PAUSE);
        }
        let mut deadline = Until::after(PATIENCE);
        let mut limit = || if stop.load(Relaxed) { Err(Stop::Cancelled) } else { deadline.go_on() };
        let taken = ground.running.apply_within(&Operation::Offline { block }, &mut limit);
        ground.tries.fetch_add(1, Relaxed);
        match taken {
            Ok(_) => counts.toggles += 1,
            Err(HotplugError::Frames { error: FramesError::Pinned { .. } | FramesError::InUse { .. }, .. }) => {
                counts.refused += 1;
                // Whoever has the page may need this CPU to let it go.
                thread::yield_now();
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        ground.running.apply(&Operation::Online { block, to: OnlineTo::Movable })?;
        counts.toggles += 1;
    }
    Ok(counts)
}
