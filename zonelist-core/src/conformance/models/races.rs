//! The two races that Linux' in-place rebuild had from 4.14 to 5.19, for any scheme.
//!
//! *The stale cursor*, reported in 2022: the list of a node is `[Movable, Normal]`. An allocation is past the Movable
//! zone, and keeps its cursor. The last movable block goes offline, and the list is rewritten to `[Normal]`. The slot
//! that had Normal is now the end of the list. Every scan from the cursor finds no zone, and the system kills a process
//! for lack of memory, though Normal has some in every version. Since Linux 6.0 readers compare a sequence counter
//! before they give up (commit 3d36424b3b58).
//!
//! *The growing list*: `[Normal]` becomes `[Movable, Normal]`. Between the write of the first slot and that of the
//! second no slot has Normal, and a request of Normal meets an empty list.

use std::{
    format,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    vec,
};

use super::{Bound, Found, MOVABLE, NORMAL, Scenario, Zone, explore::explore_anew, full, node, publish, resumed};
use crate::{
    PageAllocator, PageRequest, Pfn, Zone as Frames, ZoneId, ZoneKind,
    ids::Order,
    locking::Spin,
    publish::{Guarantee, Platform, Published, Scheme},
    sync::traced::{Log, membarrier},
};

/// The result of an exploration of both races.
#[derive(Clone, Copy, Debug)]
pub struct Races {
    /// Scans that go on from a cursor in a list that has become shorter.
    pub cursor: Found,
    /// Walks of a list that becomes longer, for a request that one zone of it serves.
    pub growing: Found,
}

/// Explores both races as walks, and holds them to the scheme's guarantee.
///
/// # Panics
/// If a walk breaks the guarantee.
pub fn explore_races<S, P>(
    scheme: &str,
    bound: Bound,
    make: impl Fn() -> Published<S, P> + Copy + Sync + Send + 'static,
) -> Races
where
    S: Scheme + Send + 'static,
    P: Platform<Lock = Spin>,
{
    let named = |race| Scenario::new(format!("{scheme}: {race}")).bound(bound);
    let cursor = named("the stale cursor of 2022").before(&[MOVABLE, NORMAL]).publisher(&[&[NORMAL]]);
    let growing = named("the growing list").before(&[NORMAL]).publisher(&[&[MOVABLE, NORMAL]]);
    Races {
        cursor: cursor.reader(&[resumed(1, ZoneKind::Movable)]).explore(make),
        growing: growing.reader(&[full(ZoneKind::Normal)]).uniform().explore(make),
    }
}

/// The number of interleavings in which an allocation was refused, though Normal had pages in every version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Beside the shrinking list.
    pub shrinking: u64,
    /// Beside the growing list.
    pub growing: u64,
}

/// Explores both races as allocations of the page allocator: Movable has no page, Normal has some.
///
/// # Panics
/// If an allocation is refused under another guarantee than [`Guarantee::Racy`], or if a page is lost.
pub fn explore_refusals<S, P>(
    scheme: &str,
    bound: Bound,
    make: impl Fn() -> Published<S, P> + Copy + Sync + Send + 'static,
) -> Refused
where
    S: Scheme + Send + 'static,
    P: Platform<Lock = Spin>,
{
    let explore = |beside: &str, before: &'static [Zone], after: &'static [Zone], highest| {
        let name = format!("{scheme}: an allocation beside {beside}");
        let (_, refused) = explore_anew(&name, bound, || {
            let refused = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&refused);
            let model = move || {
                let served = allocate_beside(make(), before, after, highest);
                assert!(served || S::FACTS.guarantee == Guarantee::Racy, "an allocation is refused wrongly");
                count.fetch_add(u64::from(!served), Relaxed);
            };
            let tell = |refused: &Arc<AtomicU64>| {
                format!("2 threads, up to 2 zones, 1 publishes, 1 walks; refused in {}", refused.load(Relaxed))
            };
            (refused, Arc::new(model), tell)
        });
        refused.load(Relaxed)
    };
    Refused {
        shrinking: explore("a shrinking list", &[MOVABLE, NORMAL], &[NORMAL], ZoneKind::Movable),
        growing: explore("a growing list", &[NORMAL], &[MOVABLE, NORMAL], ZoneKind::Normal),
    }
}

/// Allocates a page while another list is published. True if the allocation got a page.
fn allocate_beside<S, P>(published: Published<S, P>, before: &[Zone], after: &'static [Zone], highest: ZoneKind) -> bool
where
    S: Scheme + Send + 'static,
    P: Platform<Lock = Spin>,
{
    const FRAMES: u64 = 512;
    let zone = |kind| {
        Frames::boxed(ZoneId::new(node(), kind), Pfn::range(0..FRAMES), Order::PAGEBLOCK, Spin::new()).expect("a zone")
    };
    let normal = zone(ZoneKind::Normal);
    normal.add(Pfn::range(0..FRAMES)).expect("frames");
    publish(&published, before);
    let zones = vec![zone(ZoneKind::Movable), normal];
    let pages: PageAllocator<'static, S, P> = PageAllocator::boxed(published, zones).expect("an allocator");
    let pages = Arc::new(pages);
    let request = pages.prepare(&PageRequest::up_to(highest));
    let mut local = pages.local().expect("a reader slot");
    Log::call("allocates");
    Log::from_here();
    let publisher = loom::thread::spawn({
        let pages = Arc::clone(&pages);
        move || {
            Log::call("publisher");
            drop(publish(pages.published(), after));
        }
    });
    let page = local.alloc(node(), &request);
    let served = page.is_ok();
    Log::say(if served { "has a page" } else { "is refused" });
    membarrier::join(publisher);
    page.into_iter().for_each(|page| local.free(page).expect("the page is allocated"));
    // Its per-CPU pages go back to the zone with it.
    drop(local);
    let normal = ZoneId::new(node(), ZoneKind::Normal);
    assert_eq!(pages.zone(normal).map(Frames::free_pages), Some(FRAMES as usize), "a page was lost");
    served
}
