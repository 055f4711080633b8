//! Pairs of an allocation and a free, in the page allocator over a scheme.

use zonelist_core::{
    LocalHandle, NodeId, PageRequest, ZoneKind, Zoneref,
    page_alloc::PreparedRequest,
    publish::{
        Allocates, Facts, Guarantee, Platform, Progress, PublishError, Published, ReadToken, ReaderProtocol,
        ReaderSlots, Scheme, StalledReader, Standard, Writer,
    },
    sync::Spin,
    table::{Capacity, CapacityError, SlotFilter, SlotWalk, Slots},
    zone::{Order, ZoneWatermarks},
    zonelist::{Scope, ZonelistsRef},
};
use zonelist_schemes::{
    allocator::{Allocator, AllocatorError, allocator},
    asymmetric,
};

use super::loops::after_compiler_fence;

/// A handle of a page allocator, in the timed loop.
pub trait Pairs {
    /// Allocates a page for each node in turn, and frees it before the next allocation. Returns the count of pairs that
    /// succeeded.
    fn pairs(&mut self, nodes: &[NodeId]) -> u32;

    /// Returns all blocks of the per-CPU pages to their zones.
    fn drain(&mut self);

    /// Allocates a block and keeps it until the process ends. Returns false if there is none.
    fn keep(&mut self, node: NodeId) -> bool;
}

/// Handles of the allocator: only the timed one.
const HANDLES: usize = 1;

/// Page frames of the zone, enough to stay above its watermarks.
const FRAMES: u64 = 1 << 16;

/// A handle of a page allocator over a scheme, with pages in its per-CPU pages.
#[expect(missing_debug_implementations, reason = "the parts of a scheme may lack it")]
pub struct ThroughPages<S: Scheme + 'static, P: Platform<Lock = Spin> + 'static> {
    local: LocalHandle<'static, 'static, S, P>,
    class: PreparedRequest<S>,
}

impl<S: Scheme + 'static, P: Platform<Lock = Spin> + 'static> ThroughPages<S, P> {
    /// Publishes the lists; the first zone of this node's list has all pages. The allocator lives until the process
    /// ends.
    ///
    /// # Errors
    /// The lists do not fit, the node's list is empty, or no handle can be registered.
    pub fn new(scheme: S, lists: ZonelistsRef<'_>, node: NodeId) -> Result<Self, AllocatorError> {
        Self::of_order(scheme, lists, node, Order::ZERO)
    }

    /// The same, with blocks of this order.
    ///
    /// # Errors
    /// Those of [`ThroughPages::new`], or there is no such order.
    pub fn of_order(scheme: S, lists: ZonelistsRef<'_>, node: NodeId, order: Order) -> Result<Self, AllocatorError> {
        let published = Published::with_platform(scheme, ReaderSlots::boxed(HANDLES));
        published.publish(lists)?;
        Self::over(published, lists, node, order)
    }

    fn over(
        published: Published<S, P>,
        lists: ZonelistsRef<'_>,
        node: NodeId,
        order: Order,
    ) -> Result<Self, AllocatorError> {
        let watermarks = ZoneWatermarks { min: 64, low: 80, high: 96, ..ZoneWatermarks::default() };
        let first = lists.of(node, Scope::Fallback).first();
        let plans: Vec<_> = first.map(|first| (first.zone(), FRAMES, watermarks)).into_iter().collect();
        let allocator: &'static Allocator<S, P> = Box::leak(Box::new(allocator(published, &plans)?));
        let class = allocator.prepare(&PageRequest::up_to(ZoneKind::Device).order(order));
        let mut pairs = Self { local: allocator.local()?, class };
        // A first pair fails here if anything is wrong, and fills the per-CPU pages.
        let page = pairs.local.alloc(node, &pairs.class)?;
        pairs.local.free(page)?;
        Ok(pairs)
    }
}

/// The baseline of pairs: the same page allocator with the same barrier pair, over lists without protection.
///
/// # Errors
/// The node's list is empty.
pub fn baseline_pairs(lists: ZonelistsRef<'_>, node: NodeId, order: Order) -> Result<Box<dyn Pairs>, AllocatorError> {
    let baseline = Unprotected(Slots::fixed(lists));
    #[cfg(target_os = "linux")]
    if asymmetric() {
        use zonelist_core::publish::{Membarrier, Parts};
        return Ok(Box::new(ThroughPages::<_, Parts<Membarrier>>::over(
            Published::with_platform(baseline, ReaderSlots::boxed(HANDLES)),
            lists,
            node,
            order,
        )?));
    }
    Ok(Box::new(ThroughPages::<_, Standard>::over(
        Published::with_platform(baseline, ReaderSlots::boxed(HANDLES)),
        lists,
        node,
        order,
    )?))
}

impl<S: Scheme + 'static, P: Platform<Lock = Spin>> Pairs for ThroughPages<S, P> {
    #[inline(never)]
    fn pairs(&mut self, nodes: &[NodeId]) -> u32 {
        nodes.iter().fold(0, |sum, &node| {
            let page = after_compiler_fence(|| self.local.alloc(node, &self.class));
            sum + u32::from(page.is_ok_and(|page| after_compiler_fence(|| self.local.free(page)).is_ok()))
        })
    }

    fn drain(&mut self) {
        self.local.drain();
    }

    fn keep(&mut self, node: NodeId) -> bool {
        // A page that is dropped stays allocated.
        self.local.alloc(node, &self.class).is_ok()
    }
}

/// Walks of lists that are never written again, without synchronisation. Not a real scheme, since it can't publish.
struct Unprotected(Slots<Box<[Option<Zoneref>]>>);

impl Scheme for Unprotected {
    const FACTS: Facts = Facts::new("raw", "zonelist-bench")
        .guarantee(Guarantee::Snapshot)
        .readers(Progress::WaitFree)
        .writer(Progress::WaitFree)
        .allocates(Allocates::Never)
        .no_registration()
        .interrupt_safe()
        .below_allocator()
        .after_fork()
        .tls_destructor()
        .stalled_reader(StalledReader::Bounded);
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = &'g Slots<Box<[Option<Zoneref>]>>;
    type Walk<'w> = SlotWalk<'w, Option<Zoneref>>;
    zonelist_core::slot_readers!();

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Self::Pinned<'g> {
        &self.0
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(table: &'w Self::Pinned<'g>, node: NodeId, filter: &'w SlotFilter) -> Self::Walk<'w> {
        table.walk(node, filter)
    }

    /// Fails: there is no room for another version.
    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        Err(CapacityError { needed: Capacity::of(next), capacity: Capacity::of(ZonelistsRef::EMPTY) }.into())
    }
}

#[cfg(test)]
mod tests {
    use zonelist_core::Request;
    use zonelist_schemes::workload::synthetic;

    use super::*;

    #[test]
    fn every_pair_allocates_and_frees() {
        let (lists, node) = (synthetic(8), NodeId::new(1).unwrap());
        let mut pairs = baseline_pairs(lists.lists(), node, Order::ZERO).unwrap();
        assert_eq!(pairs.pairs(&[node; 1000]), 1000);
        let other = NodeId::new(9).unwrap();
        assert_eq!(pairs.pairs(&[other, node, other]), 1, "a node without a list");
        assert!(baseline_pairs(lists.lists(), other, Order::ZERO).is_err());
    }

    #[test]
    fn the_baseline_refuses_a_publish() {
        let lists = synthetic(8);
        let baseline: Published<_> =
            Published::with_slots(Unprotected(Slots::fixed(lists.lists())), ReaderSlots::boxed(1));
        assert!(matches!(baseline.publish(lists.lists()), Err(PublishError::Capacity(_))));
        let filter = baseline.filter(&Request::up_to(ZoneKind::Device));
        let walked = baseline.reader().unwrap().enter().walk(NodeId::new(0).unwrap(), &filter).count();
        assert_eq!(walked, 8);
    }
}
