//! Pairs of an allocation and a free, through the page allocator over a scheme.

use zonelist_core::{
    Capacity, CapacityError, Class, Lists, Local, Marks, NodeId, PageRequest, Request, Scope, SlotFilter, SlotWalk,
    Slots, Spin, ZoneKind, Zoneref,
    publish::{
        Allocates, Barrier, Facts, FullFence, Grace, Guarantee, Progress, PublishError, Published, ReadToken, Scheme,
        StalledReader, Writer,
    },
};
use zonelist_schemes::{
    allocator::{Allocator, AllocatorError, allocator},
    asymmetric,
};

use super::anew;

/// One handle of an allocator, in the loop that is timed.
pub trait Pairs {
    /// Takes a page from each node in turn, and gives it back before it takes the next. Returns how
    /// many that worked for.
    fn pairs(&mut self, nodes: &[NodeId]) -> u32;
}

/// Handles of an allocator: the one that is timed.
const SEATS: usize = 1;

/// Frames of the zone: so many that its marks never matter.
const FRAMES: u64 = 1 << 16;

/// A handle of an allocator over a scheme, with a page at hand.
#[expect(missing_debug_implementations, reason = "a scheme's own parts need not have it")]
pub struct ThroughPages<S: Scheme + 'static, B: Barrier + 'static> {
    local: Local<'static, 'static, S, B, Spin, SEATS>,
    class: Class<S>,
}

impl<S: Scheme + 'static, B: Barrier + 'static> ThroughPages<S, B> {
    /// Publishes the lists, of which the first zone of this node's has all the pages. The allocator
    /// is kept for the rest of the process.
    ///
    /// # Errors
    /// The lists do not fit, the node's list is empty, or no handle can be had.
    pub fn new(scheme: S, lists: Lists<'_>, node: NodeId) -> Result<Self, AllocatorError> {
        let published = Published::new(scheme);
        published.publish(lists)?;
        Self::over(published, lists, node)
    }

    fn over(published: Published<S, B, SEATS>, lists: Lists<'_>, node: NodeId) -> Result<Self, AllocatorError> {
        let marks = Marks { min: 64, low: 80, high: 96, ..Marks::default() };
        let first = lists.of(node, Scope::Fallback).first();
        let plans: Vec<_> = first.map(|first| (first.zone(), FRAMES, marks)).into_iter().collect();
        let allocator: &'static Allocator<S, B, SEATS> = Box::leak(Box::new(allocator(published, &plans)?));
        let class = allocator.class(&PageRequest::up_to(ZoneKind::Device))?;
        let mut pairs = Self { local: allocator.local()?, class };
        // Whatever can be wrong is wrong now; and the cache is filled.
        let page = pairs.local.alloc(node, &pairs.class)?;
        pairs.local.free(page)?;
        Ok(pairs)
    }
}

/// The floor: the same allocator, with the same barrier pair, over lists that nothing protects.
///
/// # Errors
/// The node's list is empty.
pub fn raw_pairs(lists: Lists<'_>, node: NodeId) -> Result<Box<dyn Pairs>, AllocatorError> {
    let floor = Unprotected(Slots::fixed(lists));
    #[cfg(target_os = "linux")]
    if asymmetric() {
        use zonelist_core::publish::Membarrier;
        return Ok(Box::new(ThroughPages::<_, Membarrier>::over(Published::new(floor), lists, node)?));
    }
    Ok(Box::new(ThroughPages::<_, FullFence>::over(Published::new(floor), lists, node)?))
}

impl<S: Scheme + 'static, B: Barrier> Pairs for ThroughPages<S, B> {
    #[inline(never)]
    fn pairs(&mut self, nodes: &[NodeId]) -> u32 {
        nodes.iter().fold(0, |sum, &node| {
            let page = anew(|| self.local.alloc(node, &self.class));
            sum + u32::from(page.is_ok_and(|page| anew(|| self.local.free(page)).is_ok()))
        })
    }
}

/// Lists that nobody ever writes again, walked without a word to anybody: no scheme, but the floor for them.
struct Unprotected(Slots<Box<[Option<Zoneref>]>>);

impl Scheme for Unprotected {
    const FACTS: Facts = Facts {
        scheme: "raw",
        package: "zonelist-bench",
        card: "",
        guarantee: Guarantee::Snapshot,
        readers: Progress::WaitFree,
        writer: Progress::WaitFree,
        allocates: Allocates::Never,
        registers: false,
        interrupt_safe: true,
        below_allocator: true,
        after_fork: true,
        tls_destructor: true,
        retires: false,
        stalled_reader: StalledReader::Bounded,
        no_std: false,
        no_alloc: false,
    };
    const GRACE: Grace = Grace::None;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g> = &'g Slots<Box<[Option<Zoneref>]>>;
    type Walk<'w> = SlotWalk<'w, Option<Zoneref>>;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Self::Pinned<'g> {
        &self.0
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(table: &'w Self::Pinned<'g>, node: NodeId, filter: &'w SlotFilter) -> Self::Walk<'w> {
        table.walk(node, filter)
    }

    /// There is no room for another version, however small.
    fn publish(&self, next: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        Err(CapacityError { needed: Capacity::of(next), capacity: Capacity::of(Lists::EMPTY) }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zonelist_schemes::workload::synthetic;

    #[test]
    fn every_pair_is_served_and_taken_back() {
        let (lists, node) = (synthetic(8), NodeId::new(1).unwrap());
        let mut raw = raw_pairs(lists.lists(), node).unwrap();
        assert_eq!(raw.pairs(&[node; 1000]), 1000);
        let other = NodeId::new(9).unwrap();
        assert_eq!(raw.pairs(&[other, node, other]), 1, "a node without a list");
        assert!(raw_pairs(lists.lists(), other).is_err());
    }

    #[test]
    fn the_floor_stays_as_it_is() {
        let lists = synthetic(8);
        let floor: Published<_, FullFence, 1> = Published::new(Unprotected(Slots::fixed(lists.lists())));
        assert!(matches!(floor.publish(lists.lists()), Err(PublishError::Capacity(_))));
        let filter = floor.filter(&Request::up_to(ZoneKind::Device));
        let walked = floor.reader().unwrap().enter().walk(NodeId::new(0).unwrap(), &filter).count();
        assert_eq!(walked, 8);
    }
}
