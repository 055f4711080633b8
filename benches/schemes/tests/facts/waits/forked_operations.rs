//! The child of a fork that cuts an operation short, or the call of a zone or of movable pages.

use std::{
    sync::atomic::{
        AtomicBool,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
    time::Duration,
};

use zonelist_core::{
    Capacity, Page, Spin,
    ZoneKind::Normal,
    conformance::facts::interrupt::{Stop, beside},
    hotplug::HotplugError,
    publish::Barrier,
};
use zonelist_schemes::{Buildable, Visitor};

use super::{
    forks::{FORKS, FRAMES, forked},
    setup::{CAPACITY, NODE, OFFLINE, ONLINE, ZONES, chosen, class, machine},
};

/// A machine whose operations another thread does.
struct Operating;

impl Visitor for Operating {
    /// How many children found an operation cut short, and how many none.
    type Output = [usize; 2];

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> [usize; 2] {
        let (running, preparing) = (machine::<S, B>(), AtomicBool::new(false));
        let work = |stop: &Stop, goes_on: &dyn Fn() -> bool| {
            while goes_on() {
                stop.within(|| {
                    running.apply(&ONLINE).unwrap();
                    running.apply(&OFFLINE).unwrap();
                });
                // The lock is a spin lock, and not a fair one: the thread that prepares a fork would seldom get it.
                while preparing.load(SeqCst) {
                    thread::yield_now();
                }
            }
        };
        let allocator = running.provider().allocator();
        let child = |prepared: &mut dyn FnMut() -> bool| {
            let cut = prepared();
            let before = running.state();
            let refused = |outcome: Result<_, HotplugError>| matches!(outcome.map(drop), Err(HotplugError::Forked));
            let goes_on = match (refused(running.apply(&ONLINE)), refused(running.try_apply(&OFFLINE))) {
                (true, true) => cut,
                (false, false) => !cut,
                _ => return Err(1),
            };
            if !goes_on || running.state().blocks().len() != before.blocks().len() {
                return Err(2);
            }
            // Who can't have an operation can still have pages, as far as they are not lost.
            let _ = allocator.local().map(|mut local| local.alloc(NODE, &class(allocator, Normal, 0)).is_ok());
            Ok([usize::from(cut), usize::from(!cut), 0])
        };
        beside(work, |stop, victim| {
            let mut sum = [0; 2];
            for _ in 0..FORKS {
                let outcome = stop.stopped(victim, || {
                    forked(|| {
                        child(&mut || {
                            // SAFETY: this is the child of a fork outside of any call; no handle is kept.
                            let _ = unsafe { allocator.after_fork(&[]) };
                            // SAFETY: this is the child of a fork outside of any call.
                            unsafe { running.provider().migration_source().after_fork() };
                            // SAFETY: this is the child of a fork outside of any call.
                            unsafe { running.after_fork() }
                        })
                    })
                });
                sum.iter_mut().zip(outcome).for_each(|(sum, one)| *sum += one);
                preparing.store(true, SeqCst);
                let mut prepared = Some((
                    running.prepare_fork(),
                    running.provider().migration_source().prepare_fork(),
                    allocator.prepare_fork().unwrap(),
                ));
                let outcome = forked(|| {
                    let (machine, movables, pages) = prepared.take().ok_or(99)?;
                    // SAFETY: this is the child of a fork made with that; no handle is kept.
                    unsafe { pages.child(&[]) };
                    // SAFETY: this is the child of a fork made with that.
                    let lost = unsafe { movables.child() };
                    // SAFETY: this is the child of a fork made with that.
                    unsafe { machine.child() };
                    if lost > 0 { Err(3) } else { child(&mut || false) }
                });
                drop(prepared);
                preparing.store(false, SeqCst);
                assert_eq!(outcome[0], 0, "nothing is cut short that was prepared for");
            }
            sum
        })
    }
}

#[test]
fn an_operation_that_a_fork_cuts_short_is_refused_from_then_on() {
    for scheme in chosen() {
        let [cut, whole] = scheme.visit(&mut Operating);
        println!("{}: {cut} children found an operation cut short, {whole} none", scheme.name());
        assert!(cut > 0, "{}", scheme.name());
    }
}

/// A zone that is used by itself, or movable pages: their own calls.
#[test]
fn a_zone_and_movable_pages_have_calls_of_their_own() {
    use zonelist_core::{Handle, HandleError, MAX_ORDER, Mobility, MovablePages, MoveError, Zone};

    let zone: &'static Zone<'static, Spin> =
        Box::leak(Box::new(Zone::boxed(ZONES[0], 0..FRAMES, MAX_ORDER, Spin::new()).unwrap()));
    zone.add(0..FRAMES).unwrap();
    let mover = |_: Handle, _: Page, _: Page| {
        thread::sleep(Duration::from_micros(200));
        Ok::<_, MoveError>(())
    };
    let movables: &'static MovablePages<'static, _> = Box::leak(Box::new(MovablePages::boxed(mover, 8)));
    let page = |pfn: u64| Page::from_word(1 << 63 | pfn).unwrap();
    let (moved, handle) = (movables.insert(page(0)).unwrap(), movables.insert(page(512)).unwrap());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                let frame = zone.alloc(3, Mobility::Movable).unwrap();
                zone.free(frame, 3).unwrap();
            }
        });
        scope.spawn(|| {
            struct Swaps;
            impl zonelist_core::MigrationTargets for Swaps {
                fn alloc_target(&mut self, like: Page) -> Option<Page> {
                    Page::from_word(like.word() ^ 1)
                }
                fn free_source(&mut self, _: Page) {}
            }
            while !over.load(Relaxed) {
                zonelist_core::MigrationSource::move_away(movables, &(0..2), &mut Swaps).unwrap();
            }
        });
        let [mut zones, mut moving] = [0; 2];
        for _ in 0..4 * FORKS {
            let losses = forked(|| {
                // SAFETY: this is the child of a fork outside of any call.
                let lost = unsafe { zone.after_fork() };
                if zone.alloc(0, Mobility::Movable).is_some() == lost || zone.free_pages() > FRAMES as usize {
                    return Err(1);
                }
                // SAFETY: this is the child of a fork outside of any call.
                let gone = unsafe { movables.after_fork() };
                let held = movables.hold(moved);
                if held.is_ok() == (gone == 1) || gone == 1 && held.err() != Some(HandleError::Gone) {
                    return Err(2);
                }
                if movables.hold(handle).map(|held| held.page()) != Ok(page(512)) {
                    return Err(3);
                }
                Ok([usize::from(lost), gone, 0])
            });
            zones += losses[0];
            moving += losses[1];
        }
        over.store(true, Relaxed);
        println!("zones lost {zones}, pages lost {moving}, of {}", 4 * FORKS);
        assert!(moving > 0, "no page was being moved");
    });
}
