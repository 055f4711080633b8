//! Faulty: a publish frees the previous version, even while a walk reads it.

use zonelist_core::{
    NodeId, Request, Zonelists,
    publish::{Allocates, Facts, PublishError, ReadToken, Scheme, Writer},
    sync::{
        VersionBox, VersionRef,
        atomic::{
            AtomicPtr,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    zonelist::{Scope, ZonelistsRef},
};

use crate::list_walk::ListWalk;

/// A pointer to the current version, swapped.
#[derive(Debug)]
pub struct FreedEarly {
    current: AtomicPtr<Zonelists>,
}

impl Default for FreedEarly {
    fn default() -> Self {
        Self { current: AtomicPtr::new(VersionBox::new(Zonelists::default()).into_raw()) }
    }
}

impl Drop for FreedEarly {
    fn drop(&mut self) {
        // SAFETY: the pointer comes from `into_raw`, and no walk outlives the scheme.
        drop(unsafe { VersionBox::from_raw(self.current.load(Relaxed)) });
    }
}

impl Scheme for FreedEarly {
    const FACTS: Facts = crate::FACTS.scheme("FreedEarly").allocates(Allocates::Publish);
    type Pinned<'g> = VersionRef<'g, Zonelists>;
    type Walk<'w> = ListWalk<'w>;
    crate::plain!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> VersionRef<'g, Zonelists> {
        // Acquire: pairs with the release half of the swap in `FreedEarly::publish`. SAFETY: not upheld, which is the
        // fault: the pointer comes from `into_raw`, and a publish may free it meanwhile.
        unsafe { VersionRef::new(self.current.load(Acquire)) }
    }

    fn walk<'w, 'g: 'w>(pinned: &'w VersionRef<'g, Zonelists>, node: NodeId, request: &'w Request) -> ListWalk<'w> {
        ListWalk { rest: pinned.lists().of(node, Scope::Fallback).iter(), request }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        // Release: pairs with the acquire in `FreedEarly::pin`. Acquire: pairs with the release of the swap before.
        let old = self.current.swap(VersionBox::new(Zonelists::from(next)).into_raw(), AcqRel);
        // SAFETY: not upheld, which is the fault: the pointer comes from `into_raw` and was swapped out once, and a
        // walk may still read the version.
        drop(unsafe { VersionBox::from_raw(old) });
        Ok(())
    }
}
