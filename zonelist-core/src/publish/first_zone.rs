//! First zones that a reader remembers until the next publish.

use core::fmt;

use super::{
    Guard, Platform, Published, Reader, Scheme, Walk,
    stamp::{NOTHING_REMEMBERED, order_walks, remembered_at},
};
use crate::{
    NodeId, Zoneref,
    sync::{Backoff, or_mutant},
};

/// A memory of one first zone: of one node's list, for one class of requests. [`Reader::first`] fills and uses it.
///
/// Most reads ask again for what was asked before, and between two publishes the answer stays. A memory answers such a
/// read by a load and a compare, under every scheme. It belongs to one [`Published`], and serves any reader of it; a
/// reader that asks for several nodes or classes has a memory for each. A memory has 40 bytes on a 64-bit CPU.
///
/// ```
/// use zonelist_core::{
///     *,
///     stop_world::StopWorld,
///     table::{Capacity, Slots},
///     zonelist::{NodeSpan, ZonelistsRef},
/// };
/// let [near, far] = [0, 1].map(|node| ZoneId::new(NodeId::new(node).unwrap(), ZoneKind::Normal));
/// let zonerefs = [near, far].map(Zoneref::new);
/// let both = ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len: 2, own: 1 }])?;
/// let one = ZonelistsRef::new(&zonerefs[1..], &[NodeSpan { start: 0, len: 1, own: 0 }])?;
/// let published = Published::new(StopWorld::new(Slots::boxed(Capacity::of(both))));
/// published.publish(both)?;
///
/// let filter = published.filter(&Request::up_to(ZoneKind::Normal));
/// let mut reader = published.reader()?;
/// let mut memory = published.first_zone(near.node(), &filter);
/// for _ in 0..1000 {
///     // One walk; 999 times a load and a compare.
///     assert_eq!(reader.first(&mut memory).map(Zoneref::zone), Some(near));
/// }
/// published.publish(one)?;
/// assert_eq!(reader.first(&mut memory).map(Zoneref::zone), Some(far));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FirstZone<'p, S: Scheme, P: Platform> {
    class: Class<'p, S, P>,
    node: NodeId,
    memory: Memory,
}

/// Memories of the first zones of many nodes' lists, for one class of requests. [`Reader::first_of`] fills and uses it.
///
/// As [`FirstZone`], with a [`Memory`] for each node in memory of the caller: an array, a slice or a box. `as_mut` of `M`
/// gives the same slice each time, which nothing else has.
///
/// ```
/// use zonelist_core::{*, publish::Memory, stop_world::StopWorld, table::{Capacity, Slots}};
/// let published = Published::new(StopWorld::new(Slots::boxed(Capacity::new(4, 16).unwrap())));
/// let filter = published.filter(&Request::up_to(ZoneKind::Normal));
/// let mut memories = published.first_zones(&filter, [Memory::NOTHING; 4]);
/// let mut reader = published.reader()?;
/// // Nothing is published yet: no list has a zone.
/// assert_eq!(reader.first_of(&mut memories, NodeId::new(3).unwrap()), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FirstZones<'p, S: Scheme, P: Platform, M> {
    class: Class<'p, S, P>,
    memories: M,
}

/// Room for one first zone: two words.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The stamp when the walk began, an even number.
    stamp: usize,
    zone: Option<Zoneref>,
}

impl Memory {
    /// Nothing is remembered.
    pub const NOTHING: Self = Self { stamp: NOTHING_REMEMBERED, zone: None };
}

/// What walks are of: the lists and the requests.
struct Class<'p, S: Scheme, P: Platform> {
    /// Borrowed, so that the stamp is compared with that of the lists that were walked.
    published: &'p Published<S, P>,
    filter: &'p S::Filter,
}

impl<S: Scheme, P: Platform> Clone for Class<'_, S, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scheme, P: Platform> Copy for Class<'_, S, P> {}

impl<'p, S: Scheme, P: Platform> FirstZone<'p, S, P> {
    pub(super) fn new(published: &'p Published<S, P>, node: NodeId, filter: &'p S::Filter) -> Self {
        Self { class: Class { published, filter }, node, memory: Memory::NOTHING }
    }

    /// The node whose list it is of.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The remembered zone, if no publish has begun since it was remembered: what [`Reader::first`] returns without a
    /// walk. `None` if the next read walks.
    #[must_use]
    #[inline(always)]
    pub fn recall(&self) -> Option<Zoneref> {
        if self.class.stamp_now() == self.memory.stamp { self.memory.zone } else { None }
    }

    /// Forgets the zone: the next read walks.
    pub fn forget(&mut self) {
        self.memory = Memory::NOTHING;
    }
}

impl<'p, S: Scheme, P: Platform, M: AsMut<[Memory]>> FirstZones<'p, S, P, M> {
    pub(super) fn new(published: &'p Published<S, P>, filter: &'p S::Filter, mut memories: M) -> Self {
        // They may be of other lists, or of other requests.
        memories.as_mut().fill(Memory::NOTHING);
        Self { class: Class { published, filter }, memories }
    }

    /// Forgets all zones: the next read of each node walks.
    pub fn forget(&mut self) {
        self.memories.as_mut().fill(Memory::NOTHING);
    }
}

impl<S: Scheme, P: Platform> Clone for FirstZone<'_, S, P> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<S: Scheme, P: Platform> fmt::Debug for FirstZone<'_, S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, memory, .. } = self;
        f.debug_struct("FirstZone").field("node", node).field("memory", memory).finish_non_exhaustive()
    }
}

impl<S: Scheme, P: Platform, M: fmt::Debug> fmt::Debug for FirstZones<'_, S, P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstZones").field("memories", &self.memories).finish_non_exhaustive()
    }
}

impl<S: Scheme, P: Platform> Class<'_, S, P> {
    /// Panics in debug builds, if the reader is of other lists.
    #[inline(always)]
    #[track_caller]
    fn check(&self, reader: &Reader<'_, S, P>) {
        debug_assert!(
            core::ptr::eq(self.published, reader.published),
            "a memory of other lists; expected one that this reader's `Published` made"
        );
    }

    /// The stamp of the lists, as a reader compares it with that of a memory.
    #[inline(always)]
    fn stamp_now(&self) -> usize {
        // What this reader has seen under guards is before the load of the stamp: the answer is not of a version before.
        // No instruction on x86.
        order_walks();
        self.published.stamp.now()
    }
}

impl<S: Scheme> Guard<'_, S> {
    /// The first zone of a walk, and whether the walk is torn. What it has seen is before the next load of the stamp,
    /// also that of another thread which goes on with a memory of it.
    #[inline(always)]
    pub(crate) fn first(&self, node: NodeId, filter: &S::Filter) -> (Option<Zoneref>, bool) {
        let mut walk = self.walk(node, filter);
        let (zone, torn) = (walk.next(), walk.must_retry());
        order_walks();
        (zone, torn)
    }
}

impl<S: Scheme, P: Platform> Reader<'_, S, P> {
    /// The first zone of a node's list that a request admits; remembered until the next publish begins. `None` if the
    /// list has none, which is not remembered.
    ///
    /// If no publish has begun since `memory` was filled, this is a load and a compare. Otherwise it enters and walks, and
    /// the answer is that of the walk's first step: under [`Guarantee::Detected`](super::Guarantee::Detected) and
    /// [`Guarantee::Racy`](super::Guarantee::Racy) it may be torn. [`FirstZone::recall`] tells the two apart.
    ///
    /// It waits for what a walk waits for. A torn walk that shows no zone is repeated until a walk is not torn or shows
    /// one, which may wait for a publish: in a signal handler or interrupt, use [`FirstZone::recall`] and
    /// [`Guard::find`](super::Guard::find).
    ///
    /// # What a remembered zone means
    ///
    /// The list of one version `v` begins with that zone for that request, and the publish of the version after `v` had
    /// not begun, as far as this load can know: a publish which began concurrently may not be visible yet. So it is exact
    /// under every [`Guarantee`](super::Guarantee). The version is never older than one that this reader has seen. A
    /// publish counts from the call on, or under [`Changes::Announced`](super::Changes::Announced) from where the scheme
    /// says so; one that fails counts too. One that panics behind that leaves every read to walk, until the next publish
    /// that changes the lists.
    ///
    /// It is a value, not a guard: the next publish may begin at once, and two reads may be of two versions. The name of
    /// a zone may be used anywhere; memory that is found by the name may be gone, if a publisher
    /// [retires](Published::retire) it. To access such memory, walk within a [`Guard`](super::Guard), or use a
    /// [`LocalHandle`](crate::LocalHandle), whose operations [`Published::synchronize`] waits for under every scheme.
    ///
    /// Worth while where reads repeat: see [`FirstZone`]. A reader that asks once between two publishes pays for the walk
    /// and for filling the memory.
    ///
    /// Debug builds panic if the memory is of another `Published` than the reader. In other builds the answer is of either
    /// of them then, and nothing is remembered.
    #[inline(always)]
    pub fn first(&mut self, memory: &mut FirstZone<'_, S, P>) -> Option<Zoneref> {
        memory.class.check(self);
        let stamp = memory.class.stamp_now();
        if stamp == memory.memory.stamp { memory.memory.zone } else { self.first_anew(memory, stamp) }
    }

    /// The first zone of this node's list, as [`Reader::first`]: remembered if there is a memory for the node.
    #[inline(always)]
    pub fn first_of<M>(&mut self, memories: &mut FirstZones<'_, S, P, M>, node: NodeId) -> Option<Zoneref>
    where
        M: AsMut<[Memory]>,
    {
        memories.class.check(self);
        let stamp = memories.class.stamp_now();
        match memories.memories.as_mut().get(node.index()) {
            Some(memory) if memory.stamp == stamp => memory.zone,
            _ => self.first_of_anew(memories, node, stamp),
        }
    }

    /// Walks, for a read that finds nothing remembered. Not inlined, so that one that does saves no register for it.
    #[cold]
    #[inline(never)]
    fn first_anew(&mut self, memory: &mut FirstZone<'_, S, P>, stamp: usize) -> Option<Zoneref> {
        let FirstZone { class, node, memory } = memory;
        self.walk_and_remember(class, *node, Some(memory), stamp)
    }

    /// The same, for one of many nodes.
    #[cold]
    #[inline(never)]
    fn first_of_anew<M>(
        &mut self,
        memories: &mut FirstZones<'_, S, P, M>,
        node: NodeId,
        stamp: usize,
    ) -> Option<Zoneref>
    where
        M: AsMut<[Memory]>,
    {
        let FirstZones { class, memories } = memories;
        self.walk_and_remember(class, node, memories.as_mut().get_mut(node.index()), stamp)
    }

    /// Walks once, and remembers the zone if it is the first of a whole version; `stamp` was loaded before.
    #[inline(always)]
    fn walk_and_remember(
        &mut self,
        class: &Class<'_, S, P>,
        node: NodeId,
        memory: Option<&mut Memory>,
        stamp: usize,
    ) -> Option<Zoneref> {
        let (zone, torn) = self.enter().first(node, class.filter);
        let before = or_mutant!(stamp => class.published.stamp.now(), "first zone: stamp loaded after the walk");
        if or_mutant!(torn => torn && zone.is_none(), "first zone: torn walk kept") {
            return zone.or_else(|| self.walk_again(class, node));
        }
        // Of other lists: the stamp says nothing of them.
        if let Some(memory) = memory
            && zone.is_some()
            && core::ptr::eq(self.published, class.published)
        {
            *memory = Memory { stamp: remembered_at(before), zone };
        }
        zone
    }

    /// Walks until a walk is not torn, or shows a zone.
    #[cold]
    #[inline(never)]
    fn walk_again(&mut self, class: &Class<'_, S, P>, node: NodeId) -> Option<Zoneref> {
        let mut backoff = Backoff::default();
        loop {
            backoff.wait();
            let (zone, torn) = self.enter().first(node, class.filter);
            if zone.is_some() || !torn {
                return zone;
            }
        }
    }
}
