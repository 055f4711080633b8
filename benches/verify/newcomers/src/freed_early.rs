//! Broken: a publish frees the version before, whether a walk is over it or not.

use zonelist_core::{
    ZonelistsRef, NodeId, Request, Scope, Zonelists,
    publish::{Allocates, Facts, PublishError, ReadToken, Scheme, Writer},
    sync::{
        VersionBox, VersionRef,
        atomic::{
            AtomicPtr,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
};

use crate::smallest::ListWalk;

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
        // SAFETY: it comes from `into_raw`, and no walk outlives the scheme.
        drop(unsafe { VersionBox::from_raw(self.current.load(Relaxed)) });
    }
}

impl Scheme for FreedEarly {
    const FACTS: Facts = Facts { scheme: "FreedEarly", allocates: Allocates::Publish, ..crate::FACTS };
    type Pinned<'g> = VersionRef<'g, Zonelists>;
    type Walk<'w> = ListWalk<'w>;
    crate::plain!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> VersionRef<'g, Zonelists> {
        // SAFETY: it comes from `into_raw`. That it is not freed meanwhile is what is broken.
        unsafe { VersionRef::new(self.current.load(Acquire)) }
    }

    fn walk<'w, 'g: 'w>(pinned: &'w VersionRef<'g, Zonelists>, node: NodeId, request: &'w Request) -> ListWalk<'w> {
        ListWalk { rest: pinned.lists().of(node, Scope::Fallback).iter(), request }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        let old = self.current.swap(VersionBox::new(Zonelists::from(next)).into_raw(), AcqRel);
        // SAFETY: it comes from `into_raw`, and was swapped out once. That no walk is over it is what is broken.
        drop(unsafe { VersionBox::from_raw(old) });
        Ok(())
    }
}
