//! Page allocators in the child of a fork: with preparation nothing is lost; without, what is lost is reported.

use std::collections::BTreeSet;

use zonelist_core::{
    Page, Pfn, Request,
    ZoneKind::{Movable, Normal},
    conformance::facts::interrupt::{Stop, beside},
    publish::{ForkLosses, HandleId, Platform, PublishError, Reader, ReaderError, ReaderProtocol, Walk},
    sync::Spin,
    table::Capacity,
    zone::Order,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

use super::{
    super::setup::{Allocator, CAPACITY, Handle, NODE, READERS, ZONES, all, allocator, chosen, lists, prepared},
    FORKS, FRAMES, forked,
};

/// The task of another thread at the time of the fork.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum During {
    /// A publish.
    Publish,
    /// An allocation or a free.
    Pages,
    /// A drain of per-CPU pages that are not empty.
    Drain,
    /// A walk of a plain reader.
    Walk,
}

/// Sums over the children: lost publishes, zones and per-CPU pages.
#[derive(Clone, Copy, Default, Debug)]
struct Sum {
    losses: [usize; 3],
}

/// The state of the forking thread, which the child continues to use.
struct Survivor<'a, S: Buildable, P: Platform<Lock = Spin>> {
    allocator: &'static Allocator<S, P>,
    handle: Handle<'a, S, P>,
    reader: Reader<'a, S, P>,
    /// The pages that the thread has allocated.
    held: Vec<Page>,
}

impl<S: Buildable, P: Platform<Lock = Spin>> Survivor<'_, S, P> {
    fn ids(&self) -> [HandleId; 2] {
        [self.handle.id(), self.reader.id()]
    }

    /// Checks every operation of the allocator in the child. The error is the number of the check that failed.
    fn check(&mut self, losses: ForkLosses) -> Result<(), u8> {
        let check = |number: u8, holds: bool| if holds { Ok(()) } else { Err(number) };
        let Self { allocator, handle, reader, held } = self;
        let published = allocator.published();
        // A walk of a plain reader ends, and not every walk reports that it may be torn.
        let filter = published.filter(&Request::up_to(Movable));
        let whole = (0..100).any(|_| {
            let guard = reader.enter();
            let mut walk = guard.walk(NODE, &filter);
            walk.by_ref().for_each(drop);
            !walk.must_retry()
        });
        reader.quiescent();
        check(1, whole)?;
        // A publish succeeds, or is refused if a publish was lost.
        for both in [false, true, true] {
            reader.quiescent();
            let outcome = published.publish(&lists(both)).map(drop);
            check(2, outcome == if losses.publish { Err(PublishError::Forked) } else { Ok(()) })?;
            reader.quiescent();
            let outcome = published.try_publish(&lists(both)).map(drop);
            check(3, outcome == if losses.publish { Err(PublishError::Forked) } else { Ok(()) })?;
            reader.quiescent();
        }
        check(4, allocator.drain().is_ok() && allocator.drain_zone(ZONES[0]).is_ok())?;
        check(5, allocator.without_caches(ZONES[1], || ()).is_ok())?;
        // Each free page can be allocated once, and is none of those that the thread has.
        let any = prepared(allocator, Movable, Order::ZERO);
        let pages = all(handle, &any);
        let frames: BTreeSet<Pfn> = pages.iter().chain(held.iter()).map(|page| page.pfn()).collect();
        check(6, frames.len() == pages.len() + held.len())?;
        let listed = reader.enter().walk(NODE, &filter).count();
        reader.quiescent();
        let expects_pages = losses.zones < 2 && (!losses.publish || listed > 0);
        check(7, !pages.is_empty() || !expects_pages)?;
        check(8, handle.alloc(NODE, &prepared(allocator, Normal, Order::PAGEBLOCK)).is_err() || pages.is_empty())?;
        // A free fails only for pages of a lost zone.
        let unfreed = pages.into_iter().filter_map(|page| handle.free(page).err()).count();
        check(9, unfreed == 0 || losses.zones > 0)?;
        held.drain(..).for_each(|page| _ = handle.free(page));
        handle.drain();
        // Every reader slot but those of this thread is free again.
        let more: Vec<_> = (0..READERS).map_while(|_| allocator.local().ok()).collect();
        let own = if S::PROTOCOL == ReaderProtocol::None { 1 } else { 2 };
        check(10, more.len() == READERS - own)?;
        check(11, matches!(allocator.local().map(drop), Err(ReaderError::NoSlot { .. })))?;
        drop(more);
        check(12, allocator.zones().iter().all(|zone| zone.free_by_order().iter().sum::<usize>() <= FRAMES as usize))
    }
}

/// Stops a thread during its task, and forks.
struct Forks {
    during: During,
    with_preparation: bool,
}

impl Visitor for Forks {
    type Output = Sum;

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Sum {
        let allocator: &'static Allocator<S, P> = allocator(&ZONES, FRAMES);
        let any = prepared(allocator, Movable, Order::ZERO);
        let mut handle = allocator.local().unwrap();
        let held: Vec<Page> = (0..50).map(|_| handle.alloc(NODE, &any).unwrap()).collect();
        let reader = allocator.published().reader().unwrap();
        let mut survivor = Survivor { allocator, handle, reader, held };
        let during = self.during;
        let work = |stop: &Stop, continues: &dyn Fn() -> bool| match during {
            During::Publish => {
                for nth in (0..).take_while(|_| continues()) {
                    let lists = lists(nth % 2 == 0);
                    // `try_publish` does not wait for the other reader, which may be online between walks.
                    let _ = stop.within(|| allocator.published().try_publish(&lists));
                }
            }
            During::Pages => {
                let (mut handle, any) = (allocator.local().unwrap(), prepared(allocator, Movable, Order::ZERO));
                while continues() {
                    // This many pages need calls to the zone, too.
                    stop.within(|| {
                        let pages: Vec<Page> = (0..400).map(|_| handle.alloc(NODE, &any).unwrap()).collect();
                        pages.into_iter().for_each(|page| handle.free(page).unwrap());
                    });
                }
            }
            During::Drain => {
                let (mut handle, any) = (allocator.local().unwrap(), prepared(allocator, Movable, Order::ZERO));
                while continues() {
                    let pages: Vec<Page> = (0..100).map(|_| handle.alloc(NODE, &any).unwrap()).collect();
                    pages.into_iter().for_each(|page| handle.free(page).unwrap());
                    stop.within(|| allocator.drain().unwrap());
                }
            }
            During::Walk => {
                let mut reader = allocator.published().reader().unwrap();
                let filter = allocator.published().filter(&Request::up_to(Movable));
                while continues() {
                    stop.within(|| reader.enter().walk(NODE, &filter).count());
                    reader.quiescent();
                }
            }
        };
        let with_preparation = self.with_preparation;
        beside(work, |stop, victim| {
            let mut sum = Sum::default();
            for _ in 0..FORKS {
                survivor.reader.quiescent();
                let losses = if with_preparation {
                    fork_prepared(&mut survivor)
                } else {
                    stop.stopped(victim, || fork_unprepared(&mut survivor))
                };
                sum.losses.iter_mut().zip(losses).for_each(|(sum, lost)| *sum += lost);
            }
            sum
        })
    }
}

/// Forks without preparation: one call in the child.
fn fork_unprepared<S: Buildable, P: Platform<Lock = Spin>>(survivor: &mut Survivor<'_, S, P>) -> [usize; 3] {
    forked(|| {
        // SAFETY: this is the child of a fork outside of any call; handles of other threads are never used again.
        let losses = unsafe { survivor.allocator.after_fork(&survivor.ids()) };
        survivor.check(losses)?;
        Ok([usize::from(losses.publish), losses.zones, losses.caches])
    })
}

/// Forks with preparation: nothing is lost but the pages of the other thread.
fn fork_prepared<S: Buildable, P: Platform<Lock = Spin>>(survivor: &mut Survivor<'_, S, P>) -> [usize; 3] {
    let mut preparation = Some(survivor.allocator.prepare_fork().unwrap());
    let losses = forked(|| {
        // SAFETY: this is the child of the prepared fork; handles of other threads are never used again.
        unsafe { preparation.take().ok_or(99)?.child(&survivor.ids()) };
        survivor.check(ForkLosses::default())?;
        Ok([0; 3])
    });
    preparation.unwrap().parent();
    losses
}

#[test]
fn a_child_waits_for_no_thread_of_its_parent() {
    let mut sums = [0; 3];
    for scheme in SchemeId::all() {
        for during in [During::Publish, During::Pages, During::Drain, During::Walk] {
            let sum = scheme.visit(&mut Forks { during, with_preparation: false });
            println!("{} during {during:?}: publishes, zones and per-CPU pages lost {:?}", scheme.name(), sum.losses);
            sums.iter_mut().zip(sum.losses).for_each(|(sum, lost)| *sum += lost);
            assert_eq!(sum.losses[0] > 0, during == During::Publish, "{}", scheme.name());
        }
    }
    assert!(sums.into_iter().all(|lost| lost > 0), "{sums:?}: each kind of loss must occur");
}

#[test]
fn a_child_of_a_prepared_fork_loses_nothing() {
    for scheme in chosen() {
        for during in [During::Publish, During::Pages, During::Drain, During::Walk] {
            scheme.visit(&mut Forks { during, with_preparation: true });
        }
    }
}
