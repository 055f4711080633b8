//! The check that a publish which is rolled back hides no torn walk.

use std::vec::Vec;

use super::{Sample, rolls_back::RollsBack};
use crate::{
    Zonelists, Zoneref,
    publish::{Guarantee, PublishError, Published, ReaderSlots, Scheme, Walk},
    sync::unmodelled::Ordering::Relaxed,
};

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
    let (Sample { versions, requests }, (scheme, fails)) = (Sample::default(), RollsBack::new(scheme));
    let published: Published<_> = Published::with_slots(scheme, ReaderSlots::boxed(1));
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
