//! Allocation requests, and their prepared form.

use core::fmt;

use super::{class_key::ClassKey, page::Tag, slow_path::Blocking, stack_layout::start};
use crate::identity::Mark;
use crate::{Mobility, Request, ZoneKind, ids::Order, publish::Scheme, zone::Urgency};

/// A request for a block. The node whose list is walked is an argument of each allocation.
///
/// ```
/// use zonelist_core::{Mobility, PageRequest, ZoneKind, zone::{Order, Urgency}};
/// let huge = PageRequest::up_to(ZoneKind::Movable).order(Order::PAGEBLOCK).mobility(Mobility::Movable);
/// let in_interrupt = PageRequest::up_to(ZoneKind::Normal).urgency(Urgency::HIGH.and(Urgency::NON_BLOCKING));
/// assert_eq!((huge.order.pages(), in_interrupt.order.pages()), (512, 1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PageRequest {
    /// The scope of the list, the highest zone kind, and the mask of nodes. A request that one node alone may serve has
    /// the zones [`Request::this_node`].
    pub zones: Request,
    /// The order of the block, which has `2^order` page frames.
    pub order: Order,
    /// Whether the block can be moved.
    pub mobility: Mobility,
    /// How far below the min watermark the request may take a zone.
    pub urgency: Urgency,
}

impl PageRequest {
    /// A request for one unmovable page from any zone up to this kind, without urgency.
    #[must_use]
    pub const fn up_to(highest: ZoneKind) -> Self {
        Self {
            zones: Request::up_to(highest),
            order: Order::ZERO,
            mobility: Mobility::Unmovable,
            urgency: Urgency::NONE,
        }
    }

    /// The same request, for a block of `2^order` page frames.
    #[must_use]
    pub const fn order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// The same request, of that mobility.
    #[must_use]
    pub const fn mobility(self, mobility: Mobility) -> Self {
        Self { mobility, ..self }
    }

    /// The same request, of that urgency.
    #[must_use]
    pub const fn urgency(self, urgency: Urgency) -> Self {
        Self { urgency, ..self }
    }
}

/// A [`PageRequest`] in the form that the scheme's walks and the per-CPU pages read fastest.
///
/// It belongs to the allocator that prepared it: [`PageAllocator::prepare`](super::PageAllocator::prepare).
#[repr(C)] // The filter, which may be large, comes after the other fields of the fast path.
pub struct PreparedRequest<S: Scheme> {
    /// The order and mobility, which select the stack.
    pub(super) tag: Tag,
    /// The first place of such a stack in the frames of [`PerCpuPages`](super::PerCpuPages): the same in all of them.
    pub(super) start: usize,
    /// The number of frames of the block, less one.
    pub(super) further: usize,
    pub(super) highest: ZoneKind,
    pub(super) urgency: Urgency,
    /// The class, for the handles' memories of first zones.
    pub(super) class: ClassKey,
    pub(super) filter: S::Filter,
    /// The request that the filter was made from: a refusal reports which zones it ruled out.
    pub(super) zones: Request,
    /// The identity of the allocator that prepared the request.
    pub(super) mark: Mark,
}

impl<S: Scheme> PreparedRequest<S> {
    /// Prepares a request; `scheme` makes the filter.
    pub(super) fn new(scheme: impl FnOnce(&Request) -> S::Filter, request: &PageRequest, mark: Mark) -> Self {
        let &PageRequest { ref zones, order, mobility, urgency } = request;
        let (filter, tag) = (scheme(zones), Tag::new(order, mobility));
        // One less than the length: a zone at `floor + length` may serve, so the fast path compares with `>`.
        let (further, highest) = (order.pages() as usize - 1, zones.highest);
        Self {
            tag,
            start: start(tag),
            further,
            highest,
            urgency,
            class: ClassKey::of(zones),
            filter,
            zones: *zones,
            mark,
        }
    }

    /// Whether an allocation of this request may wait.
    pub(super) const fn blocking(&self) -> Blocking {
        if self.urgency.has(Urgency::NON_BLOCKING) { Blocking::Forbidden } else { Blocking::Allowed }
    }
}

impl<S: Scheme> fmt::Debug for PreparedRequest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tag, highest, urgency, .. } = self;
        let f = &mut f.debug_struct("PreparedRequest");
        f.field("order", &tag.order()).field("highest", highest).field("urgency", urgency).finish_non_exhaustive()
    }
}
