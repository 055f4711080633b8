//! The verdicts that each guarantee allows, and the counts of walks.

use zonelist_core::{
    conformance::{Tally, Verdict},
    publish::Guarantee::{Detected, Racy, Snapshot},
};

const EXACT: Verdict =
    Verdict { torn: false, missed: false, repeated: false, phantom: false, disordered: false, empty: false };
const TORN: Verdict = Verdict { torn: true, ..EXACT };

#[test]
fn a_snapshot_is_exact_and_never_reported_as_torn() {
    assert!(EXACT.is_within(Snapshot, false));
    assert!(!EXACT.is_within(Snapshot, true));
    assert!(!TORN.is_within(Snapshot, false));
    assert!(!TORN.is_within(Snapshot, true));
}

#[test]
fn a_detected_walk_is_exact_or_reported() {
    assert!(EXACT.is_within(Detected, false));
    assert!(EXACT.is_within(Detected, true), "reported though exact");
    assert!(!TORN.is_within(Detected, false));
    assert!(TORN.is_within(Detected, true));
    assert!(Verdict { phantom: true, ..TORN }.is_within(Detected, true), "a reported walk may show anything");
}

#[test]
fn a_racy_walk_may_be_anything_but_a_phantom() {
    let all = Verdict { missed: true, repeated: true, disordered: true, empty: true, ..TORN };
    assert!(EXACT.is_within(Racy, false) && TORN.is_within(Racy, false) && all.is_within(Racy, false));
    assert!(!Verdict { phantom: true, ..TORN }.is_within(Racy, false));
    assert!(!Verdict { phantom: true, ..all }.is_within(Racy, false));
    assert!(!EXACT.is_within(Racy, true), "a scheme that reports torn walks has a stronger guarantee");
}

#[test]
fn a_walk_with_two_verdicts_counts_in_both() {
    let mut tally = Tally::default();
    tally.count(Verdict { missed: true, repeated: true, ..TORN }, false, Racy);
    tally.count(Verdict { missed: true, empty: true, ..TORN }, false, Racy);
    let expected = Tally { walks: 2, torn: 2, missed: 2, repeated: 1, empty: 1, unreported: 2, ..Tally::default() };
    assert_eq!(tally, expected);
}

#[test]
fn a_torn_walk_is_reported_or_unreported() {
    let mut tally = Tally::default();
    for (verdict, reported) in [(EXACT, false), (EXACT, true), (TORN, true), (TORN, true), (TORN, false)] {
        tally.count(verdict, reported, Detected);
    }
    let expected = Tally { walks: 5, torn: 3, reported: 3, unreported: 1, violations: 1, ..Tally::default() };
    assert_eq!(tally, expected);
}

#[test]
fn tallies_add_up_count_by_count() {
    let mut parts = [Tally::default(), Tally::default()];
    parts[0].count(
        Verdict { missed: true, repeated: true, phantom: true, disordered: true, empty: true, ..TORN },
        false,
        Racy,
    );
    parts[1].count(TORN, true, Snapshot);
    let sum: Tally = parts.into_iter().sum();
    let expected = Tally {
        walks: 2,
        torn: 2,
        missed: 1,
        repeated: 1,
        phantom: 1,
        disordered: 1,
        empty: 1,
        reported: 1,
        unreported: 1,
        remembered: 0,
        violations: 2,
    };
    assert_eq!(sum, expected);
}
