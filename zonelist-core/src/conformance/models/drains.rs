//! Models of a drain, a publish and one reader at once: the reader's per-CPU pages have one user at a time.
//!
//! The drain and the publish each send a request to the reader, in either sequence. The page allocator is left out, so
//! that models are small. The per-CPU pages of a handle are a cell that two threads must not access at once. An
//! operation of a handle is what the allocator does at the reader slot.

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
    publish::{Platform, Published, Reader, ReaderSlots, Reclaim, Scheme, WhenStopped, explore_registrations},
    sync::{
        Track,
        atomic::{AtomicUsize, Ordering::Relaxed},
        traced::{Log, membarrier},
    },
};

/// What the reader does beside a publish and a drain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReaderRole {
    /// A handle walks and accesses its per-CPU pages, as an allocation does.
    Allocates,
    /// A handle accesses only its per-CPU pages, as a free does.
    Frees,
    /// A handle is registered, and allocates.
    Registers,
    /// A slot is added. A handle is registered in it, and allocates. The lists have no slot before.
    RegistersInNewSlot,
    /// A plain reader is registered, and walks.
    Reads,
    /// A plain reader walks and is dropped. Then a handle is registered in its slot, and allocates.
    ChangesOwners,
}

/// The threads that send requests to the reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requesters {
    /// A thread that publishes this number of times, and another that drains until the drain succeeds.
    Both(usize),
    /// A thread that publishes this number of times, and another that drains once, and gives the per-CPU pages back.
    BothForAWhile(usize),
    /// A thread that drains until the drain succeeds.
    Drain,
    /// A thread that publishes this number of times and then drains, and repeats each until it succeeds.
    PublishAndDrain(usize),
}

/// A scheme, the per-CPU pages of each slot, and a word that keeps pages out of them: see
/// [`PageAllocator::without_caches`](crate::PageAllocator::without_caches).
struct Shared<S, P> {
    published: Published<S, P>,
    /// By slot. loom takes each for plain memory, and reports accesses of two threads at once.
    caches: Vec<Track>,
    /// 1 if no page may be in the per-CPU pages.
    uncached: AtomicUsize,
    /// The number of operations that accessed the per-CPU pages, and of those that could not.
    accesses: [AtomicU64; 2],
}

const BEFORE: &[Zone] = &[NORMAL];
const AFTER: &[Zone] = &[];

/// Explores that a reader walks one version, and accesses its per-CPU pages only while no drain has them.
///
/// # Panics
/// If a walk shows neither version, or if two threads access the per-CPU pages of a slot at once. Also if the
/// per-CPU pages were accessible in every interleaving, or in none.
pub fn explore_drains<S, P>(
    name: &str,
    bound: Bound,
    beside: ReaderRole,
    asks: Requesters,
    make: impl Fn() -> Published<S, P> + Copy + Send + Sync + 'static,
) -> Explored
where
    S: Scheme + Send + 'static,
    P: Platform,
{
    let publish = |published: &Published<S, P>, publishes| {
        (0..publishes).for_each(|turn| _ = publish(published, if turn % 2 == 0 { AFTER } else { BEFORE }));
    };
    explore_beside(name, bound, beside, asks, publish, make)
}

/// The same beside a grace period that is waited for at once, in place of publishes: it requests of the reader what a
/// publish requests only of one that is active.
///
/// # Panics
/// As [`explore_drains`].
pub fn explore_drains_beside_synchronize<S, P>(
    name: &str,
    bound: Bound,
    beside: ReaderRole,
    make: impl Fn() -> Published<S, P> + Copy + Send + Sync + 'static,
) -> Explored
where
    S: Reclaim + Send + 'static,
    P: Platform,
{
    let synchronize = |published: &Published<S, P>, _| published.synchronize().expect("full fences do not fail");
    explore_beside(name, bound, beside, Requesters::BothForAWhile(1), synchronize, make)
}

fn explore_beside<S, P>(
    name: &str,
    bound: Bound,
    beside: ReaderRole,
    asks: Requesters,
    publish: fn(&Published<S, P>, usize),
    make: impl Fn() -> Published<S, P> + Copy + Send + Sync + 'static,
) -> Explored
where
    S: Scheme + Send + 'static,
    P: Platform,
{
    let (explored, accesses) = explore_anew(name, bound, || {
        let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let into = Arc::clone(&counts);
        let model = move || {
            explore_registrations(!matches!(beside, ReaderRole::Allocates | ReaderRole::Frees));
            let accesses = beside_requests(make(), beside, asks, publish);
            into.iter().zip(accesses).for_each(|(count, more)| _ = count.fetch_add(more, Counted));
        };
        (counts, Arc::new(model), |_: &Arc<[AtomicU64; 2]>| std::string::String::new())
    });
    let [accessed, revoked] = [0, 1].map(|which| accesses[which].load(Counted));
    if beside != ReaderRole::Reads {
        assert!(accessed > 0 && revoked > 0, "model {name}: the drain never met the handle, or always");
    }
    explored
}

/// Runs the reader beside the threads that send requests. Returns how often the per-CPU pages were accessed, and how
/// often they could not be.
fn beside_requests<S, P>(
    published: Published<S, P>,
    beside: ReaderRole,
    asks: Requesters,
    publishes: fn(&Published<S, P>, usize),
) -> [u64; 2]
where
    S: Scheme + Send + 'static,
    P: Platform,
{
    publish(&published, BEFORE);
    let added = usize::from(beside == ReaderRole::RegistersInNewSlot);
    let caches = (0..published.slots() + added).map(|_| Track::new()).collect();
    let shared = Arc::new(Shared {
        published,
        caches,
        uncached: AtomicUsize::new(0),
        accesses: [AtomicU64::new(0), AtomicU64::new(0)],
    });
    Log::call("reader");
    // Registered before the others begin, so that the registration is not explored too.
    let registered = match beside {
        ReaderRole::Allocates | ReaderRole::Frees => {
            Some(shared.published.reader_with_slot(usize::MAX).expect("a reader slot"))
        }
        ReaderRole::Registers | ReaderRole::RegistersInNewSlot | ReaderRole::Reads | ReaderRole::ChangesOwners => None,
    };
    let reader = (beside == ReaderRole::ChangesOwners).then(|| shared.published.reader().expect("a reader slot"));
    Log::from_here();
    let others: Vec<_> = match asks {
        Requesters::Both(count) => std::vec![shared.publisher(publishes, count), shared.drain()],
        Requesters::BothForAWhile(count) => std::vec![shared.publisher(publishes, count), shared.drain_once()],
        Requesters::Drain => std::vec![shared.drain()],
        Requesters::PublishAndDrain(publishes) => std::vec![shared.publisher_and_drain(publishes)],
    };
    match (beside, registered) {
        (ReaderRole::Allocates, Some((mut handle, slot))) => {
            shared.allocate(&mut handle, slot);
            handle.release_own_slot();
        }
        (ReaderRole::Frees, Some((mut handle, slot))) => {
            shared.touch(handle.enter_caches().is_some(), slot);
            handle.release_own_slot();
        }
        (ReaderRole::Reads, _) => shared.walk(&mut shared.published.reader().expect("a reader slot")),
        (ReaderRole::ChangesOwners, _) => {
            let mut reader = reader.expect("it was registered");
            shared.walk(&mut reader);
            // The only slot is free from here on, so the handle below gets it.
            drop(reader);
            shared.registers();
        }
        (ReaderRole::RegistersInNewSlot, _) => {
            shared.published.add_slots(ReaderSlots::boxed(1));
            shared.registers();
        }
        (_, _) => shared.registers(),
    }
    others.into_iter().for_each(membarrier::join);
    [0, 1].map(|which| shared.accesses[which].load(Counted))
}

impl<S: Scheme + Send + 'static, P: Platform> Shared<S, P> {
    /// Publishes this many times: by turns the list of [`AFTER`] and of [`BEFORE`].
    fn publisher(
        self: &Arc<Self>,
        publishes: fn(&Published<S, P>, usize),
        count: usize,
    ) -> loom::thread::JoinHandle<()> {
        let shared = Arc::clone(self);
        loom::thread::spawn(move || {
            Log::call("publisher");
            publishes(&shared.published, count);
        })
    }

    /// Drains for good, and repeats it until it succeeds.
    fn drain(self: &Arc<Self>) -> loom::thread::JoinHandle<()> {
        let shared = Arc::clone(self);
        loom::thread::spawn(move || {
            Log::call("drain");
            while shared.without_caches().is_err() {}
        })
    }

    /// Drains once, and gives the per-CPU pages back.
    fn drain_once(self: &Arc<Self>) -> loom::thread::JoinHandle<()> {
        let shared = Arc::clone(self);
        loom::thread::spawn(move || {
            Log::call("drain");
            let drained = shared.published.revoke_caches(|_| true, |slot| shared.caches[slot].write());
            drained.expect("full fences do not fail");
        })
    }

    /// Publishes, then drains for good, and repeats each until it succeeds.
    fn publisher_and_drain(self: &Arc<Self>, publishes: usize) -> loom::thread::JoinHandle<()> {
        let shared = Arc::clone(self);
        loom::thread::spawn(move || {
            Log::call("publisher and drain");
            for _ in 0..publishes {
                while shared.published.publish(crate::zonelist::ZonelistsRef::EMPTY).is_err() {}
            }
            while shared.without_caches().is_err() {}
        })
    }

    /// Keeps pages out of all per-CPU pages for good, drains them, and then accesses them as the only user.
    fn without_caches(&self) -> Result<(), crate::publish::BarrierError> {
        // Relaxed: the barrier pair of the slot's handshake orders it. Either `revoke_caches` waits for an operation,
        // or the load of that operation in `touch` sees this store.
        self.uncached.store(1, Relaxed);
        let drained = self.published.revoke_caches(|_| true, |slot| self.caches[slot].write());
        if drained.is_ok() {
            // From here on no operation accesses them: loom reports one that does, since nothing orders it with these
            // writes.
            Log::say("no page is in a cache");
            self.caches.iter().for_each(Track::write);
        }
        drained
    }

    fn registers(&self) {
        let (mut handle, slot) = self.published.reader_with_slot(usize::MAX).expect("a reader slot");
        self.allocate(&mut handle, slot);
        handle.release_own_slot();
    }

    fn allocate(&self, handle: &mut Reader<'_, S, P>, slot: usize) {
        let filter = self.published.filter(&Request::up_to(ZoneKind::Movable));
        let entered = handle.enter_slot(WhenStopped::Wait).expect("it waits");
        self.touch(entered.may_touch, slot);
        let walk = entered.guard.walk(node(), &filter);
        self.judge(walk.collect());
    }

    fn walk(&self, reader: &mut Reader<'_, S, P>) {
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

    /// Accesses the per-CPU pages of a slot as an operation does: if `mine`, and if pages may be in them.
    fn touch(&self, mine: bool, slot: usize) {
        // Relaxed: the barrier pair of the slot's handshake orders it with the store in `without_caches`.
        let accesses = mine && self.uncached.load(Relaxed) == 0;
        if accesses {
            Log::say("touches its cache");
            self.caches[slot].write();
        }
        self.accesses[usize::from(!accesses)].fetch_add(1, Counted);
    }
}
