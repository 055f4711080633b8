//! A scheme whose lists can change behind the back of a publisher, so that its stamp is silent: the control of the
//! stress.

use std::sync::Arc;

use zonelist_core::{
    NodeId,
    publish::{Facts, Guarantee, PublishError, ReadToken, ReaderProtocol, Scheme, Writer},
    table::{Slot, SlotFilter, SlotWalk, Slots},
    zonelist::ZonelistsRef,
};

/// A racy table that several publishers share.
#[derive(Clone, Debug)]
pub(super) struct Shared(pub(super) Arc<Slots<Box<[Slot]>>>);

impl Scheme for Shared {
    const FACTS: Facts = Facts::new("Shared", env!("CARGO_PKG_NAME")).guarantee(Guarantee::Racy);
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = SlotWalk<'w, Slot>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> SlotWalk<'w, Slot> {
        scheme.0.walk(node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        Ok(self.0.rewrite(next)?)
    }
}
