//! A scheme around another scheme, whose publishes fail after the inner scheme has published.

use core::fmt;
use std::{sync::Arc, vec::Vec};

use super::Sample;
use crate::{
    NodeId, Request, Zonelists, Zoneref,
    locking::{Locked, Spin},
    publish::{
        Facts, Guarantee, PublishError, Published, ReadToken, ReaderProtocol, ReaderSlots, Scheme, Walk, Writer,
    },
    sync::unmodelled::{AtomicBool, Ordering::Relaxed},
    zonelist::ZonelistsRef,
};

/// Publishes what it is given. If `fails` is set, it then publishes the version before once more, and returns an error.
struct RollsBack<S> {
    inner: S,
    before: Locked<Zonelists>,
    fails: Arc<AtomicBool>,
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

/// Checks that a publish which an outer scheme rolls back is detected as any other change.
///
/// The outer scheme rolls a publish back by publishing the version before. The next publish has the same number, and a
/// walk that it tears must still report so.
///
/// For schemes whose pinned version is a reference to the scheme.
///
/// # Panics
/// A walk that does not report that it may be torn shows no version, or the scheme's guarantee is `Racy`.
pub fn a_publish_that_is_rolled_back_hides_no_torn_walk<S>(scheme: S)
where
    S: for<'g> Scheme<Pinned<'g> = &'g S> + 'static,
{
    assert!(S::FACTS.guarantee > Guarantee::Racy, "its walks may be torn and not report so");
    let (fails, Sample { versions, requests }) = (Arc::new(AtomicBool::new(false)), Sample::default());
    let before = Locked::new(Spin::new(), Zonelists::default());
    let published: Published<_> =
        Published::with_slots(RollsBack { inner: scheme, before, fails: Arc::clone(&fails) }, ReaderSlots::boxed(1));
    let (node, request) = &requests[0];
    let mut reader = published.reader().expect("a reader slot");
    let cases = (0..2 * versions.len())
        .flat_map(|from| (0..3).flat_map(move |times| (0..4).map(move |seen| (from, times, seen))));
    for (from, times, visited) in cases {
        let [now, next] = [from, from + 1].map(|version| &versions[version % versions.len()]);
        published.publish(now).expect("room for the sample");
        fails.store(true, Relaxed);
        (0..times).for_each(|_| assert_eq!(published.publish(next), Err(PublishError::Busy)));
        fails.store(false, Relaxed);
        let filter = published.filter(request);
        let guard = reader.enter();
        let mut walk = guard.walk(*node, &filter);
        let mut seen: Vec<Zoneref> = walk.by_ref().take(visited).collect();
        published.publish(next).expect("room for the sample");
        seen.extend(walk.by_ref());
        let is = |lists: &Zonelists| {
            let list = lists.lists().of(*node, request.scope).iter().copied();
            list.filter(|entry| request.admits(entry.zone())).eq(seen.iter().copied())
        };
        assert!(walk.must_retry() || is(now) || is(next), "{seen:?} is no version, and not reported as torn");
    }
}
