//! The two races that Linux' in-place rebuild had from 4.14 to 5.19, for any scheme.
//!
//! *The stale cursor*, reported in 2022: the list of a node is `[Movable, Normal]`. An allocation is
//! past the Movable zone, and keeps its place. The last movable block goes off line, the list is
//! rewritten to `[Normal]`; what was the place of Normal is now the end. The allocation goes on
//! from there as often as it likes, finds no zone at all, and the system kills a process for want of
//! memory though Normal has some, in every version. Linux 6.0 has readers look at a sequence
//! counter before they believe that (commit 3d36424b3b58).
//!
//! *The growing list*: `[Normal]` becomes `[Movable, Normal]`. Once the first slot is written and
//! before the second is, no Normal is anywhere, and a request of Normal meets an empty list.

use std::{
    println,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    vec,
};

use super::{Explored, NODE, Scenario, Zone, builder, full, node, publish, resumed};
use crate::{
    Capacity, PageAllocator, PageRequest, Spin, Zone as Frames, ZoneId, ZoneKind,
    publish::{Barrier, Guarantee, Published, Scheme},
};

const M: Zone = (ZoneKind::Movable, NODE);
const N: Zone = (ZoneKind::Normal, NODE);

/// Room for the lists of both races.
pub const ROOM: Capacity = Capacity::new(1, super::ZONES).unwrap();

/// What an exploration of both races found.
#[derive(Clone, Copy, Debug)]
pub struct Races {
    /// Scans that go on from a place in a list that has become shorter.
    pub cursor: Explored,
    /// Walks of a list that becomes longer, for a request that one zone of it serves.
    pub growing: Explored,
}

/// Explores both races as walks, and holds them to the scheme's guarantee.
///
/// # Panics
/// A walk that the guarantee rules out.
pub fn explore_races<S, B, const SEATS: usize>(
    scheme: &str,
    preemptions: Option<usize>,
    make: impl Fn() -> Published<S, B, SEATS> + Copy + Sync + Send + 'static,
) -> Races
where
    S: Scheme + Send + 'static,
    B: Barrier,
{
    let bounded = |scenario: Scenario| Scenario { preemptions, ..scenario };
    let named = |race| Scenario::new(std::format!("{scheme}: {race}"));
    let cursor = named("the stale cursor of 2022").before(&[M, N]).publisher(&[&[N]]);
    let growing = named("the growing list").before(&[N]).publisher(&[&[M, N]]);
    Races {
        cursor: bounded(cursor).reader(&[resumed(1, ZoneKind::Movable)]).explore(make),
        growing: bounded(growing).reader(&[full(ZoneKind::Normal)]).uniform().explore(make),
    }
}

/// What became of allocations that either race could have cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// In so many interleavings there was no page for an allocation beside the shrinking list.
    pub shrinking: u64,
    /// The same, beside the growing list.
    pub growing: u64,
}

/// Explores both races as allocations of the page allocator: Movable has no page, Normal has some.
///
/// # Panics
/// An allocation is refused under another guarantee than [`Guarantee::Racy`], or a page is lost.
pub fn explore_refusals<S, B>(
    scheme: &str,
    preemptions: Option<usize>,
    make: impl Fn() -> Published<S, B, 1> + Copy + Sync + Send + 'static,
) -> Refused
where
    S: Scheme + Send + 'static,
    B: Barrier,
{
    let explore = |name: &str, before: &'static [Zone], after: &'static [Zone], highest| {
        let (all, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counts = (Arc::clone(&all), Arc::clone(&refused));
        builder(preemptions).check(move || {
            counts.0.fetch_add(1, Relaxed);
            let served = allocate_beside(make(), before, after, highest);
            counts.1.fetch_add(u64::from(!served), Relaxed);
        });
        let (all, refused) = (all.load(Relaxed), refused.load(Relaxed));
        println!("model {scheme}: an allocation beside {name}: {all} interleavings; refused in {refused}");
        assert!(all > 1, "nothing was explored");
        assert!(refused == 0 || S::FACTS.guarantee == Guarantee::Racy, "{scheme}: an allocation was refused wrongly");
        refused
    };
    Refused {
        shrinking: explore("a shrinking list", &[M, N], &[N], ZoneKind::Movable),
        growing: explore("a growing list", &[N], &[M, N], ZoneKind::Normal),
    }
}

/// Allocates a page while another list is published. Says whether there was one.
fn allocate_beside<S, B>(
    published: Published<S, B, 1>,
    before: &[Zone],
    after: &'static [Zone],
    highest: ZoneKind,
) -> bool
where
    S: Scheme + Send + 'static,
    B: Barrier,
{
    const FRAMES: u64 = 512;
    let zone = |kind| Frames::boxed(ZoneId::new(node(), kind), 0..FRAMES, 9, Spin::new()).expect("a zone");
    let normal = zone(ZoneKind::Normal);
    normal.add(0..FRAMES).expect("frames");
    publish(&published, before);
    let zones = vec![zone(ZoneKind::Movable), normal];
    let pages: PageAllocator<'static, S, B, Spin, 1> = PageAllocator::boxed(published, zones).expect("an allocator");
    let pages = Arc::new(pages);
    let class = pages.class(&PageRequest::up_to(highest)).expect("order 0");
    let mut local = pages.local().expect("a seat");
    let publisher = loom::thread::spawn({
        let pages = Arc::clone(&pages);
        move || drop(publish(pages.published(), after))
    });
    let page = local.alloc(node(), &class);
    publisher.join().expect("the publisher");
    page.into_iter().for_each(|page| local.free(page).expect("it was handed out"));
    drop(local);
    let normal = ZoneId::new(node(), ZoneKind::Normal);
    assert_eq!(pages.zone(normal).map(Frames::free_pages), Some(FRAMES as usize), "a page was lost");
    page.is_ok()
}
