//! Requests to a page allocator while one thread publishes without pause: the refusals that a torn walk causes.
//!
//! Node 0 has one Normal zone. Seven more nodes have Movable memory only, which is plugged and unplugged as a whole:
//! their lists change from `[Normal]` to seven Movable zones followed by `[Normal]`, and back. Requests are for kernel
//! memory, from each of the seven nodes. Only the Normal zone can serve them.
//!
//! That zone is on every list of every version. Each thread holds at most one page, so the zone is always far above its
//! watermarks. Every refusal is therefore wrong, and is due to a zone that a walk has missed.
//!
//! The zone is too small for per-CPU pages. A request that may wait is not refused at once: the allocator drains the
//! per-CPU pages and walks again if it found a page in any, so that a refusal needs two walks that miss the zone.

use std::{
    ops::{Add, Range},
    sync::{
        Barrier as ThreadBarrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use zonelist_core::{
    NodeId, PageRequest, ZoneId, ZoneKind, Zonelists, Zoneref,
    page_alloc::OutOfMemory,
    publish::{Platform, PublishError, Published, ReaderSlots, Scheme},
    sync::Spin,
    table::Capacity,
    zone::ZoneWatermarks,
    zonelist::{NodeSpan, NodeSpanError, ZonelistsRef},
};
use zonelist_schemes::{
    Buildable, READERS, Visitor,
    allocator::{Allocator, AllocatorError, allocator},
    threads::{Job, run_together},
};

/// Requests of a thread between two reads of the clock: few, since a publisher without a pause holds readers of a stopped
/// world up.
const BURST: usize = 70;

/// Publishes between two reads of the clock.
const PUBLISHES: usize = 64;

/// Page frames of the zone: fewer than 128, the least for which a handle would keep a page.
const FRAMES: u64 = 120;

/// Counts of requests to one scheme's allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refusals {
    /// Requests.
    pub requests: u64,
    /// Refused requests, each of them wrongly.
    pub failed: u64,
    /// Publishes in the same time.
    pub publishes: u64,
}

/// A run of allocations, frees and publishes for a given time.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Requests<'a> {
    /// Threads that allocate.
    pub threads: usize,
    /// The time of the run.
    pub time: Duration,
    /// Called periodically with the time since the start.
    pub tick: &'a mut dyn FnMut(Duration),
}

/// The only zone that can serve the requests.
const NORMAL: ZoneId = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);

/// Nodes with Movable memory only, which is plugged and unplugged.
const PLUGGED: Range<u16> = 1..8;

/// Capacity for the lists of all nodes, each with a zone of every node.
const CAPACITY: Capacity = Capacity::new(PLUGGED.end as usize, PLUGGED.end as usize).unwrap();

/// The lists with the plugged memory, and without it.
fn versions() -> Result<[Zonelists; 2], NodeSpanError> {
    let version = |plugged: bool| {
        let (mut zonerefs, mut rows) = (vec![Zoneref::new(NORMAL)], vec![NodeSpan { start: 0, len: 1, own: 1 }]);
        for local in PLUGGED {
            let start = zonerefs.len() as u32;
            // Each list begins with the node's own zone, so that versions differ in their first entry.
            let nearest = (local..PLUGGED.end).chain(PLUGGED.start..local).filter(|_| plugged).filter_map(NodeId::new);
            zonerefs.extend(nearest.map(|node| Zoneref::new(ZoneId::new(node, ZoneKind::Movable))));
            zonerefs.push(Zoneref::new(NORMAL));
            rows.push(NodeSpan { start, len: zonerefs.len() as u32 - start, own: u32::from(plugged) });
        }
        ZonelistsRef::new(&zonerefs, &rows).map(Zonelists::from)
    };
    Ok([version(true)?, version(false)?])
}

impl Visitor for Requests<'_> {
    type Output = Result<Refusals, AllocatorError>;

    const MAX_ZONES: usize = CAPACITY.zones();

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let versions = versions()?;
        let published = Published::with_platform(S::build(CAPACITY), ReaderSlots::boxed(READERS));
        published.publish(&versions[0])?;
        let watermarks = ZoneWatermarks { min: 16, low: 20, high: 24, ..ZoneWatermarks::default() };
        let allocator: Allocator<S, P> = allocator(published, &[(NORMAL, FRAMES, watermarks)])?;
        let (begin, time) = (Instant::now(), self.time);
        // Requests and publishes begin together, so that every burst races with publishes.
        let (start, running) = (ThreadBarrier::new(self.threads + 1), AtomicUsize::new(self.threads));
        let job = || {
            let _done = CountDown(&running);
            start.wait();
            request_in_bursts(&allocator, || begin.elapsed() < time)
        };
        let jobs = (0..self.threads).map(|_| Box::new(job) as Job<'_, _>).collect();
        let mut publishes = Ok(0);
        let counts = run_together(jobs, &mut |_| {
            start.wait();
            publishes = self.publish(allocator.published(), &versions, &running, begin);
        });
        let publishes = Refusals { publishes: publishes?, ..Refusals::default() };
        counts.into_iter().try_fold(publishes, |sum, one| Ok(sum + one?))
    }
}

impl Requests<'_> {
    /// Publishes until all requesting threads have ended, and returns the number of publishes.
    fn publish<S: Scheme, P: Platform<Lock = Spin>>(
        &mut self,
        published: &Published<S, P>,
        versions: &[Zonelists; 2],
        running: &AtomicUsize,
        begin: Instant,
    ) -> Result<u64, PublishError> {
        let mut publishes = 0;
        loop {
            for version in versions.iter().cycle().take(PUBLISHES) {
                published.publish(version)?;
                publishes += 1;
            }
            (self.tick)(begin.elapsed().min(self.time));
            // Relaxed, with the decrement in `CountDown::drop`: only the value counts, and `together` joins the threads
            // before their results are read.
            if running.load(Relaxed) == 0 {
                return Ok(publishes);
            }
        }
    }
}

/// Requests pages in bursts while there is time, at least one burst, and frees each page at once.
fn request_in_bursts<S: Scheme, P: Platform<Lock = Spin>>(
    allocator: &Allocator<S, P>,
    time: impl Fn() -> bool,
) -> Result<Refusals, AllocatorError> {
    let prepared = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
    let nodes: Vec<NodeId> = PLUGGED.filter_map(NodeId::new).collect();
    let mut local = allocator.local()?;
    let mut sum = Refusals::default();
    while sum.requests == 0 || time() {
        for &node in nodes.iter().cycle().take(BURST) {
            sum.requests += 1;
            match local.alloc(node, &prepared) {
                Ok(page) => local.free(page)?,
                Err(OutOfMemory) => sum.failed += 1,
            }
        }
    }
    Ok(sum)
}

impl Add for Refusals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let Self { requests, failed, publishes } = other;
        Self { requests: self.requests + requests, failed: self.failed + failed, publishes: self.publishes + publishes }
    }
}

/// Subtracts one when a thread ends, by a return or by a panic: the publisher waits for zero.
struct CountDown<'a>(&'a AtomicUsize);

impl Drop for CountDown<'_> {
    fn drop(&mut self) {
        // Relaxed, with the load in `Requests::publish`: the value carries no data.
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use zonelist_core::{
        Request,
        publish::{Facts, Guarantee, ReadToken, ReaderProtocol, Walk, Writer},
        zonelist::Scope,
    };

    use super::*;
    use zonelist_schemes::SchemeId;

    /// A scheme whose walks are empty.
    struct Blind;

    #[derive(Clone)]
    struct Nothing;

    impl Iterator for Nothing {
        type Item = Zoneref;

        fn next(&mut self) -> Option<Zoneref> {
            None
        }
    }

    impl Walk for Nothing {}

    impl Scheme for Blind {
        const FACTS: Facts =
            <zonelist_core::stop_world::StopWorld<Box<[zonelist_core::table::Slot]>>>::FACTS.guarantee(Guarantee::Racy);
        const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
        type Local = ();
        type Filter = ();
        type Pinned<'g> = ();
        type Walk<'w> = Nothing;

        fn local(&self) {}

        fn filter(&self, _: &Request) {}

        fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) {}

        fn walk<'w, 'g: 'w>((): &'w (), _: NodeId, (): &'w ()) -> Nothing {
            Nothing
        }

        fn publish(&self, _: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
            Ok(())
        }
    }

    impl Buildable for Blind {
        fn build(_: Capacity) -> Self {
            Self
        }

        fn heap_bytes(_: Capacity) -> Option<usize> {
            None
        }
    }

    #[test]
    fn every_refusal_counts() {
        let mut requests = Requests { threads: 2, time: Duration::ZERO, tick: &mut |_| () };
        let Refusals { requests, failed, .. } = requests.visit::<Blind, zonelist_core::publish::Standard>().unwrap();
        assert_eq!((requests, failed), (2 * BURST as u64, 2 * BURST as u64));
    }

    #[test]
    fn the_normal_zone_alone_can_serve_and_is_in_every_version() {
        let request = Request::up_to(ZoneKind::Normal);
        let versions = versions().unwrap();
        for (version, zones) in versions.iter().zip([8, 1]) {
            for node in PLUGGED.filter_map(NodeId::new) {
                let list = version.lists().of(node, Scope::Fallback);
                assert_eq!((list.len(), list.last()), (zones, Some(&Zoneref::new(NORMAL))));
                assert_eq!(list.iter().filter(|entry| request.admits(entry.zone())).count(), 1);
            }
        }
    }

    #[test]
    fn a_run_of_no_time_has_one_burst_and_publishes() {
        for scheme in SchemeId::all() {
            let mut requests = Requests { threads: 1, time: Duration::ZERO, tick: &mut |_| () };
            let Refusals { requests, publishes, .. } = scheme.visit(&mut requests).unwrap();
            assert!(requests == BURST as u64 && publishes > 0, "{}: {requests}, {publishes}", scheme.name());
        }
    }
}
