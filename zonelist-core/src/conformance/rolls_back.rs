//! A scheme around another scheme, whose publishes fail after the inner scheme has published.

use core::fmt;
use std::sync::Arc;

use crate::{
    NodeId, Request, Zonelists,
    locking::{Locked, Spin},
    publish::{Facts, PublishError, ReadToken, ReaderProtocol, Scheme, Writer},
    sync::unmodelled::{AtomicBool, Ordering::Relaxed},
    zonelist::ZonelistsRef,
};

/// Publishes what it is given. If `fails` is set, it then publishes the version before once more, and returns an error.
pub(super) struct RollsBack<S> {
    inner: S,
    before: Locked<Zonelists>,
    fails: Arc<AtomicBool>,
}

impl<S> RollsBack<S> {
    /// A scheme around another, and the switch that makes its publishes fail.
    pub(super) fn new(inner: S) -> (Self, Arc<AtomicBool>) {
        let fails = Arc::new(AtomicBool::new(false));
        let before = Locked::new(Spin::new(), Zonelists::default());
        (Self { inner, before, fails: Arc::clone(&fails) }, fails)
    }
}

impl<S> fmt::Debug for RollsBack<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RollsBack").finish_non_exhaustive()
    }
}

impl<S: for<'g> Scheme<Pinned<'g> = &'g S> + 'static> Scheme for RollsBack<S> {
    const FACTS: Facts = S::FACTS;
    const PROTOCOL: ReaderProtocol = S::PROTOCOL;
    type Local = S::Local;
    type Filter = S::Filter;
    type Pinned<'g> = &'g S;
    type Walk<'w> = S::Walk<'w>;

    fn local(&self) -> S::Local {
        self.inner.local()
    }

    fn filter(&self, request: &Request) -> S::Filter {
        self.inner.filter(request)
    }

    fn pin<'g>(&'g self, _: &'g S::Local, _: ReadToken<'g, Self>) -> &'g S {
        &self.inner
    }

    fn walk<'w, 'g: 'w>(inner: &'w &'g S, node: NodeId, filter: &'w S::Filter) -> S::Walk<'w> {
        S::walk(inner, node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        self.inner.publish(next, writer)?;
        self.before.with(|before| {
            if self.fails.load(Relaxed) {
                self.inner.publish(before.lists(), writer)?;
                return Err(PublishError::Busy);
            }
            *before = next.into();
            Ok(())
        })
    }
}
