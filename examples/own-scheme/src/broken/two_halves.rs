//! Faulty: two words for each list, stored one after the other.

use zonelist_core::{
    NodeId,
    publish::{Facts, PublishError, ReadToken, ReaderProtocol, Scheme, Writer},
    sync::atomic::{AtomicU32, Ordering},
    table::SlotFilter,
    zonelist::{Scope, ZonelistsRef},
};

use crate::one_word::{OneWord, ROOM, WordWalk, word};

/// Two zones of a list in each word.
#[derive(Debug)]
pub struct TwoHalves([[AtomicU32; 2]; ROOM.nodes()]);

impl Default for TwoHalves {
    fn default() -> Self {
        Self(core::array::from_fn(|_| [AtomicU32::new(0), AtomicU32::new(0)]))
    }
}

impl Scheme for TwoHalves {
    const FACTS: Facts = OneWord::FACTS.scheme("TwoHalves");
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = WordWalk<'w>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> WordWalk<'w> {
        // Acquire: pairs with the releases in `publish`. The fault: a publish may store both between the two loads.
        let load = |half: &AtomicU32| u64::from(half.load(Ordering::Acquire));
        let list = scheme.0.get(node.index()).map_or(0, |[low, high]| load(low) | load(high) << 32);
        WordWalk(list, node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        ROOM.check(next)?;
        for ([low, high], node) in self.0.iter().zip((0..).map_while(NodeId::new)) {
            let list = word(next.of(node, Scope::Fallback));
            // Release: each pairs with the acquire in `walk`.
            low.store(list as u32, Ordering::Release);
            high.store((list >> 32) as u32, Ordering::Release);
        }
        Ok(())
    }
}
