//! Concurrent threads: no page is lost, and none is allocated to two threads.

use std::{
    mem,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
    thread,
};

#[cfg(target_os = "linux")]
use zonelist_core::publish::{Barrier, Membarrier, Parts};
use zonelist_core::{
    Mobility, NodeId, PageRequest,
    ZoneKind::{Movable, Normal},
    publish::{Platform, Scheme, Standard},
    sync::Spin,
    zone::Order,
};

use super::{
    oracle::Handle,
    setup::{Allocator, ZONES, no_protocol, preempted, stop_world, versions},
};

/// The number of operations of each thread.
const OPERATIONS: usize = if cfg!(miri) { 400 } else { 20_000 };

/// A pseudo-random number generator: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Three threads allocate and free. One replaces its handle now and then, and the others exchange theirs for a spare one.
/// A fourth thread drains and publishes.
fn stress<S: Scheme<Local: Send> + Send + Sync, P: Platform<Lock = Spin>>(allocator: &Allocator<S, P>) {
    let spare = Mutex::new(allocator.local().unwrap());
    let owners: Vec<AtomicU8> = (0..12_288).map(|_| AtomicU8::new(0)).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..3_u64)
            .map(|number| {
                let (owners, spare) = (&owners, &spare);
                scope.spawn(move || work(allocator, owners, spare, number))
            })
            .collect();
        scope.spawn(|| {
            let versions = versions();
            for round in 0.. {
                if done.load(Relaxed) {
                    break;
                }
                match round % 3 {
                    0 => drop(allocator.drain().unwrap()),
                    1 => drop(allocator.published().publish(&versions[round % versions.len()])),
                    _ => allocator
                        .without_caches(ZONES[round % 4].0, || {
                            assert_eq!(allocator.stats(ZONES[round % 4].0).unwrap().cached, 0)
                        })
                        .unwrap(),
                }
                thread::yield_now();
            }
        });
        let outcomes: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Relaxed);
        outcomes.into_iter().for_each(|outcome| outcome.unwrap());
    });
    drop(spare);
    allocator.drain().unwrap();
    for (id, _) in ZONES {
        let stats = allocator.stats(id).unwrap();
        assert_eq!((stats.free, stats.cached, stats.misdirected), (stats.managed, 0, 0), "{id}");
    }
}

fn work<'a, S: Scheme, P: Platform<Lock = Spin>>(
    allocator: &'a Allocator<S, P>,
    owners: &[AtomicU8],
    spare: &Mutex<Handle<'a, S, P>>,
    number: u64,
) {
    let request =
        |order, mobility, highest| allocator.prepare(&PageRequest::up_to(highest).order(order).mobility(mobility));
    let requests = [
        request(Order::ZERO, Mobility::Movable, Movable),
        request(Order::ZERO, Mobility::Unmovable, Normal),
        request(Order::of::<1>(), Mobility::Movable, Movable),
        request(Order::of::<3>(), Mobility::Unmovable, Normal),
        request(Order::of::<6>(), Mobility::Movable, Normal),
        request(Order::PAGEBLOCK, Mobility::Movable, Movable),
    ];
    let mut random = Random(number + 77);
    let (mut local, mut live) = (allocator.local().unwrap(), Vec::new());
    for operation in 0..OPERATIONS {
        let grow = random.below(100) < if operation % 4000 < 2500 { 60 } else { 30 };
        if grow {
            let prepared = &requests[random.below(9) % 7 % requests.len()];
            if let Ok(page) = local.alloc(NodeId::new(random.below(2) as u16).unwrap(), prepared) {
                for owner in &owners[page.pfn().number() as usize..][..page.order().pages() as usize] {
                    assert_eq!(owner.swap(number as u8 + 1, Relaxed), 0, "{page:?} is allocated to another thread");
                }
                live.push(page);
            }
        } else if !live.is_empty() {
            let page = live.swap_remove(random.below(live.len()));
            for owner in &owners[page.pfn().number() as usize..][..page.order().pages() as usize] {
                assert_eq!(owner.swap(0, Relaxed), number as u8 + 1, "{page:?} is not allocated to this thread");
            }
            local.free(page).unwrap();
        }
        if number > 0 && operation % 100 == 99 {
            mem::swap(&mut local, &mut spare.lock().unwrap());
        }
        if number == 0 && operation % 1000 == 999 {
            local = {
                drop(local);
                allocator.local().unwrap()
            };
        }
    }
    for page in live {
        owners[page.pfn().number() as usize..][..page.order().pages() as usize]
            .iter()
            .for_each(|owner| owner.store(0, Relaxed));
        local.free(page).unwrap();
    }
}

#[test]
fn threads_share_pages_under_stop_world() {
    stress(&stop_world::<Standard>());
}

#[test]
fn threads_share_pages_without_a_reader_protocol() {
    stress(&no_protocol::<Standard>());
}

#[test]
fn threads_share_pages_with_a_per_entry_protocol() {
    stress(&preempted::<Standard>());
}

#[cfg(target_os = "linux")]
#[test]
fn threads_share_pages_under_membarrier() {
    if Membarrier::prepare() {
        stress(&stop_world::<Parts<Membarrier>>());
        stress(&no_protocol::<Parts<Membarrier>>());
    }
}
