//! The child of a fork: whatever other threads were amid, nothing there waits for them, and no page is there twice.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use zonelist_core::{
    Capacity, Page, Request, Slot, StopWorld,
    ZoneKind::{Movable, Normal},
    conformance::facts::interrupt::{Stop, beside},
    publish::{
        Barrier, ForkLosses, FullFence, HandleId, NotRetired, PublishError, Published, Reader, ReaderError,
        ReaderProtocol, Reclaim, WaitError, Walk,
    },
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

use super::setup::{Allocator, CAPACITY, Handle, NODE, READERS, ZONES, all, allocator, chosen, class, lists};

/// Frames of a zone: enough for per-CPU pages.
pub(super) const FRAMES: u64 = 1 << 13;

/// Forks for each thing that another thread is amid.
pub(super) const FORKS: usize = 12;

/// Seconds that a child is given. It needs milliseconds.
const PATIENCE: u32 = 60;

/// What another thread is amid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Amid {
    /// A publish.
    Publish,
    /// An allocation or a free.
    Pages,
    /// A drain of caches that have something.
    Drain,
    /// A walk of a plain reader.
    Walk,
}

/// What a child came to.
#[derive(Clone, Copy, Default, Debug)]
struct Sum {
    losses: [usize; 3],
}

/// Forks; the child ends with what `child` says, or in time by an alarm.
pub(super) fn forked(child: impl FnOnce() -> Result<[usize; 3], u8>) -> [usize; 3] {
    let mut pipe = [0; 2];
    // SAFETY: there is room for the two.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    // SAFETY: the child does what `child` does, and ends at once.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: it has no conditions. Its signal is not handled, and ends the process.
        unsafe { libc::alarm(PATIENCE) };
        let (word, code) = match catch_unwind(AssertUnwindSafe(child)) {
            Ok(Ok(losses)) => (losses.map(|lost| lost as u8), 0),
            Ok(Err(code)) => ([0; 3], i32::from(code)),
            Err(_) => ([0; 3], 98),
        };
        // SAFETY: the word is as long as that.
        unsafe { libc::write(pipe[1], word.as_ptr().cast(), word.len()) };
        // SAFETY: it never returns.
        unsafe { libc::_exit(code) }
    }
    assert!(pid > 0, "fork: {}", std::io::Error::last_os_error());
    let mut status = 0;
    // SAFETY: the status is ours.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    // SAFETY: it is ours; a child that died wrote nothing, and what is read below would else wait for this end.
    unsafe { libc::close(pipe[1]) };
    let mut word = [0_u8; 3];
    // SAFETY: there is room for as much.
    unsafe { libc::read(pipe[0], word.as_mut_ptr().cast(), word.len()) };
    // SAFETY: it is ours, and not used any more.
    unsafe { libc::close(pipe[0]) };
    assert!(!libc::WIFSIGNALED(status), "the child hangs, or dies of signal {}", libc::WTERMSIG(status));
    assert_eq!(libc::WEXITSTATUS(status), 0, "of the child's checks, that number failed");
    word.map(usize::from)
}

/// What the child has of the thread that forked.
struct Mine<'a, S: Buildable, B: Barrier> {
    allocator: &'static Allocator<S, B>,
    handle: Handle<'a, S, B>,
    reader: Reader<'a, S, B>,
    /// Pages that the thread holds.
    held: Vec<Page>,
}

impl<S: Buildable, B: Barrier> Mine<'_, S, B> {
    fn ids(&self) -> [HandleId; 2] {
        [self.handle.id(), self.reader.id()]
    }

    /// All that can be done to an allocator, in the child. Says which check failed, by number.
    fn goes_on(&mut self, losses: ForkLosses) -> Result<(), u8> {
        let check = |number: u8, holds: bool| if holds { Ok(()) } else { Err(number) };
        let Self { allocator, handle, reader, held } = self;
        let published = allocator.published();
        // A walk of a plain reader ends, also where it may report that it has to be repeated: not always.
        let filter = published.filter(&Request::up_to(Movable));
        let whole = (0..100).any(|_| {
            let guard = reader.enter();
            let mut walk = guard.walk(NODE, &filter);
            walk.by_ref().for_each(drop);
            !walk.must_retry()
        });
        reader.quiescent();
        check(1, whole)?;
        // Publishes, or refuses to.
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
        // What is left is there once, and is none of what the thread holds.
        let any = class(allocator, Movable, 0);
        let pages = all(handle, &any);
        let frames: BTreeSet<u64> = pages.iter().chain(held.iter()).map(|page| page.pfn()).collect();
        check(6, frames.len() == pages.len() + held.len())?;
        let listed = reader.enter().walk(NODE, &filter).count();
        reader.quiescent();
        let there = losses.zones < 2 && (!losses.publish || listed > 0);
        check(7, !pages.is_empty() || !there)?;
        check(8, handle.alloc(NODE, &class(allocator, Normal, 9)).is_err() || pages.is_empty())?;
        // What is lost says so when it comes back, and nothing else.
        let unfreed = pages.into_iter().filter(|&page| handle.free(page).is_err()).count();
        check(9, unfreed == 0 || losses.zones > 0)?;
        held.drain(..).for_each(|page| _ = handle.free(page));
        handle.drain();
        // Every slot but ours is free again.
        let more: Vec<_> = (0..READERS).map_while(|_| allocator.local().ok()).collect();
        let ours = if S::PROTOCOL == ReaderProtocol::None { 1 } else { 2 };
        check(10, more.len() == READERS - ours)?;
        check(11, matches!(allocator.local().map(drop), Err(ReaderError::NoSlot { .. })))?;
        drop(more);
        check(12, allocator.zones().iter().all(|zone| zone.free_by_order().iter().sum::<usize>() <= FRAMES as usize))
    }
}

/// Runs a thread that is amid something, stops it there, and forks.
struct Forks {
    amid: Amid,
    prepared: bool,
}

impl Visitor for Forks {
    type Output = Sum;

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> Sum {
        let allocator: &'static Allocator<S, B> = allocator(&ZONES, FRAMES);
        let any = class(allocator, Movable, 0);
        let mut handle = allocator.local().unwrap();
        let held: Vec<Page> = (0..50).map(|_| handle.alloc(NODE, &any).unwrap()).collect();
        let reader = allocator.published().reader().unwrap();
        let mut mine = Mine { allocator, handle, reader, held };
        let amid = self.amid;
        let work = |stop: &Stop, goes_on: &dyn Fn() -> bool| match amid {
            Amid::Publish => {
                for turn in (0..).take_while(|_| goes_on()) {
                    let lists = lists(turn % 2 == 0);
                    // It does not wait for the reader beside, which may be online between walks.
                    let _ = stop.within(|| allocator.published().try_publish(&lists));
                }
            }
            Amid::Pages => {
                let (mut handle, any) = (allocator.local().unwrap(), class(allocator, Movable, 0));
                while goes_on() {
                    // Enough that zones are tried, too.
                    stop.within(|| {
                        let pages: Vec<Page> = (0..400).map(|_| handle.alloc(NODE, &any).unwrap()).collect();
                        pages.into_iter().for_each(|page| handle.free(page).unwrap());
                    });
                }
            }
            Amid::Drain => {
                let (mut handle, any) = (allocator.local().unwrap(), class(allocator, Movable, 0));
                while goes_on() {
                    let pages: Vec<Page> = (0..100).map(|_| handle.alloc(NODE, &any).unwrap()).collect();
                    pages.into_iter().for_each(|page| handle.free(page).unwrap());
                    stop.within(|| allocator.drain().unwrap());
                }
            }
            Amid::Walk => {
                let mut reader = allocator.published().reader().unwrap();
                let filter = allocator.published().filter(&Request::up_to(Movable));
                while goes_on() {
                    stop.within(|| reader.enter().walk(NODE, &filter).count());
                    reader.quiescent();
                }
            }
        };
        let prepared = self.prepared;
        beside(work, |stop, victim| {
            let mut sum = Sum::default();
            for _ in 0..FORKS {
                mine.reader.quiescent();
                let losses = if prepared {
                    fork_prepared(&mut mine)
                } else {
                    stop.stopped(victim, || fork_unprepared(&mut mine))
                };
                sum.losses.iter_mut().zip(losses).for_each(|(sum, lost)| *sum += lost);
            }
            sum
        })
    }
}

/// Without a word before, and one call in the child.
fn fork_unprepared<S: Buildable, B: Barrier>(mine: &mut Mine<'_, S, B>) -> [usize; 3] {
    forked(|| {
        // SAFETY: this is the child of a fork outside of any call; other handles are leaked with their threads.
        let losses = unsafe { mine.allocator.after_fork(&mine.ids()) };
        mine.goes_on(losses)?;
        Ok([usize::from(losses.publish), losses.zones, losses.caches])
    })
}

/// With preparation: nothing is lost but what the other thread has.
fn fork_prepared<S: Buildable, B: Barrier>(mine: &mut Mine<'_, S, B>) -> [usize; 3] {
    let mut prepared = Some(mine.allocator.prepare_fork().unwrap());
    let losses = forked(|| {
        // SAFETY: this is the child of a fork made with that; other handles are leaked with their threads.
        unsafe { prepared.take().ok_or(99)?.child(&mine.ids()) };
        mine.goes_on(ForkLosses::default())?;
        Ok([0; 3])
    });
    prepared.unwrap().parent();
    losses
}

#[test]
fn a_child_waits_for_no_thread_whatever_others_were_amid() {
    let mut sums = [0; 3];
    for scheme in SchemeId::all() {
        for amid in [Amid::Publish, Amid::Pages, Amid::Drain, Amid::Walk] {
            let sum = scheme.visit(&mut Forks { amid, prepared: false });
            println!("{} amid {amid:?}: publishes, zones and caches lost {:?}", scheme.name(), sum.losses);
            sums.iter_mut().zip(sum.losses).for_each(|(sum, lost)| *sum += lost);
            assert_eq!(sum.losses[0] > 0, amid == Amid::Publish, "{}", scheme.name());
        }
    }
    assert!(sums.into_iter().all(|lost| lost > 0), "{sums:?}: something was never lost");
}

#[test]
fn a_child_that_was_prepared_for_loses_nothing() {
    for scheme in chosen() {
        for amid in [Amid::Publish, Amid::Pages, Amid::Drain, Amid::Walk] {
            scheme.visit(&mut Forks { amid, prepared: true });
        }
    }
}

/// Of a walk that never ends, a grace period says that it can't end, or has its reader's slot to know that it is over.
#[test]
fn a_grace_period_in_a_child_ends_or_says_that_it_can_not() {
    fn retires<S: Buildable + Reclaim>(left_behind: bool) -> usize {
        let published: &'static Published<S, FullFence, 4> = Box::leak(Box::new(Published::new(S::build(CAPACITY))));
        published.publish(&lists(true)).unwrap();
        let mut reader = published.reader().unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let (within, is_within) = mpsc::channel();
            if left_behind {
                let over = &over;
                scope.spawn(move || {
                    let mut reader = published.reader().unwrap();
                    let guard = reader.enter();
                    within.send(()).unwrap();
                    while !over.load(Relaxed) {
                        thread::yield_now();
                    }
                    drop(guard);
                });
                is_within.recv().unwrap();
            }
            let losses = forked(|| {
                // SAFETY: this is the child of a fork outside of any call; the other reader is leaked with its thread.
                let losses = unsafe { published.after_fork(&[reader.id()]) };
                let mut refused = 0;
                for both in [false, true] {
                    reader.quiescent();
                    published.publish(&lists(both)).map_err(|_| 1)?;
                    reader.quiescent();
                    match reader.offline(|| published.retire("garbage")) {
                        Ok(()) => (),
                        Err(NotRetired { garbage: "garbage", error: WaitError::Forked }) => refused += 1,
                        Err(_) => return Err(2),
                    }
                    if reader.enter().walk(NODE, &published.filter(&Request::up_to(Movable))).count() == 0 {
                        return Err(3);
                    }
                    reader.quiescent();
                }
                Ok([usize::from(losses.publish), refused, 0])
            });
            over.store(true, Relaxed);
            assert_eq!(losses[0], 0);
            losses[1]
        })
    }
    for left_behind in [false, true] {
        let ends = [
            retires::<StopWorld<Box<[Slot]>>>(left_behind),
            retires::<AsymmetricEpoch>(left_behind),
            retires::<Qsbr>(left_behind),
        ];
        assert_eq!(ends, [0; 3], "they see in slots who is there");
        let says_so = [retires::<EpochSwap>(left_behind), retires::<ArcSwap>(left_behind)];
        assert_eq!(says_so, [if left_behind { 2 } else { 0 }; 2], "they can't know that a walk is no more");
    }
}
