//! What an allocation asks for, and the form of it that is made once.

use core::fmt;

use super::{page::Tag, per_cpu_pages::start, slow_path::Blocking};
use crate::identity::Mark;
use crate::{MAX_ORDER, Mobility, Request, Urgency, ZoneKind, publish::Scheme};

/// A class of allocations. The node that each starts from comes with it.
///
/// ```
/// use zonelist_core::{Mobility, PageRequest, Urgency, ZoneKind};
/// let huge = PageRequest::up_to(ZoneKind::Movable).order(9).mobility(Mobility::Movable);
/// let in_interrupt = PageRequest::up_to(ZoneKind::Normal).urgency(Urgency::HIGH.and(Urgency::NON_BLOCKING));
/// assert_eq!((huge.order, in_interrupt.order), (9, 0));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PageRequest {
    /// Which list, up to which kind, on which nodes.
    pub zones: Request,
    /// Of `2^order` frames.
    pub order: u8,
    /// Whether it can be moved.
    pub mobility: Mobility,
    /// How far below the min mark it may go.
    pub urgency: Urgency,
}

impl PageRequest {
    /// Single pages that do not move, from any zone up to this kind, without urgency.
    #[must_use]
    pub const fn up_to(highest: ZoneKind) -> Self {
        Self { zones: Request::up_to(highest), order: 0, mobility: Mobility::Unmovable, urgency: Urgency::NONE }
    }

    /// The same, of `2^order` frames.
    #[must_use]
    pub const fn order(self, order: u8) -> Self {
        Self { order, ..self }
    }

    /// The same, of that mobility.
    #[must_use]
    pub const fn mobility(self, mobility: Mobility) -> Self {
        Self { mobility, ..self }
    }

    /// The same, of that urgency.
    #[must_use]
    pub const fn urgency(self, urgency: Urgency) -> Self {
        Self { urgency, ..self }
    }
}

/// A block that no zone can ever have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a request for blocks of order {order}; expected at most order {MAX_ORDER}")]
pub struct OrderError {
    /// The order.
    pub order: u8,
}

/// A [`PageRequest`] as a scheme's walks and the caches want it.
#[repr(C)] // The filter, which may be large, comes behind what else an allocation needs.
pub struct PreparedRequest<S: Scheme> {
    pub(super) tag: Tag,
    /// Where such stacks begin.
    pub(super) start: usize,
    /// Frames of the block beyond its first.
    pub(super) further: usize,
    pub(super) highest: ZoneKind,
    pub(super) urgency: Urgency,
    pub(super) filter: S::Filter,
    /// The request that the filter was made of, to say what it ruled out.
    pub(super) zones: Request,
    pub(super) mark: Mark,
}

impl<S: Scheme> PreparedRequest<S> {
    pub(super) fn new(
        scheme: impl FnOnce(&Request) -> S::Filter,
        request: &PageRequest,
        mark: Mark,
    ) -> Result<Self, OrderError> {
        let &PageRequest { ref zones, order, mobility, urgency } = request;
        if order > MAX_ORDER {
            return Err(OrderError { order });
        }
        let (filter, tag) = (scheme(zones), Tag::new(order, mobility));
        let (further, highest) = ((1 << order) - 1, zones.highest);
        Ok(Self { tag, start: start(tag), further, highest, urgency, filter, zones: *zones, mark })
    }

    /// Whether such a request may wait.
    pub(super) const fn blocking(&self) -> Blocking {
        if self.urgency.has(Urgency::NON_BLOCKING) { Blocking::Forbidden } else { Blocking::Allowed }
    }
}

impl<S: Scheme> fmt::Debug for PreparedRequest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tag, highest, urgency, .. } = self;
        let f = &mut f.debug_struct("Class");
        f.field("order", &tag.order()).field("highest", highest).field("urgency", urgency).finish_non_exhaustive()
    }
}
