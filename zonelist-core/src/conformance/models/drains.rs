//! That drains of page caches, publishes and one reader keep apart, whichever of the former two asks the reader first.
//!
//! The page allocator is left out, so that models are small: a handle's cache is a cell that must not be touched by
//! two at once, and an operation of a handle is what the allocator does at the slot.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed as Counted},
    },
    vec::Vec,
};

use super::{Bound, Explored, NORMAL, Zone, explore::explore_anew, node, publish, zoneref};
use crate::{
    Request, ZoneKind, Zoneref,
    publish::{Barrier, Published, Reader, Scheme, WhenStopped},
    sync::{
        Track,
        atomic::{AtomicUsize, Ordering::Relaxed},
        traced::{Log, membarrier},
    },
};

/// What one reader does beside a publish and a drain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beside {
    /// A handle walks and touches its cache, as an allocation does.
    Allocates,
    /// A handle touches its cache only, as a free does.
    Frees,
    /// A handle is registered, and allocates.
    Registers,
    /// A plain reader is registered, and walks.
    Reads,
    /// A plain reader walks and is dropped, and a handle gets its slot, and allocates.
    ChangesOwners,
}

/// Who asks the reader for something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asks {
    /// A thread that publishes so often, and another that drains until that does not fail.
    Both(usize),
    /// The same, but the drain gives the caches back, and pages may be in them then.
    BothForAWhile(usize),
    /// One that drains.
    Drain,
    /// One that publishes and then drains, each until that does not fail.
    PublishAndDrain,
}

/// A scheme with a slot's cache, and a word that keeps pages out of it: see
/// [`PageAllocator::without_caches`](crate::PageAllocator::without_caches).
struct Shared<S, B, const READERS: usize> {
    published: Published<S, B, READERS>,
    caches: [Track; READERS],
    uncached: AtomicUsize,
    /// In how many interleavings the cache was touched, and in how many it was out of reach.
    touched: [AtomicU64; 2],
}

const BEFORE: &[Zone] = &[NORMAL];
const AFTER: &[Zone] = &[];

/// Explores that a reader walks one version, and touches its cache while no drain has it.
///
/// # Panics
/// A walk shows neither version, or two touch a cache at once; or the cache was always, or never, in reach.
pub fn explore_drains<S, B, const READERS: usize>(
    name: &str,
    bound: Bound,
    beside: Beside,
    asks: Asks,
    make: impl Fn() -> Published<S, B, READERS> + Copy + Send + Sync + 'static,
) -> Explored
where
    S: Scheme + Send + 'static,
    B: Barrier,
{
    let (explored, counts) = explore_anew(name, bound, || {
        let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let into = Arc::clone(&counts);
        let model = move || {
            let touched = beside_both(make(), beside, asks);
            into.iter().zip(touched).for_each(|(count, more)| _ = count.fetch_add(more, Counted));
        };
        (counts, Arc::new(model), |_: &Arc<[AtomicU64; 2]>| std::string::String::new())
    });
    let [touched, out_of_reach] = [0, 1].map(|which| counts[which].load(Counted));
    if beside != Beside::Reads {
        assert!(touched > 0 && out_of_reach > 0, "model {name}: the drain never met the handle, or always");
    }
    explored
}

fn beside_both<S, B, const READERS: usize>(published: Published<S, B, READERS>, beside: Beside, asks: Asks) -> [u64; 2]
where
    S: Scheme + Send + 'static,
    B: Barrier,
{
    publish(&published, BEFORE);
    let shared = Arc::new(Shared {
        published,
        caches: core::array::from_fn(|_| Track::new()),
        uncached: AtomicUsize::new(0),
        touched: [AtomicU64::new(0), AtomicU64::new(0)],
    });
    Log::call("reader");
    // Who is registered before the others begin.
    let registered = match beside {
        Beside::Allocates | Beside::Frees => Some(shared.published.reader_with_slot().expect("a slot")),
        Beside::Registers | Beside::Reads | Beside::ChangesOwners => None,
    };
    let reader = (beside == Beside::ChangesOwners).then(|| shared.published.reader().expect("a slot"));
    Log::from_here();
    let others: Vec<_> = match asks {
        Asks::Both(publishes) => std::vec![shared.publisher(publishes), shared.drain()],
        Asks::BothForAWhile(publishes) => std::vec![shared.publisher(publishes), shared.drain_once()],
        Asks::Drain => std::vec![shared.drain()],
        Asks::PublishAndDrain => std::vec![shared.tries_again()],
    };
    match (beside, registered) {
        (Beside::Allocates, Some((mut handle, slot))) => {
            shared.allocate(&mut handle, slot);
            handle.release_own_slot();
        }
        (Beside::Frees, Some((mut handle, slot))) => {
            shared.touch(handle.enter_caches().is_some(), slot);
            handle.release_own_slot();
        }
        (Beside::Reads, _) => shared.walk(&mut shared.published.reader().expect("a slot")),
        (Beside::ChangesOwners, _) => {
            let mut reader = reader.expect("it was registered");
            shared.walk(&mut reader);
            drop(reader);
            shared.registers();
        }
        (_, _) => shared.registers(),
    }
    others.into_iter().for_each(membarrier::join);
    [0, 1].map(|which| shared.touched[which].load(Counted))
}

impl<S: Scheme + Send + 'static, B: Barrier, const READERS: usize> Shared<S, B, READERS> {
    fn publisher(self: &Arc<Self>, publishes: usize) -> loom::thread::JoinHandle<()> {
        let shared = Arc::clone(self);
        loom::thread::spawn(move || {
            Log::call("publisher");
            (0..publishes).for_each(|turn| _ = publish(&shared.published, if turn % 2 == 0 { AFTER } else { BEFORE }));
        })
    }

    fn drain(self: &Arc<Self>) -> loom::thread::JoinHandle<()> {
        let shared = Arc::clone(self);
        loom::thread::spawn(move || {
            Log::call("drain");
            while shared.without_caches().is_err() {}
        })
    }

    fn drain_once(self: &Arc<Self>) -> loom::thread::JoinHandle<()> {
        let shared = Arc::clone(self);
        loom::thread::spawn(move || {
            Log::call("drain");
            let drained = shared.published.revoke_caches(|_| true, |slot| shared.caches[slot].write());
            drained.expect("full fences do not fail");
        })
    }

    fn tries_again(self: &Arc<Self>) -> loom::thread::JoinHandle<()> {
        let shared = Arc::clone(self);
        loom::thread::spawn(move || {
            Log::call("publisher and drain");
            while shared.published.publish(crate::ZonelistsRef::EMPTY).is_err() {}
            while shared.without_caches().is_err() {}
        })
    }

    /// Keeps pages out of the caches for good, takes them out, and relies on it.
    fn without_caches(&self) -> Result<(), crate::publish::BarrierError> {
        self.uncached.store(1, Relaxed);
        let drained = self.published.revoke_caches(|_| true, |slot| self.caches[slot].write());
        if drained.is_ok() {
            Log::say("no page is in a cache");
            self.caches.iter().for_each(Track::write);
        }
        drained
    }

    fn registers(&self) {
        let (mut handle, slot) = self.published.reader_with_slot().expect("a slot");
        self.allocate(&mut handle, slot);
        handle.release_own_slot();
    }

    fn allocate(&self, handle: &mut Reader<'_, S, B>, slot: usize) {
        let filter = self.published.filter(&Request::up_to(ZoneKind::Movable));
        let seated = handle.enter_slot(WhenStopped::Wait).expect("it waits");
        self.touch(seated.may_touch, slot);
        let walk = seated.guard.walk(node(), &filter);
        self.judge(walk.collect());
    }

    fn walk(&self, reader: &mut Reader<'_, S, B>) {
        let filter = self.published.filter(&Request::up_to(ZoneKind::Movable));
        let guard = reader.enter();
        let walk = guard.walk(node(), &filter);
        self.judge(walk.collect());
        drop(guard);
        reader.quiescent();
    }

    fn judge(&self, seen: Vec<Zoneref>) {
        let version = |list: &[Zone]| list.iter().copied().map(zoneref).eq(seen.iter().copied());
        assert!(version(BEFORE) || version(AFTER), "a walk of {seen:?}, which is no version");
    }

    /// What an operation does with its cache.
    fn touch(&self, mine: bool, slot: usize) {
        let touches = mine && self.uncached.load(Relaxed) == 0;
        if touches {
            Log::say("touches its cache");
            self.caches[slot].write();
        }
        self.touched[usize::from(!touches)].fetch_add(1, Counted);
    }
}
