//! User-defined locks: debug builds detect a breach of the contract of `RawLock`, and the library keeps its own part.

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
    Mobility, NodeId, PageAllocator, Pfn, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    publish::{FullFence, Parts, PublishError, Published, ReaderSlots, Version},
    stop_world::StopWorld,
    sync::{Locked, RawLock, Spin},
    table::{Capacity, Slots},
    zone::Order,
    zonelist::ZonelistsRef,
};

use super::support::{Puppet, Snapshot};

/// A recursive lock, which breaks the contract.
#[derive(Default)]
struct Recursive {
    owner: AtomicU64,
    depth: AtomicUsize,
}

/// A unique number of the calling thread.
fn me() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! { static ME: u64 = NEXT.fetch_add(1, Relaxed) }
    ME.with(|me| *me)
}

// SAFETY: unsound: the lock admits its holder again. Only debug builds use the lock so, and these make no second
// reference.
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

// SAFETY: unsound: the lock excludes no thread. Only debug builds use the lock so, and these make no second reference.
unsafe impl RawLock for Open {
    type Held = ();

    fn lock(&self) {}

    fn try_lock(&self) -> Option<()> {
        Some(())
    }

    unsafe fn unlock(&self, (): ()) {}
}

/// The panic message of a call; `None` if it returns.
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

/// The second use panics before it makes a second reference. The first use goes on, and ends as usual.
#[cfg(debug_assertions)]
#[test]
fn a_recursive_lock_is_detected() {
    let locked = Locked::new(Recursive::default(), vec![1; 4]);
    let kept = locked.with(|outer| {
        assert_eq!(panic_of(|| locked.with(Vec::clear)).as_deref(), Some(ITSELF));
        assert_eq!(panic_of(|| locked.try_with(Vec::clear)).as_deref(), Some(COMPLAINT));
        // The refused use does not end the first one.
        assert_eq!(panic_of(|| locked.try_with(Vec::clear)).as_deref(), Some(COMPLAINT));
        outer.clone()
    });
    assert_eq!(kept, [1; 4]);
    assert_eq!(panic_of(|| locked.with(|_| panic!("in use"))).as_deref(), Some("in use"));
    let other = thread::scope(|scope| scope.spawn(|| locked.try_with(|value| value.len())).join().unwrap());
    assert_eq!(other, Some(4), "the lock is free again, for other threads too");
}

#[cfg(debug_assertions)]
#[test]
fn a_lock_that_excludes_no_thread_is_detected() {
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

type Allocator<L> = PageAllocator<'static, StopWorld<Box<[zonelist_core::table::Slot]>>, Parts<FullFence, L>>;

fn allocator<L: RawLock + 'static>(lock: impl Fn() -> L) -> Allocator<L> {
    let zone = |kind| {
        Zone::boxed(ZoneId::new(NodeId::new(0).unwrap(), kind), Pfn::range(0..4096), Order::MAX, lock()).unwrap()
    };
    let table = StopWorld::new(Slots::boxed(Capacity::new(1, 2).unwrap()));
    let published = Published::with_platform(table, ReaderSlots::boxed(4));
    PageAllocator::boxed(published, [Normal, Movable].map(zone).into()).unwrap()
}

/// A lock that is held without a use of the value, as for a fork, counts as held.
#[cfg(debug_assertions)]
#[test]
fn a_recursive_lock_of_a_zone_is_detected_while_a_fork_is_prepared() {
    let allocator = allocator(Recursive::default);
    let zone = &allocator.zones()[1];
    let prepared = allocator.prepare_fork().unwrap();
    assert_eq!(panic_of(|| zone.alloc(Order::ZERO, Mobility::Movable)).as_deref(), Some(ITSELF));
    prepared.parent();
    assert_eq!(zone.alloc(Order::ZERO, Mobility::Movable), None);
}

thread_local! {
    /// True while interrupts of this CPU are masked.
    static MASKED: Cell<bool> = const { Cell::new(false) };
    /// The mask that each unlock has restored.
    static RESTORED: RefCell<Vec<bool>> = const { RefCell::new(Vec::new()) };
}

/// A lock as a kernel's: it masks interrupts, and restores the mask at the unlock.
struct Masks(Spin);

// SAFETY: `Spin` has one holder at a time, and every call of the three methods goes to `Spin`.
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
        // SAFETY: the caller holds the lock.
        unsafe { self.0.unlock(()) };
        MASKED.set(before);
        RESTORED.with_borrow_mut(|all| all.push(before));
    }
}

/// Interrupts stay masked until the unlock of the lock that was taken first.
#[test]
fn of_several_locks_the_last_one_taken_is_unlocked_first() {
    let allocator = allocator(|| Masks(Spin::new()));
    RESTORED.take();
    let prepared = allocator.prepare_fork().unwrap();
    assert!(MASKED.get());
    prepared.parent();
    assert_eq!((RESTORED.take(), MASKED.get()), (vec![true, false], false));
    // SAFETY: no other thread uses the allocator, as in the child of a fork, and there is no handle.
    unsafe { allocator.prepare_fork().unwrap().child(&[]) };
    assert_eq!((RESTORED.take(), MASKED.get()), (vec![true, false], false));
}

/// An endless wait panics instead: a scheme's publish that publishes, or the use of a zone with its lock held.
#[cfg(debug_assertions)]
#[test]
fn a_wait_for_a_lock_of_the_same_thread_is_detected() {
    static PUBLISHED: OnceLock<Published<Puppet<Snapshot>>> = OnceLock::new();
    let within = || {
        let published = PUBLISHED.get().unwrap();
        let panics = [panic_of(|| published.publish(ZonelistsRef::EMPTY)), panic_of(|| published.prepare_fork())];
        assert_eq!(panics, [Some(ITSELF.to_owned()), Some(ITSELF.to_owned())]);
        assert_eq!(published.try_publish(ZonelistsRef::EMPTY), Err(PublishError::Busy), "`try_publish` does not wait");
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
    let alloc = |zone: &Zone<'static>| zone.alloc(Order::ZERO, Mobility::Movable);
    assert_eq!(panic_of(|| alloc(&allocator.zones()[0])).as_deref(), Some(ITSELF));
    assert_eq!(panic_of(|| allocator.published().publish(ZonelistsRef::EMPTY)).as_deref(), Some(ITSELF));
}
