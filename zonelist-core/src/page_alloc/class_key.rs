//! Numbers of classes of requests.

// Not the atomics of the models: it orders nothing, and a static outlives an interleaving.
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::{NodeId, Request, ZoneKind, ids::MAX_NODES, zonelist::Scope};

/// A number of a class of requests, for memories of what was answered to it. Equal requests without a mask of nodes have
/// the same, in every allocator; each request with a mask has its own, as far as there are numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClassKey(usize);

impl ClassKey {
    /// Numbers between those of two classes: more than there are nodes. The low bits differ from class to class, so that
    /// a table which is indexed by them has an entry for each of several classes of one node.
    const STEP: usize = MAX_NODES + 5;

    /// The classes without a mask of nodes: a scope and a highest kind each.
    const WITHOUT_MASK: usize = 2 * ZoneKind::COUNT;

    /// The classes that get a number; on a 32-bit CPU some four million.
    const CLASSES: usize = usize::MAX / Self::STEP - 1;

    /// The number that all later classes have, of which nothing may be remembered.
    const SHARED: Self = Self(Self::CLASSES * Self::STEP);

    /// The number of a request's class.
    pub(super) fn of(request: &Request) -> Self {
        if request.nodes.is_none() {
            let scope = ZoneKind::COUNT * usize::from(request.scope == Scope::ThisNode);
            return Self((scope + request.highest.index()) * Self::STEP);
        }
        /// The number of classes so far.
        static COUNT: AtomicUsize = AtomicUsize::new(ClassKey::WITHOUT_MASK);
        let next = |count| (count < Self::CLASSES).then_some(count + 1);
        COUNT.fetch_update(Relaxed, Relaxed, next).map_or(Self::SHARED, |count| Self(count * Self::STEP))
    }

    /// True if no other class has the number.
    pub(super) fn is_unique(self) -> bool {
        self != Self::SHARED
    }

    /// The number of the class and a node, which no other class and node have.
    #[inline(always)]
    pub(super) const fn at(self, node: NodeId) -> usize {
        self.0 + node.index()
    }
}
