//! A check that the schemes of whole versions share.

use zonelist_core::{
    conformance::Sample,
    publish::{Published, Scheme},
};

/// A guard shows the version that was current when it was entered, while hundreds of later ones are published.
pub(crate) fn a_guard_holds_its_version_while_others_are_published<S: Scheme>(published: &Published<S>) {
    let Sample { versions, requests } = Sample::default();
    let (node, request) = requests[0];
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&request);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let mut walk = guard.walk(node, &filter);
    let list = versions[0].lists().of(node, request.scope);
    assert_eq!(walk.next(), list.first().copied());
    for version in versions.iter().cycle().take(300) {
        published.publish(version).unwrap();
    }
    assert!(walk.eq(list[1..].iter().copied()), "the walk goes on over its version");
    assert!(guard.walk(node, &filter).eq(list.iter().copied()), "a new walk of the guard shows the same version");
    drop(guard);
    let last = versions[299 % 3].lists().of(node, request.scope);
    assert!(reader.enter().walk(node, &filter).eq(last.iter().copied()));
}
