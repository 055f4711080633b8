//! Faulty: the store that ends a publish does not release the slots that were written before it.

use zonelist_core::{
    NodeId, Request, Zoneref,
    publish::{Facts, Guarantee, Progress, PublishError, ReadToken, Scheme, Walk, Writer},
    sync::atomic::{
        AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    },
    zonelist::ZonelistsRef,
};

use crate::words::{WordWalk, Words};

/// A table under a sequence number, which is odd while the table is written.
#[derive(Debug, Default)]
pub struct RelaxedClose {
    sequence: AtomicUsize,
    words: Words,
}

/// A walk that reports that it may be torn if the sequence number was odd, or has changed.
#[derive(Clone, Debug)]
pub struct CheckedWalk<'w> {
    walk: WordWalk<'w>,
    sequence: &'w AtomicUsize,
    begun: usize,
}

impl Iterator for CheckedWalk<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        self.walk.next()
    }
}

impl Walk for CheckedWalk<'_> {
    fn must_retry(&self) -> bool {
        // Acquire: pairs with the release fence in `RelaxedClose::publish`.
        fence(Acquire);
        self.begun % 2 == 1 || self.sequence.load(Relaxed) != self.begun
    }
}

impl Scheme for RelaxedClose {
    const FACTS: Facts = crate::FACTS.scheme("RelaxedClose").guarantee(Guarantee::Detected).readers(Progress::Blocking);
    type Pinned<'g> = &'g Self;
    type Walk<'w> = CheckedWalk<'w>;
    crate::plain!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, _: NodeId, request: &'w Request) -> CheckedWalk<'w> {
        // Acquire: has no release to pair with, since the last store of `RelaxedClose::publish` is Relaxed.
        let begun = scheme.sequence.load(Acquire);
        CheckedWalk { walk: scheme.words.walk(request, Relaxed), sequence: &scheme.sequence, begun }
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        let list = crate::list(next)?;
        let number = 2 * writer.version().number();
        self.sequence.store(number - 1, Relaxed);
        // Release: pairs with the acquire fence in `CheckedWalk::must_retry`.
        fence(Release);
        for (at, &entry) in list.iter().enumerate() {
            self.words.put(at, entry, Relaxed);
        }
        self.words.end(list.len(), Relaxed);
        // The fault: Relaxed, where Release would pair with the acquire in `RelaxedClose::walk`.
        self.sequence.store(number, Relaxed);
        Ok(())
    }
}
