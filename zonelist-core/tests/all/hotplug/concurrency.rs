//! Operations of several threads at once, on the same and on different blocks: serialised, and none lost.

use std::thread;

use zonelist_core::{
    ZoneKind,
    hotplug::{Change, HotplugError, OnlineTo, Operation},
};

use super::{Call, CallLog, offline, online, running, state, support::Puppet};

/// Operations of each thread.
const PER_THREAD: usize = 2000;

/// One thread has block 2 to itself; all of them compete for the spare blocks.
fn operations(thread: usize) -> impl Iterator<Item = Operation> {
    let mut random = random_numbers(thread as u64 + 1);
    (0..PER_THREAD).map(move |nth| match (thread, nth % 3) {
        (0, 0) => offline(2),
        (0, 1) => online(2, OnlineTo::Auto),
        _ => {
            let block = [3, 4, 10, 11][random() as usize % 4];
            let to = [OnlineTo::Movable, OnlineTo::Kernel][random() as usize % 2];
            if random() % 2 == 0 { offline(block) } else { online(block, to) }
        }
    })
}

/// A linear congruential generator.
fn random_numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

#[test]
fn concurrent_operations_are_serialised_and_none_is_lost() {
    let running = running(Puppet::new(), CallLog::default());
    let results: Vec<(Operation, Result<Change, HotplugError>)> = thread::scope(|scope| {
        let running = &running;
        let work = |thread| move || operations(thread).map(|op| (op.clone(), running.apply(&op))).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(work(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });

    // The hook is called within each operation, so its log has the sequence in which they were done.
    let calls = running.provider().hook.calls();
    let done = results.iter().filter(|(_, result)| result.is_ok()).count();
    assert_eq!(calls.len(), done, "each success is in the log once");
    assert!(done > PER_THREAD && done < results.len(), "{done} of {} were done", results.len());

    let mut replayed = state();
    let mut rebuilds = 0;
    for call in calls {
        let operation = match call {
            Call::Isolate(_, block) => offline(block),
            Call::FinishOnline(zone, block) => online(block, OnlineTo::Kind(zone.kind())),
        };
        let (next, change) =
            replayed.after(&operation).expect("operations that were done can be replayed in their sequence");
        rebuilds += usize::from(change.rebuilt.is_some());
        replayed = next;
    }
    assert_eq!(*running.state(), replayed);
    let rebuilt = results.iter().filter(|(_, result)| matches!(result, Ok(Change { rebuilt: Some(_), .. }))).count();
    assert_eq!((rebuilt, rebuilds > 100), (rebuilds, true));

    for (operation, result) in results {
        let Err(error) = result else { continue };
        let expected = match operation {
            Operation::Offline { .. } => matches!(error, HotplugError::AlreadyOffline { .. }),
            _ => matches!(error, HotplugError::AlreadyOnline { .. }),
        };
        assert!(expected, "{error}");
    }
    let kinds: Vec<ZoneKind> = running.state().zones().map(|info| info.size.zone.kind()).collect();
    assert!(kinds.len() >= 3);
}
