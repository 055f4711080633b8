//! Locks of one's own: what breaks the contract of `RawLock` is caught in debug builds, and what the library keeps to.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::*},
        mpsc::sync_channel,
    },
    thread,
};

use zonelist_core::{
    Capacity, Locked, MAX_ORDER, Mobility, NodeId, PageAllocator, RawLock, Slots, Spin, StopWorld, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    ZonelistsRef,
    publish::{FullFence, PublishError, Published, Version},
};

use super::support::{Puppet, Snapshot};

/// A lock that lets its holder in again, which breaks the contract.
#[derive(Default)]
struct Recursive {
    owner: AtomicU64,
    depth: AtomicUsize,
}

/// A number of this thread's own.
fn me() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! { static ME: u64 = NEXT.fetch_add(1, Relaxed) }
    ME.with(|me| *me)
}

// SAFETY: none: it lets its holder in again. Debug builds, which alone use it so, make no second reference.
unsafe impl RawLock for Recursive {
    type Held = ();

    fn lock(&self) {
        while self.try_lock().is_none() {
            thread::yield_now();
        }
    }

    fn try_lock(&self) -> Option<()> {
        let mine = self.owner.load(Relaxed) == me();
        let taken = mine || self.owner.compare_exchange(0, me(), Acquire, Relaxed).is_ok();
        taken.then(|| _ = self.depth.fetch_add(1, Relaxed))
    }

    unsafe fn unlock(&self, (): ()) {
        if self.depth.fetch_sub(1, Relaxed) == 1 {
            self.owner.store(0, Release);
        }
    }
}

/// A lock that excludes no thread.
struct Open;

// SAFETY: none, as for `Recursive`.
unsafe impl RawLock for Open {
    type Held = ();

    fn lock(&self) {}

    fn try_lock(&self) -> Option<()> {
        Some(())
    }

    unsafe fn unlock(&self, (): ()) {}
}

/// What a call panics with, if it does.
fn panic_of<R>(call: impl FnOnce() -> R) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(call)).err()?;
    let text = panic.downcast_ref::<String>().map(String::as_str);
    Some(text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap().to_owned())
}

#[cfg(debug_assertions)]
const COMPLAINT: &str = "the lock let a second holder in, while the value is in use; \
                         expected a `RawLock` that keeps all others out, its holder's own thread included";

#[cfg(debug_assertions)]
const ITSELF: &str = "a thread waits for a lock that it holds itself; expected it to give the value back first";

/// Before it makes a second reference; and the first use goes on, and ends as any other.
#[cfg(debug_assertions)]
#[test]
fn a_lock_that_lets_its_holder_in_again_is_caught() {
    let locked = Locked::new(Recursive::default(), vec![1; 4]);
    let kept = locked.with(|outer| {
        assert_eq!(panic_of(|| locked.with(Vec::clear)).as_deref(), Some(ITSELF));
        assert_eq!(panic_of(|| locked.try_with(Vec::clear)).as_deref(), Some(COMPLAINT));
        // Still: what was refused is not what gives the value free.
        assert_eq!(panic_of(|| locked.try_with(Vec::clear)).as_deref(), Some(COMPLAINT));
        outer.clone()
    });
    assert_eq!(kept, [1; 4]);
    assert_eq!(panic_of(|| locked.with(|_| panic!("in use"))).as_deref(), Some("in use"));
    let other = thread::scope(|scope| scope.spawn(|| locked.try_with(|value| value.len())).join().unwrap());
    assert_eq!(other, Some(4), "it is free again, for other threads too");
}

#[cfg(debug_assertions)]
#[test]
fn a_lock_that_keeps_no_other_thread_out_is_caught() {
    let locked = Locked::new(Open, 1);
    let (holds, is_held) = sync_channel(0);
    let (over, is_over) = sync_channel::<()>(0);
    thread::scope(|scope| {
        let locked = &locked;
        let first = scope.spawn(move || {
            locked.with(|value| {
                holds.send(()).unwrap();
                let _ = is_over.recv();
                *value
            })
        });
        is_held.recv().unwrap();
        let second = panic_of(|| locked.with(|value| *value = 2));
        drop(over);
        assert_eq!((second.as_deref(), first.join().unwrap()), (Some(COMPLAINT), 1));
    });
}

type Allocator<L> = PageAllocator<'static, StopWorld<Box<[zonelist_core::Slot]>>, FullFence, L, 2>;

fn allocator<L: RawLock>(lock: impl Fn() -> L) -> Allocator<L> {
    let zone = |kind| Zone::boxed(ZoneId::new(NodeId::new(0).unwrap(), kind), 0..4096, MAX_ORDER, lock()).unwrap();
    let published = Published::new(StopWorld::new(Slots::boxed(Capacity::new(1, 2).unwrap())));
    PageAllocator::boxed(published, [Normal, Movable].map(zone).into()).unwrap()
}

/// Locks that are held without a use of the value, as for a fork, are held as any other.
#[cfg(debug_assertions)]
#[test]
fn a_zone_whose_lock_lets_its_holder_in_again_is_caught_while_a_fork_is_prepared() {
    let allocator = allocator(Recursive::default);
    let zone = &allocator.zones()[1];
    let prepared = allocator.prepare_fork().unwrap();
    assert_eq!(panic_of(|| zone.alloc(0, Mobility::Movable)).as_deref(), Some(ITSELF));
    prepared.parent();
    assert_eq!(zone.alloc(0, Mobility::Movable), None);
}

thread_local! {
    /// Whether this CPU's interrupts are masked.
    static MASKED: Cell<bool> = const { Cell::new(false) };
    /// What each unlock has put back.
    static PUT_BACK: RefCell<Vec<bool>> = const { RefCell::new(Vec::new()) };
}

/// A kernel's lock: it masks interrupts, and puts back what it found.
struct Masks(Spin);

// SAFETY: `Spin` keeps all others out.
unsafe impl RawLock for Masks {
    type Held = bool;

    fn lock(&self) -> bool {
        let before = MASKED.replace(true);
        self.0.lock();
        before
    }

    fn try_lock(&self) -> Option<bool> {
        let before = MASKED.replace(true);
        let held = self.0.try_lock();
        if held.is_none() {
            MASKED.set(before);
        }
        held.map(|()| before)
    }

    unsafe fn unlock(&self, before: bool) {
        // SAFETY: the caller has the lock.
        unsafe { self.0.unlock(()) };
        MASKED.set(before);
        PUT_BACK.with_borrow_mut(|all| all.push(before));
    }
}

/// Interrupts stay masked until the last lock is given back, and no longer.
#[test]
fn of_several_locks_the_last_that_was_taken_is_given_back_first() {
    let allocator = allocator(|| Masks(Spin::new()));
    PUT_BACK.take();
    let prepared = allocator.prepare_fork().unwrap();
    assert!(MASKED.get());
    prepared.parent();
    assert_eq!((PUT_BACK.take(), MASKED.get()), (vec![true, false], false));
    // SAFETY: as if this were the child; there is no handle.
    unsafe { allocator.prepare_fork().unwrap().child(&[]) };
    assert_eq!((PUT_BACK.take(), MASKED.get()), (vec![true, false], false));
}

/// What would wait for ever panics instead, as when a scheme's publish publishes, or a zone is used with its lock held.
#[cfg(debug_assertions)]
#[test]
fn what_would_wait_for_its_own_thread_is_caught() {
    static PUBLISHED: OnceLock<Published<Puppet<Snapshot>, FullFence, 1>> = OnceLock::new();
    let within = || {
        let published = PUBLISHED.get().unwrap();
        let panics = [panic_of(|| published.publish(ZonelistsRef::EMPTY)), panic_of(|| published.prepare_fork())];
        assert_eq!(panics, [Some(ITSELF.to_owned()), Some(ITSELF.to_owned())]);
        assert_eq!(published.try_publish(ZonelistsRef::EMPTY), Err(PublishError::Busy), "it does not wait");
    };
    let puppet = Puppet::on_publish(move |_| {
        within();
        Ok(())
    });
    let published = PUBLISHED.get_or_init(|| Published::new(puppet));
    assert_eq!(published.publish(ZonelistsRef::EMPTY), Ok(Version::of(1)));
    assert_eq!(published.publish(ZonelistsRef::EMPTY), Ok(Version::of(2)));

    let allocator = allocator(Spin::new);
    let _prepared = allocator.prepare_fork().unwrap();
    let alloc = |zone: &Zone<'static>| zone.alloc(0, Mobility::Movable);
    assert_eq!(panic_of(|| alloc(&allocator.zones()[0])).as_deref(), Some(ITSELF));
    assert_eq!(panic_of(|| allocator.published().publish(ZonelistsRef::EMPTY)).as_deref(), Some(ITSELF));
}
