//! Faulty: a walk waits for a publish in progress, and the facts claim more than a scheme can do that waits.

use zonelist_core::{
    NodeId,
    publish::{Facts, Progress, PublishError, ReadToken, ReaderProtocol, Scheme, Writer},
    sync::{
        Backoff,
        atomic::{AtomicU64, Ordering},
    },
    table::SlotFilter,
    zonelist::{Scope, ZonelistsRef},
};

use crate::one_word::{OneWord, ROOM, WordWalk, word};

/// The word of a list while a publish is in progress: no list has it.
const LOCKED: u64 = 1;

/// A word for the list of each node.
#[derive(Debug)]
pub struct LockBit([AtomicU64; ROOM.nodes()]);

impl Default for LockBit {
    fn default() -> Self {
        Self(core::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Scheme for LockBit {
    // The fault: the facts after a fork and in an interrupt are those of `OneWord`. A walk there may wait for ever.
    const FACTS: Facts = OneWord::FACTS.scheme("LockBit").readers(Progress::Blocking);
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = WordWalk<'w>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> WordWalk<'w> {
        let mut backoff = Backoff::default();
        loop {
            // Acquire: pairs with the release in `publish`.
            let list = scheme.0.get(node.index()).map_or(0, |list| list.load(Ordering::Acquire));
            if list != LOCKED {
                return WordWalk(list, node, filter);
            }
            backoff.wait();
        }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        ROOM.check(next)?;
        self.0.iter().for_each(|list| list.store(LOCKED, Ordering::Relaxed));
        for (list, node) in self.0.iter().zip((0..).map_while(NodeId::new)) {
            // Release: pairs with the acquire in `walk`.
            list.store(word(next.of(node, Scope::Fallback)), Ordering::Release);
        }
        Ok(())
    }
}
