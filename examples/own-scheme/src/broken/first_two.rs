//! Faulty: a list longer than the room for it is cut, where an error is due.

use zonelist_core::{
    NodeId,
    publish::{Facts, PublishError, ReadToken, ReaderProtocol, Scheme, Writer},
    sync::atomic::{AtomicU32, Ordering},
    table::SlotFilter,
    zonelist::{Scope, ZonelistsRef},
};

use crate::one_word::{OneWord, ROOM, WordWalk, word};

/// Half a word for each list: two zones.
#[derive(Debug)]
pub struct FirstTwo([AtomicU32; ROOM.nodes()]);

impl Default for FirstTwo {
    fn default() -> Self {
        Self(core::array::from_fn(|_| AtomicU32::new(0)))
    }
}

impl Scheme for FirstTwo {
    const FACTS: Facts = OneWord::FACTS.scheme("FirstTwo");
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = WordWalk<'w>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> WordWalk<'w> {
        // Acquire: pairs with the release in `publish`.
        WordWalk(scheme.0.get(node.index()).map_or(0, |list| list.load(Ordering::Acquire)).into(), node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        ROOM.check(next)?;
        for (list, node) in self.0.iter().zip((0..).map_while(NodeId::new)) {
            // Release: pairs with the acquire in `walk`. The fault: the zones from the third on are left out.
            list.store(word(next.of(node, Scope::Fallback)) as u32, Ordering::Release);
        }
        Ok(())
    }
}
