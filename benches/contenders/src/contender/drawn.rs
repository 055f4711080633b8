//! Pairs of an allocation and a free, each for a node and by a request that were drawn before.

use zonelist_core::{
    LocalHandle, Mobility, NodeId, PageRequest, ZoneKind, Zoneref,
    page_alloc::PreparedRequest,
    publish::{Platform, Published, ReaderSlots, Scheme},
    sync::Spin,
    zone::ZoneWatermarks,
    zonelist::{Scope, ZonelistsRef},
};
use zonelist_schemes::allocator::{Allocator, AllocatorError, allocator};

use super::loops::after_compiler_fence;

/// A handle of a page allocator, in the timed loop.
pub trait DrawnPairs {
    /// Allocates a page for each draw in turn, and frees it before the next allocation. Returns the count of pairs that
    /// succeeded.
    fn pairs(&mut self, draws: &[Draw]) -> u32;
}

/// The node of an allocation, and the number of its request.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// The node.
    pub node: NodeId,
    /// The number of the request, below [`CLASSES`].
    pub class: usize,
}

/// The number of requests.
pub const CLASSES: usize = 4;

/// The requests. Their first zones differ in kind, and their blocks in order.
fn requests() -> [PageRequest; CLASSES] {
    let movable = PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable);
    let kernel = PageRequest::up_to(ZoneKind::Normal);
    [movable, kernel, kernel.order(1), movable.order(1)]
}

/// Page frames of each zone, enough to stay above its watermarks.
const FRAMES: u64 = 1 << 12;

/// A handle of a page allocator over a scheme, with pages of every zone in its per-CPU pages.
#[expect(missing_debug_implementations, reason = "the parts of a scheme may lack it")]
pub struct ThroughDrawnPages<S: Scheme + 'static, P: Platform<Lock = Spin> + 'static> {
    local: LocalHandle<'static, 'static, S, P>,
    classes: [PreparedRequest<S>; CLASSES],
}

impl<S: Scheme + 'static, P: Platform<Lock = Spin> + 'static> ThroughDrawnPages<S, P> {
    /// Publishes the lists; every zone in them has pages. The allocator lives until the process ends.
    ///
    /// # Errors
    /// The lists do not fit, or no handle can be registered.
    pub fn new(scheme: S, lists: ZonelistsRef<'_>) -> Result<Self, AllocatorError> {
        let published = Published::with_platform(scheme, ReaderSlots::boxed(1));
        published.publish(lists)?;
        let nodes: Vec<NodeId> = (0..lists.nodes() as u16).filter_map(NodeId::new).collect();
        let watermarks = ZoneWatermarks { min: 64, low: 80, high: 96, ..ZoneWatermarks::default() };
        let zones = nodes.iter().flat_map(|&node| lists.of(node, Scope::ThisNode)).map(|entry| Zoneref::zone(*entry));
        let plans: Vec<_> = zones.map(|zone| (zone, FRAMES, watermarks)).collect();
        let allocator: &'static Allocator<S, P> = Box::leak(Box::new(allocator(published, &plans)?));
        let [a, b, c, d] = requests().map(|request| allocator.prepare(&request));
        let mut pairs = Self { local: allocator.local()?, classes: [a?, b?, c?, d?] };
        // A first pair fails here if anything is wrong, and fills the per-CPU pages.
        for (&node, class) in nodes.iter().flat_map(|node| pairs.classes.iter().map(move |class| (node, class))) {
            let page = pairs.local.alloc(node, class)?;
            pairs.local.free(page)?;
        }
        Ok(pairs)
    }
}

impl<S: Scheme + 'static, P: Platform<Lock = Spin>> DrawnPairs for ThroughDrawnPages<S, P> {
    #[inline(never)]
    fn pairs(&mut self, draws: &[Draw]) -> u32 {
        draws.iter().fold(0, |sum, draw| {
            let page = after_compiler_fence(|| self.local.alloc(draw.node, &self.classes[draw.class % CLASSES]));
            sum + u32::from(page.is_ok_and(|page| after_compiler_fence(|| self.local.free(page)).is_ok()))
        })
    }
}
