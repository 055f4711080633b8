//! Zones and movable pages that are used without an allocator: each has an `after_fork` of its own.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use zonelist_core::{
    Mobility, Page, Pfn, Zone,
    page_alloc::{Handle, HandleError, MigrationSource, MigrationTargets, MovablePages, MoveError},
    sync::Spin,
    zone::Order,
};

use super::{super::setup::ZONES, FORKS, FRAMES, forked};

#[test]
fn a_zone_and_movable_pages_report_their_own_losses() {
    let zone: &'static Zone<'static, Spin> =
        Box::leak(Box::new(Zone::boxed(ZONES[0], Pfn::range(0..FRAMES), Order::MAX, Spin::new()).unwrap()));
    zone.add(Pfn::range(0..FRAMES)).unwrap();
    let migrate = |_: Handle, _: &Page, _: &Page| {
        thread::sleep(Duration::from_micros(200));
        Ok::<_, MoveError>(())
    };
    let movable_pages: &'static MovablePages<'static, _> = Box::leak(Box::new(MovablePages::boxed(migrate, 8)));
    // SAFETY: the frames have no memory, and no code relies on the ownership of such a page.
    let page = |pfn: u64| unsafe { Page::from_raw(1 << 63 | pfn) }.unwrap();
    let (moved, handle) = (movable_pages.insert(page(0)).unwrap(), movable_pages.insert(page(512)).unwrap());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                let frame = zone.alloc(Order::of::<3>(), Mobility::Movable).unwrap();
                zone.free(frame, Order::of::<3>()).unwrap();
            }
        });
        scope.spawn(|| {
            struct Swaps;
            impl MigrationTargets for Swaps {
                fn alloc_target(&mut self, like: &Page) -> Option<Page> {
                    // SAFETY: the frames have no memory, and no code relies on the ownership of such a page.
                    unsafe { Page::from_raw(like.as_raw() ^ 1) }
                }
                fn free_source(&mut self, _: Page) {}
            }
            while !over.load(Relaxed) {
                MigrationSource::move_away(movable_pages, &Pfn::range(0..2), &mut Swaps).unwrap();
            }
        });
        let [mut zones, mut moving, mut forks] = [0; 3];
        // At least one fork interrupts a migration, however the system schedules the threads.
        while forks < 4 * FORKS || moving == 0 {
            let losses = forked(|| {
                // SAFETY: this is the child of a fork outside of any call.
                let lost = unsafe { zone.after_fork() };
                if zone.alloc(Order::ZERO, Mobility::Movable).is_some() == lost || zone.free_pages() > FRAMES as usize {
                    return Err(1);
                }
                // SAFETY: this is the child of a fork outside of any call.
                let gone = unsafe { movable_pages.after_fork() };
                let held = movable_pages.hold(moved);
                if held.is_ok() == (gone == 1) || gone == 1 && held.err() != Some(HandleError::Gone) {
                    return Err(2);
                }
                if movable_pages.hold(handle).map(|held| held.page().pfn()) != Ok(Pfn::new(512)) {
                    return Err(3);
                }
                Ok([usize::from(lost), gone, 0])
            });
            zones += losses[0];
            moving += losses[1];
            forks += 1;
        }
        over.store(true, Relaxed);
        println!("zones lost {zones}, pages lost {moving}, of {forks}");
    });
}
