//! Migration of pages: its targets, and the handles of their users.

use zonelist_core::{
    Mobility, NodeId, Page, PageRequest, Pfn, ZoneKind,
    hotplug::{BlockId, OnlineTo, Operation},
    page_alloc::{MigrationSource, MigrationTargets, MovablePages},
    publish::ReaderSlots,
};

use crate::{made_up::page, support::order};

use super::{Owner, node, offline, page_in_spare, running, spare, spare_frames};

#[test]
fn pages_of_every_order_migrate_to_another_node_with_memory() {
    let owner = Owner::default();
    let running = running(&owner);
    let (frames, mut handles) = (running.provider(), Vec::new());
    let mut local = frames.allocator().local().unwrap();
    for order in [0, 1, 3, 4, 8].map(order) {
        let request = PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable).order(order);
        let page = local.alloc(node(1), &frames.allocator().prepare(&request)).unwrap();
        assert!(spare_frames().contains(&page.pfn()));
        handles.push(frames.migration_source().insert(page).unwrap());
    }
    running.apply(&offline()).unwrap();
    assert_eq!(owner.moves.lock().unwrap().len(), handles.len());
    for handle in handles {
        let page = frames.migration_source().remove(handle).unwrap();
        assert_eq!(frames.allocator().zone_of(&page).unwrap().id().node(), node(0));
        local.free(page).unwrap();
    }
}

#[test]
fn pages_stay_on_their_node_if_no_other_has_memory() {
    let owner = Owner::default();
    let running = running(&owner);
    (0..super::BLOCKS)
        .for_each(|block| drop(running.apply(&Operation::Offline { block: BlockId::new(block) }).unwrap()));
    assert_eq!(running.state().has_memory().iter().map(NodeId::number).collect::<Vec<_>>(), [1]);
    let mut local = running.provider().allocator().local().unwrap();
    let page = page_in_spare(&running, &mut local);
    let handle = running.provider().migration_source().insert(page).unwrap();
    running.apply(&offline()).unwrap();
    let page = running.provider().migration_source().remove(handle).unwrap();
    assert_eq!(running.provider().allocator().zone_of(&page).unwrap().id().node(), node(1));
    local.free(page).unwrap();
}

#[test]
fn a_block_has_its_pages_each_time_it_comes_online() {
    let owner = Owner::default();
    let running = running(&owner);
    let zone = running.provider().allocator().zone(super::movable(1)).unwrap();
    for _ in 0..3 {
        running.apply(&offline()).unwrap();
        assert_eq!((zone.managed(), zone.free_pages()), (0, 0));
        running.apply(&Operation::Online { block: BlockId::new(spare(1)), to: OnlineTo::Movable }).unwrap();
        assert_eq!((zone.managed() as u64, zone.free_pages() as u64), (super::PAGES, super::PAGES));
    }
    assert!(zone.watermarks().min > 0);
}

#[test]
fn handles_that_are_removed_held_or_too_many_are_errors() {
    use zonelist_core::page_alloc::{HandleError, MoveError};
    let movables =
        MovablePages::boxed(|_: zonelist_core::page_alloc::Handle, _: &Page, _: &Page| Err(MoveError::Never), 2);
    let first = movables.insert(page(7)).unwrap();
    let second = movables.insert(page(8)).unwrap();
    assert_eq!(movables.insert(page(9)).unwrap_err().page.pfn(), Pfn::new(9));

    let held = movables.hold(first).unwrap();
    assert_eq!((held.page().pfn(), movables.remove(first)), (Pfn::new(7), Err(HandleError::Held)));
    let all: Vec<_> = std::iter::repeat_with(|| movables.hold(first)).map_while(Result::ok).collect();
    assert_eq!((all.len(), movables.hold(first).unwrap_err()), ((1 << 12) - 2, HandleError::TooMany));
    drop((all, held));
    assert_eq!(movables.remove(first).map(|page| page.pfn()), Ok(Pfn::new(7)));
    for outcome in [movables.pin(first), movables.unpin(first), movables.hold(first).map(drop)] {
        assert_eq!(outcome, Err(HandleError::Gone));
    }
    let third = movables.insert(page(9)).unwrap();
    assert_eq!((third.index(), movables.remove(first)), (first.index(), Err(HandleError::Gone)));
    let pfns = [third, second].map(|handle| movables.remove(handle).unwrap().pfn());
    assert_eq!(pfns, [Pfn::new(9), Pfn::new(8)]);
}

/// Allocates a target for each page, and logs the sources.
struct Spare {
    next: u64,
    back: Vec<Page>,
}

impl MigrationTargets for Spare {
    fn alloc_target(&mut self, _: &Page) -> Option<Page> {
        self.next += 1;
        Some(page(self.next))
    }

    fn free_source(&mut self, page: Page) {
        self.back.push(page);
    }
}

#[test]
fn a_range_may_have_all_page_frames() {
    const MOST: u64 = 1 << 44;
    let pages = [0, 511, 1 << 31, 1 << 41, (1 << 41) + 512, MOST - 1];
    for (frames, expected) in [
        (0..u64::MAX, &pages[..]),
        (0..MOST, &pages),
        (1..1 << 41, &pages[1..3]),
        ((1 << 41)..(1 << 41) + 512, &pages[3..4]),
        (MOST - 1..MOST, &pages[5..]),
        (MOST..u64::MAX, &[]),
    ] {
        let movables =
            MovablePages::boxed(|_: zonelist_core::page_alloc::Handle, _: &Page, _: &Page| Ok(()), pages.len());
        for pfn in pages {
            movables.insert(page(pfn)).unwrap();
        }
        let mut spare = Spare { next: 1 << 20, back: Vec::new() };
        movables.move_away(&Pfn::range(frames.clone()), &mut spare).unwrap();
        assert_eq!(Vec::from_iter(spare.back.iter().map(|page| page.pfn().number())), expected, "{frames:?}");
    }
}

/// Calls a function of the user while a migration allocates a target.
struct Meanwhile<F>(F, Vec<Page>);

impl<F: FnMut()> MigrationTargets for Meanwhile<F> {
    fn alloc_target(&mut self, _: &Page) -> Option<Page> {
        (self.0)();
        Some(page(700))
    }

    fn free_source(&mut self, page: Page) {
        self.1.push(page);
    }
}

/// A migration that searches for pages holds none of them: the user may end the handle, or another migration move the
/// page.
#[test]
fn a_search_for_pages_holds_none() {
    use std::sync::atomic::Ordering::Relaxed;
    use zonelist_core::page_alloc::MoveError;
    let movables =
        MovablePages::boxed(|_: zonelist_core::page_alloc::Handle, _: &Page, _: &Page| Ok::<_, MoveError>(()), 2);
    let first = movables.insert(page(0)).unwrap();
    let removed_pfn = |handle| movables.remove(handle).map(|page| page.pfn());
    let pfns = |pages: &[Page]| Vec::from_iter(pages.iter().map(|page| page.pfn().number()));
    let mut removed = None;
    let mut exchange = Meanwhile(|| removed = Some(removed_pfn(first)), Vec::new());
    movables.move_away(&Pfn::range(0..1), &mut exchange).unwrap();
    assert_eq!(pfns(&exchange.1), [700], "the unused target is freed");
    assert_eq!(removed, Some(Ok(Pfn::new(0))), "nothing holds it");

    let second = movables.insert(page(0)).unwrap();
    let mut other = Spare { next: 1 << 20, back: Vec::new() };
    let mut exchange = Meanwhile(|| movables.move_away(&Pfn::range(0..1), &mut other).unwrap(), Vec::new());
    movables.move_away(&Pfn::range(0..1), &mut exchange).unwrap();
    assert_eq!((pfns(&exchange.1), pfns(&other.back)), (vec![700], vec![0]), "the other migration has moved it");
    assert_eq!(removed_pfn(second), Ok(Pfn::new((1 << 20) + 1)));

    // With threads: only the user ends the handle.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                movables.move_away(&Pfn::range(0..1), &mut Meanwhile(|| (), Vec::new())).unwrap();
            }
        });
        for _ in 0..50_000 {
            let handle = movables.insert(page(0)).unwrap();
            let removed = removed_pfn(handle);
            assert!(removed == Ok(Pfn::new(0)) || removed == Ok(Pfn::new(700)), "{removed:?}");
        }
        stop.store(true, Relaxed);
    });
}

/// Calls that do not wait report what the others would wait for.
#[test]
fn a_page_that_is_being_moved_is_neither_held_nor_gone() {
    use std::cell::{Cell, RefCell};
    use zonelist_core::page_alloc::{Handle, HandleError, Migrate, MoveError};

    thread_local! {
        static SEEN: RefCell<Vec<Result<(), HandleError>>> = const { RefCell::new(Vec::new()) };
        static MOVABLES: Cell<Option<&'static MovablePages<'static, Tries>>> = const { Cell::new(None) };
    }
    struct Tries;
    impl Migrate for Tries {
        fn move_page(&self, handle: Handle, _: &Page, _: &Page) -> Result<(), MoveError> {
            let movables = MOVABLES.get().unwrap();
            let tried = [movables.try_hold(handle).map(drop), movables.try_remove(handle).map(drop)];
            SEEN.with_borrow_mut(|seen| seen.extend(tried));
            Ok(())
        }
    }

    let movables: &'static _ = Box::leak(Box::new(MovablePages::boxed(Tries, 1)));
    MOVABLES.set(Some(movables));
    let handle = movables.insert(page(0)).unwrap();
    movables.move_away(&Pfn::range(0..1), &mut Spare { next: 600, back: Vec::new() }).unwrap();
    assert_eq!(SEEN.take(), [Err(HandleError::Moving); 2]);

    let held = movables.try_hold(handle).unwrap();
    assert_eq!((held.page().pfn(), movables.try_remove(handle)), (Pfn::new(601), Err(HandleError::Held)));
    drop(held);
    let prepared = movables.prepare_fork();
    assert_eq!(movables.try_remove(handle), Err(HandleError::Busy), "the prepared fork holds the list of free entries");
    prepared.parent();
    assert_eq!(movables.try_remove(handle).map(|page| page.pfn()), Ok(Pfn::new(601)));
    assert_eq!(movables.try_remove(handle), Err(HandleError::Gone));
    assert_eq!(movables.insert(page(1)).and_then(|_| movables.insert(page(2))).unwrap_err().entries, 1);
}

/// A page of another allocator behind a handle of this allocator, in a frame of the same number, stays, pinned or not.
#[test]
fn a_page_of_another_allocator_keeps_no_block_online() {
    use zonelist_core::{
        Zone, ZoneId, publish::Published, stop_world::StopWorld, sync::Spin, table::Slots, zone::Order,
    };
    let owner = Owner::default();
    let running = running(&owner);
    let zone = Zone::boxed(ZoneId::new(node(1), ZoneKind::Movable), spare_frames(), Order::MAX, Spin::new()).unwrap();
    zone.add(spare_frames()).unwrap();
    let pfn = zone.alloc(Order::ZERO, Mobility::Movable).unwrap();
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(running.state().capacity())), ReaderSlots::boxed(4));
    let other = zonelist_core::PageAllocator::boxed(published, vec![zone]).unwrap();
    // SAFETY: the zone has just allocated the block.
    let page = unsafe { other.page(pfn, Order::ZERO, Mobility::Movable) }.unwrap();
    let movables = running.provider().migration_source();
    let handle = movables.insert(page).unwrap();
    movables.pin(handle).unwrap();
    running.apply(&offline()).unwrap();
    movables.unpin(handle).unwrap();
    running.apply(&Operation::Online { block: BlockId::new(spare(1)), to: OnlineTo::Movable }).unwrap();
    running.apply(&offline()).unwrap();
    assert_eq!(movables.remove(handle).map(|page| page.pfn()), Ok(pfn));
}
