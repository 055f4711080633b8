//! Not explored: locks that loom does not see, and that the search of sources does not find either.

// Not explored: the comment hides the import, as if the lock were that of another crate.
use std::sync::{Mutex as Elsewhere, MutexGuard as ElsewhereGuard, PoisonError};

use zonelist_core::{
    NodeId, Request, Zonelists,
    publish::{Allocates, Facts, Progress, PublishError, ReadToken, Scheme, Writer},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    zonelist::{Scope, ZonelistsRef},
};

use crate::list_walk::ListWalk;

crate::behind_a_lock::behind_a_lock!(
    Wrapped,
    Elsewhere,
    ElsewhereGuard,
    lock,
    lock,
    allocates(Allocates::Publish),
    readers(Progress::Blocking),
    writer(Progress::Blocking)
);

/// A lock that loom does not see, held around a step that loom sees: an access of a count of publishes.
#[derive(Debug, Default)]
pub struct Held {
    lists: Elsewhere<Zonelists>,
    count: AtomicUsize,
}

impl Scheme for Held {
    const FACTS: Facts =
        crate::FACTS.scheme("Held").allocates(Allocates::Both).readers(Progress::Blocking).writer(Progress::Blocking);
    type Pinned<'g> = Zonelists;
    type Walk<'w> = ListWalk<'w>;
    crate::plain!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Zonelists {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.load(SeqCst);
        lists.clone()
    }

    fn walk<'w, 'g: 'w>(pinned: &'w Zonelists, node: NodeId, request: &'w Request) -> ListWalk<'w> {
        ListWalk { rest: pinned.lists().of(node, Scope::Fallback).iter(), request }
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.store(writer.version().number(), SeqCst);
        *lists = Zonelists::from(next);
        Ok(())
    }
}
