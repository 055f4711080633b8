//! Migration sources that report what is not so, free pages of others, keep targets, and panic.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
};

use zonelist_core::{
    Mobility, Page, PageRequest, Pfn, ZoneKind,
    hotplug::{AllocatorProvider, BlockId, Operation, RunningMachine, StopReason},
    page_alloc::{Handle, MigrationSource, MigrationTargets, MovableEntry, MovablePages, MoveError, NoRoom, Pinned},
    publish::{Published, ReaderSlots, Standard},
    stop_world::StopWorld,
    sync::Spin,
    table::{Slot, Slots},
};

use super::random;
use crate::made_up;

const READERS: usize = 4;

/// Allocates targets and keeps them, frees pages that it does not have, and returns any result.
#[derive(Default)]
struct Liar {
    kept: Mutex<Vec<Page>>,
}

impl MigrationSource for Liar {
    fn move_away(&self, frames: &Range<Pfn>, exchange: &mut dyn MigrationTargets) -> Result<(), Pinned> {
        let any_page = || loop {
            if let Some(page) = made_up::page_of_word(1 << 63 | random() >> 2) {
                return page;
            }
        };
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for _ in 0..20 {
            // A page of no zone of this allocator, most often with an order or a frame that the allocator does not
            // have.
            exchange.free_source(any_page());
            kept.extend(exchange.alloc_target(&any_page()));
            let like = kept.last().and_then(|like| exchange.alloc_target(like));
            kept.extend(like);
        }
        match random() % 4 {
            0 => Err(Pinned { pfn: Pfn::new(random()) }),
            1 => Err(Pinned { pfn: Pfn::new(frames.start.number()) }),
            2 => panic!("a bug of the migration source"),
            _ => Ok(()),
        }
    }
}

type Running = RunningMachine<AllocatorProvider<'static, StopWorld<Box<[Slot]>>, Standard, (Liar, ())>>;

#[test]
fn a_lying_migration_source_leaves_its_block_online_and_each_frame_one_user() {
    let state = crate::hotplug::allocator_provider::state();
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(READERS));
    let frames =
        AllocatorProvider::new(published, &state).unwrap().with_migration_source(Liar::default()).boot(&state).unwrap();
    let running: Running = RunningMachine::new(state, frames).unwrap();
    let allocator = running.provider().allocator();
    let prepared = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal).mobility(Mobility::Movable));
    let mut local = allocator.local().unwrap();
    let nodes = [0, 1].map(|number| zonelist_core::NodeId::new(number).unwrap());
    let mut pages: Vec<Page> = (0..600).filter_map(|turn| local.alloc(nodes[turn % 2], &prepared).ok()).collect();
    let (mut done, mut refused, mut panicked) = (0, 0, 0);
    for turn in 0..120 {
        let block = random() % 8;
        let mut turns = 0;
        let mut thrice = || {
            turns += 1;
            if turns > 3 { Err(StopReason::Cancelled) } else { Ok(()) }
        };
        let operation = Operation::Offline { block: BlockId::new(block) };
        match catch_unwind(AssertUnwindSafe(|| running.apply_within(&operation, &mut thrice).map(drop))) {
            Ok(Ok(())) => done += 1,
            Ok(Err(_)) => refused += 1,
            Err(_) => panicked += 1,
        }
        pages.extend((0..5).filter_map(|_| local.alloc(nodes[turn % 2], &prepared).ok()));
    }
    assert!(refused > 10 && panicked > 10, "{done} done, {refused} refused, {panicked} panicked");
    pages.append(
        &mut running.provider().migration_source().kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
    );
    let mut frames = std::collections::HashSet::new();
    for page in &pages {
        let zone = allocator.zone_of(page).expect("a page of this allocator");
        assert!(Pfn::iter(page.frames()).all(|pfn| zone.manages(pfn) && frames.insert(pfn)), "{page:?}");
    }
    local.free_bulk(pages).unwrap();
    allocator.drain().unwrap();
    drop(local);
    assert!(allocator.zones().iter().all(|zone| zone.free_pages() == zone.managed()));
}

thread_local! {
    /// The movable pages of this thread's test.
    static MOVABLES: Cell<Option<&'static MovablePages<'static, Migrate>>> = const { Cell::new(None) };
    static INSERTED: RefCell<Vec<Handle>> = const { RefCell::new(Vec::new()) };
}

type Migrate = fn(Handle, &Page, &Page) -> Result<(), MoveError>;

/// An endless supply of migration targets, some of which are the source itself.
struct Any(u64);

impl MigrationTargets for Any {
    fn alloc_target(&mut self, like: &Page) -> Option<Page> {
        self.0 += 1;
        Some(if self.0 % 3 == 0 { made_up::again(like) } else { made_up::page(self.0) })
    }

    fn free_source(&mut self, _: Page) {}
}

/// A `Migrate` callback that calls the library again for every page but its own, and fails in every way.
fn reenters(_: Handle, from: &Page, _: &Page) -> Result<(), MoveError> {
    let movables = MOVABLES.get().unwrap();
    match movables.insert(made_up::again(from)) {
        Ok(handle) => INSERTED.with_borrow_mut(|all| all.push(handle)),
        Err(NoRoom { page, .. }) => assert_eq!(page, *from),
    }
    let other = INSERTED.with_borrow_mut(|all| if random() % 2 == 0 { all.pop() } else { None });
    if let Some(other) = other {
        assert!(movables.hold(other).is_ok());
        assert!(movables.remove(other).is_ok());
    }
    let _ = movables.move_away(&Pfn::range(0..0), &mut Any(0));
    match random() % 4 {
        0 => Err(MoveError::NotNow),
        1 => Err(MoveError::Never),
        2 => panic!("a bug of the callback"),
        _ => Ok(()),
    }
}

/// Each handle has one page until it is removed, whatever the callback and the targets do.
#[test]
fn reentrant_migrate_callbacks_leave_every_handle_its_page() {
    let entries = Vec::from_iter((0..16).map(|_| MovableEntry::new())).leak();
    let movables = Box::leak(Box::new(MovablePages::new(reenters as Migrate, entries, Spin::new())));
    MOVABLES.set(Some(movables));
    let handles: Vec<Handle> = (0..8).map(|pfn| movables.insert(made_up::page(pfn)).unwrap()).collect();
    for _ in 0..500 {
        let _ = catch_unwind(AssertUnwindSafe(|| movables.move_away(&Pfn::range(0..1 << 20), &mut Any(100))));
        for &handle in &handles {
            assert!(movables.hold(handle).is_ok());
        }
    }
    for handle in handles.into_iter().chain(INSERTED.take()) {
        assert!(movables.remove(handle).is_ok() && movables.hold(handle).is_err());
    }
    assert!((0..16).all(|pfn| movables.insert(made_up::page(pfn)).is_ok()), "all entries are free again");
}
