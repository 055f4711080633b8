//! Each reason for which a block stays online, and that the refusal has changed nothing.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use zonelist_core::{
    Pfn,
    hotplug::{BlockId, Errno, HotplugError, OnlineTo, Operation, ProviderError, StopReason, Until, UntilCancelled},
    page_alloc::MoveError,
    publish::ReaderSlots,
    zone::RangeError,
};

use super::{
    Behaviour, Handles, Owner, Running, movable, observed, offline, page_in_spare, running, spare, spare_frames,
};

/// Offlines the block with a movable page in it: expects a refusal that changes nothing. After `repair` it expects
/// success, with the page in another frame.
fn refused(
    owner: &Owner,
    why: ProviderError,
    errno: Errno,
    repair: impl FnOnce(&Running<'_>, zonelist_core::page_alloc::Handle),
) {
    let running = running(owner);
    let pages = running.provider().migration_source();
    let mut local = running.provider().allocator().local().unwrap();
    let page = page_in_spare(&running, &mut local);
    let pfn = page.pfn();
    let handle = pages.insert(page).unwrap();
    if matches!(why, ProviderError::Pinned { .. }) && *owner.behaviour.lock().unwrap() == Behaviour::Moves {
        pages.pin(handle).unwrap();
    }
    let before = observed(&running);
    let error = running.apply(&offline()).unwrap_err();
    let expected = match why {
        ProviderError::Pinned { .. } => ProviderError::Pinned { pfn },
        ProviderError::InUse { why, .. } => ProviderError::InUse { pfn, why },
        other => other,
    };
    assert_eq!(error, HotplugError::Provider { block: BlockId::new(spare(1)), error: expected });
    assert_eq!((error.errno(), observed(&running)), (errno, before), "{error}");
    assert_eq!(pages.hold(handle).unwrap().page().pfn(), pfn);

    repair(&running, handle);
    running.apply(&offline()).unwrap();
    let moved = pages.remove(handle).unwrap();
    assert!(!spare_frames().contains(&moved.pfn()));
    local.free(moved).unwrap();
    all_is_free(&running, local);
}

/// No page is in use any more.
fn all_is_free(running: &Running<'_>, local: Handles<'_>) {
    drop(local);
    for zone in running.provider().allocator().zones() {
        assert_eq!(zone.free_pages(), zone.managed(), "{zone:?}");
    }
}

#[test]
fn a_pinned_page_keeps_its_block_online() {
    let owner = Owner::default();
    refused(&owner, ProviderError::Pinned { pfn: Pfn::new(0) }, Errno::Busy, |running, handle| {
        running.provider().migration_source().unpin(handle).unwrap();
    });
    assert_eq!(owner.moves.lock().unwrap().len(), 1);
}

#[test]
fn a_final_refusal_of_the_migrate_callback_keeps_the_block_online() {
    let owner = Owner { behaviour: Behaviour::Refuses(MoveError::Never).into(), ..Owner::default() };
    let repair = |_: &Running<'_>, _| *owner.behaviour.lock().unwrap() = Behaviour::Moves;
    refused(&owner, ProviderError::Pinned { pfn: Pfn::new(0) }, Errno::Busy, repair);
}

#[test]
fn a_move_that_fails_for_now_is_retried() {
    let owner = Owner { behaviour: Behaviour::Refuses(MoveError::NotNow).into(), ..Owner::default() };
    let repair = |_: &Running<'_>, _| *owner.behaviour.lock().unwrap() = Behaviour::Moves;
    refused(&owner, ProviderError::InUse { pfn: Pfn::new(0), why: StopReason::NoWait }, Errno::Busy, repair);
}

#[test]
fn a_panic_of_the_migrate_callback_loses_neither_page() {
    let owner = Owner { behaviour: Behaviour::Panics.into(), ..Owner::default() };
    let running = running(&owner);
    let pages = running.provider().migration_source();
    let mut local = running.provider().allocator().local().unwrap();
    let page = page_in_spare(&running, &mut local);
    let pfn = page.pfn();
    let handle = pages.insert(page).unwrap();
    let before = observed(&running);
    assert!(catch_unwind(AssertUnwindSafe(|| running.apply(&offline()))).is_err());
    assert_eq!(observed(&running), before);
    assert_eq!(pages.hold(handle).unwrap().page().pfn(), pfn);

    *owner.behaviour.lock().unwrap() = Behaviour::Moves;
    running.apply(&offline()).unwrap();
    local.free(pages.remove(handle).unwrap()).unwrap();
    all_is_free(&running, local);
}

#[test]
fn held_and_unmovable_pages_are_waited_for_until_the_deadline() {
    let owner = Owner::default();
    let running = running(&owner);
    let pages = running.provider().migration_source();
    let mut local = running.provider().allocator().local().unwrap();
    let (one, other) = (page_in_spare(&running, &mut local), page_in_spare(&running, &mut local));
    let pfn = one.pfn().min(other.pfn());
    let handle = pages.insert(one).unwrap();
    let held = pages.hold(handle).unwrap();
    let before = observed(&running);

    let refused = |why, deadline: &mut dyn zonelist_core::hotplug::Deadline| {
        let error = running.apply_within(&offline(), deadline).unwrap_err();
        assert_eq!(
            error,
            HotplugError::Provider { block: BlockId::new(spare(1)), error: ProviderError::InUse { pfn, why } }
        );
        assert_eq!(observed(&running), before);
        error.errno()
    };
    assert_eq!(refused(StopReason::NoWait, &mut ()), Errno::Busy);
    assert_eq!(refused(StopReason::Deadline, &mut Until::after(Duration::from_millis(5))), Errno::Again);
    assert_eq!(refused(StopReason::Cancelled, &mut UntilCancelled(&AtomicBool::new(true))), Errno::Intr);

    // Both pages become free during the wait.
    let (mut polls, mut held, mut other) = (0, Some(held), Some(other));
    let mut deadline = || {
        polls += 1;
        match polls {
            3 => drop(held.take()),
            6 => local.free(other.take().unwrap()).unwrap(),
            _ => assert!(polls < 10, "no page is in use any more"),
        }
        Ok(())
    };
    running.apply_within(&offline(), &mut deadline).unwrap();
    assert!(polls >= 6);
    assert!(!spare_frames().contains(&pages.hold(handle).unwrap().page().pfn()));
}

#[test]
fn another_thread_can_cancel_an_offline() {
    let owner = Owner::default();
    let running = running(&owner);
    let mut local = running.provider().allocator().local().unwrap();
    let page = page_in_spare(&running, &mut local);
    let (before, cancel) = (observed(&running), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| running.apply_within(&offline(), &mut UntilCancelled(&cancel)));
        // The block is isolated during the wait.
        let zone = running.provider().allocator().zone(movable(1)).unwrap();
        while !zone.pageblock(page.pfn()).unwrap().isolated {
            std::thread::yield_now();
        }
        cancel.store(true, Relaxed);
        assert_eq!(other.join().unwrap().unwrap_err().errno(), Errno::Intr);
    });
    assert_eq!(observed(&running), before);
}

#[test]
fn a_block_that_is_offline_or_isolated_is_refused() {
    let owner = Owner::default();
    let running = running(&owner);
    let zone = running.provider().allocator().zone(movable(1)).unwrap();
    let isolated = spare_frames().start + 512..spare_frames().end;
    zone.isolate(isolated.clone()).unwrap();
    let before = observed(&running);
    let error = running.apply(&offline()).unwrap_err();
    let isolation = RangeError::Isolation { pfn: isolated.start, isolated: true };
    assert_eq!(error, HotplugError::Provider { block: BlockId::new(spare(1)), error: isolation.into() });
    assert_eq!((error.errno(), observed(&running)), (Errno::Busy, before));
    zone.unisolate(isolated).unwrap();

    running.apply(&offline()).unwrap();
    let before = observed(&running);
    assert_eq!(running.apply(&offline()).unwrap_err(), HotplugError::AlreadyOffline { block: BlockId::new(spare(1)) });
    assert_eq!(observed(&running), before);
}

#[test]
fn an_unmanaged_page_keeps_its_block_online() {
    let owner = Owner::default();
    let running = running(&owner);
    let zone = running.provider().allocator().zone(movable(1)).unwrap();
    let reserved = spare_frames().start + 700;
    zone.remove(Pfn::range(reserved.number()..(reserved + 1).number())).unwrap();
    let before = observed(&running);
    let error = running.apply(&offline()).unwrap_err();
    assert_eq!(
        error,
        HotplugError::Provider { block: BlockId::new(spare(1)), error: ProviderError::Pinned { pfn: reserved } }
    );
    assert_eq!(observed(&running), before);
    zone.add(Pfn::range(reserved.number()..(reserved + 1).number())).unwrap();
    running.apply(&offline()).unwrap();
}

#[test]
fn migration_needs_a_reader_slot() {
    let owner = Owner::default();
    let running = running(&owner);
    let handles: Vec<_> =
        std::iter::repeat_with(|| running.provider().allocator().local()).map_while(Result::ok).collect();
    let before = observed(&running);
    let error = running.apply(&offline()).unwrap_err();
    assert!(matches!(error, HotplugError::Provider { error: ProviderError::Reader(_), .. }), "{error}");
    assert_eq!((error.errno(), observed(&running)), (Errno::Nomem, before));
    drop(handles);
    running.apply(&offline()).unwrap();
}

#[test]
fn a_failed_commit_leaves_the_block_offline() {
    use zonelist_core::{
        ZoneId,
        hotplug::{AllocatorProvider, Backing, BackingError, RunningMachine},
        publish::Published,
        stop_world::StopWorld,
        table::Slots,
    };
    /// Fails to commit once the flag is set.
    struct Short(AtomicBool);
    impl Backing for Short {
        fn commit(&self, _: ZoneId, frames: std::ops::Range<Pfn>) -> Result<(), BackingError> {
            let error =
                BackingError { frames: (Pfn::new(frames.start.number()), Pfn::new(frames.end.number())), errno: 12 };
            if self.0.load(Relaxed) { Err(error) } else { Ok(()) }
        }
        fn release(&self, _: ZoneId, _: std::ops::Range<Pfn>) {}
    }
    let state = super::state();
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(2));
    let frames: AllocatorProvider<'_, _, _> = AllocatorProvider::new(published, &state).unwrap();
    let frames = frames.with_backing(Short(AtomicBool::new(false))).boot(&state).unwrap();
    let running = RunningMachine::new(state, frames).unwrap();
    let zone = running.provider().allocator().zone(movable(1)).unwrap();
    let (online, before) =
        (Operation::Online { block: BlockId::new(spare(1)), to: OnlineTo::Movable }, running.state());
    running.provider().backing().0.store(true, Relaxed);
    let error = running.apply(&online).unwrap_err();
    assert_eq!((error.errno(), running.state(), zone.managed()), (Errno::Nomem, before, 0), "{error}");
    running.provider().backing().0.store(false, Relaxed);
    running.apply(&online).unwrap();
    assert_eq!(zone.free_pages() as u64, super::PAGES);
}
