//! Requests to an allocator while one thread publishes without pause: how many are refused though
//! a zone that no version lacks could have served them.
//!
//! The lists are those of a node with one Normal zone and a box of seven nodes, which have movable
//! memory only and come and go together: those of the box change from `[Normal]` to seven Movable
//! zones and `[Normal]` behind them, and back. The requests are for kernel memory from each node of
//! the box, which nothing but the Normal zone can serve. It stands on every list of every version,
//! and has pages far above its marks all the time, since each thread holds one at most. So every
//! refusal is wrong, and what walks have missed is why.
//!
//! The zone is too small for page caches. Before a request is refused that may wait, the allocator
//! drains them, and walks again if there was a page in any: one more walk that need not be torn.

use std::{
    ops::{Add, Range},
    sync::{
        Barrier as Meeting,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use zonelist_core::{
    Capacity, Lists, Marks, NodeId, OutOfMemory, PageRequest, Row, RowError, ZoneId, ZoneKind, Zonelists, Zoneref,
    publish::{Barrier, PublishError, Published, Scheme},
};
use zonelist_schemes::{
    Buildable, SEATS, Visitor,
    allocator::{Allocator, AllocatorError, allocator},
    threads::{Job, together},
};

/// Requests of a thread between two looks at the clock.
const BURST: usize = 6_000;

/// Publishes between two looks at the clock.
const PUBLISHES: usize = 64;

/// Frames of the zone: fewer than 128, of which a handle would keep one.
const FRAMES: u64 = 120;

/// What became of the requests to one scheme's allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refusals {
    /// Requests.
    pub requests: u64,
    /// Of them, those that were refused: each of them wrongly.
    pub failed: u64,
    /// How often somebody published meanwhile.
    pub publishes: u64,
}

/// Allocates, frees and publishes for as long as asked.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Requests<'a> {
    /// Threads that allocate.
    pub threads: usize,
    /// How long.
    pub time: Duration,
    /// Told now and then how much of that time is over.
    pub tick: &'a mut dyn FnMut(Duration),
}

/// The one zone that serves.
const NORMAL: ZoneId = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);

/// Nodes of the box.
const BOX: Range<u16> = 1..8;

/// Room for the lists of all nodes, each with a zone of every node.
const CAPACITY: Capacity = Capacity::new(BOX.end as usize, BOX.end as usize).unwrap();

/// The lists with the box and without it.
fn versions() -> Result<[Zonelists; 2], RowError> {
    let version = |there: bool| {
        let (mut zonerefs, mut rows) = (vec![Zoneref::new(NORMAL)], vec![Row { start: 0, len: 1, own: 1 }]);
        for local in BOX {
            let start = zonerefs.len() as u32;
            let nearest = (local..BOX.end).chain(BOX.start..local).filter(|_| there).filter_map(NodeId::new);
            zonerefs.extend(nearest.map(|node| Zoneref::new(ZoneId::new(node, ZoneKind::Movable))));
            zonerefs.push(Zoneref::new(NORMAL));
            rows.push(Row { start, len: zonerefs.len() as u32 - start, own: u32::from(there) });
        }
        Lists::new(&zonerefs, &rows).map(Zonelists::from)
    };
    Ok([version(true)?, version(false)?])
}

impl Visitor for Requests<'_> {
    type Output = Result<Refusals, AllocatorError>;

    const MOST_ZONES: usize = CAPACITY.zones();

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> Self::Output {
        let versions = versions()?;
        let published = Published::new(S::build(CAPACITY));
        published.publish(&versions[0])?;
        let marks = Marks { min: 16, low: 20, high: 24, ..Marks::default() };
        let allocator: Allocator<S, B, SEATS> = allocator(published, &[(NORMAL, FRAMES, marks)])?;
        let (begin, time) = (Instant::now(), self.time);
        let (start, asking) = (Meeting::new(self.threads + 1), AtomicUsize::new(self.threads));
        let job = || {
            let _done = Done(&asking);
            start.wait();
            ask(&allocator, || begin.elapsed() < time)
        };
        let jobs = (0..self.threads).map(|_| Box::new(job) as Job<'_, _>).collect();
        let mut publishes = Ok(0);
        let asked = together(jobs, &mut |_| {
            start.wait();
            publishes = self.publish(allocator.published(), &versions, &asking, begin);
        });
        let begun = Refusals { publishes: publishes?, ..Refusals::default() };
        asked.into_iter().try_fold(begun, |sum, one| Ok(sum + one?))
    }
}

impl Requests<'_> {
    /// Publishes until nobody asks any more, and says how often.
    fn publish<S: Scheme, B: Barrier>(
        &mut self,
        published: &Published<S, B, SEATS>,
        versions: &[Zonelists; 2],
        asking: &AtomicUsize,
        begin: Instant,
    ) -> Result<u64, PublishError> {
        let mut publishes = 0;
        loop {
            for version in versions.iter().cycle().take(PUBLISHES) {
                published.publish(version)?;
                publishes += 1;
            }
            (self.tick)(begin.elapsed().min(self.time));
            if asking.load(Relaxed) == 0 {
                return Ok(publishes);
            }
        }
    }
}

/// Asks in bursts for as long as there is time, at least one, and gives back at once what it gets.
fn ask<S: Scheme, B: Barrier>(
    allocator: &Allocator<S, B, SEATS>,
    time: impl Fn() -> bool,
) -> Result<Refusals, AllocatorError> {
    let class = allocator.class(&PageRequest::up_to(ZoneKind::Normal))?;
    let nodes: Vec<NodeId> = BOX.filter_map(NodeId::new).collect();
    let mut local = allocator.local()?;
    let mut sum = Refusals::default();
    while sum.requests == 0 || time() {
        for &node in nodes.iter().cycle().take(BURST) {
            sum.requests += 1;
            match local.alloc(node, &class) {
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

/// Counts a thread off, also out of a panic: the publisher waits for that.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use zonelist_core::{
        Request, Scope,
        publish::{Facts, FullFence, Grace, Guarantee, ReadToken, Walk, Writer},
    };

    use super::*;
    use zonelist_schemes::SchemeId;

    /// A scheme whose walks show nothing.
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
            Facts { guarantee: Guarantee::Racy, ..<zonelist_core::StopWorld<Box<[zonelist_core::Slot]>>>::FACTS };
        const GRACE: Grace = Grace::None;
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

        fn publish(&self, _: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
            Ok(())
        }
    }

    impl Buildable for Blind {
        fn build(_: Capacity) -> Self {
            Self
        }

        fn heap(_: Capacity) -> Option<usize> {
            None
        }
    }

    #[test]
    fn every_refusal_counts() {
        let mut requests = Requests { threads: 2, time: Duration::ZERO, tick: &mut |_| () };
        let Refusals { requests, failed, .. } = requests.visit::<Blind, FullFence>().unwrap();
        assert_eq!((requests, failed), (2 * BURST as u64, 2 * BURST as u64));
    }

    #[test]
    fn nothing_but_the_normal_zone_can_serve_and_no_version_lacks_it() {
        let request = Request::up_to(ZoneKind::Normal);
        let versions = versions().unwrap();
        for (version, zones) in versions.iter().zip([8, 1]) {
            for node in BOX.filter_map(NodeId::new) {
                let list = version.lists().of(node, Scope::Fallback);
                assert_eq!((list.len(), list.last()), (zones, Some(&Zoneref::new(NORMAL))));
                assert_eq!(list.iter().filter(|entry| request.admits(entry.zone())).count(), 1);
            }
        }
    }

    #[test]
    fn a_burst_at_least_is_asked_for_and_published_under() {
        for scheme in SchemeId::all() {
            let mut requests = Requests { threads: 1, time: Duration::ZERO, tick: &mut |_| () };
            let Refusals { requests, publishes, .. } = scheme.visit(&mut requests).unwrap();
            assert!(requests == BURST as u64 && publishes > 0, "{}: {requests}, {publishes}", scheme.name());
        }
    }
}
