//! The versions that a walk may have seen, and publishes that no run can have recorded.

use zonelist_core::{
    Zonelists,
    conformance::{History, HistoryError, Published, Span},
    publish::Version,
};

use super::{ANY, history, judge, lists, span, words};

/// The candidates of a span: each version's list is one letter, and V0 is a dot.
fn candidates(publishes: &[(u64, u64, &str)], span: Span) -> String {
    let history = history(publishes);
    let name = |at: zonelist_core::zonelist::ZonelistsRef<'_>| match publishes
        .iter()
        .find(|publish| lists(publish.2).lists() == at)
    {
        Some(publish) => publish.2,
        None => {
            assert_eq!(at, zonelist_core::zonelist::ZonelistsRef::EMPTY);
            "."
        }
    };
    history.candidates(span).map(name).collect()
}

#[test]
fn before_the_first_publish_there_is_v0() {
    assert_eq!(candidates(&[], span(0, u64::MAX)), ".");
    assert_eq!(candidates(&[(5, 7, "A")], span(0, 4)), ".");
    assert_eq!(words(judge(&history(&[(5, 7, "A")]), span(0, 4), ANY, "", true)), "exact");
    assert_eq!(words(judge(&history(&[(5, 7, "A")]), span(0, 4), ANY, "A", true)), "torn phantom");
}

#[test]
fn a_version_is_current_from_the_call_of_its_publish() {
    let publishes = [(5, 7, "A")];
    assert_eq!(candidates(&publishes, span(0, 4)), ".");
    assert_eq!(candidates(&publishes, span(0, 5)), ".A");
    assert_eq!(candidates(&publishes, span(5, 5)), ".A");
}

#[test]
fn a_version_is_current_to_the_return_of_the_next_one_s_publish() {
    let publishes = [(5, 7, "A"), (10, 12, "B")];
    assert_eq!(candidates(&publishes, span(7, 7)), ".A", "replaced exactly at the walk's begin");
    assert_eq!(candidates(&publishes, span(8, 8)), "A");
    assert_eq!(candidates(&publishes, span(8, 9)), "A");
    assert_eq!(candidates(&publishes, span(8, 10)), "AB");
    assert_eq!(candidates(&publishes, span(12, 20)), "AB");
    assert_eq!(candidates(&publishes, span(13, 20)), "B");
    assert_eq!(candidates(&publishes, span(0, 20)), ".AB");
}

#[test]
fn a_version_stays_current_while_the_next_one_s_publish_has_not_returned() {
    // Two threads: B's publish gets the lock after A's, is called before it and returns long after it.
    let publishes = [(4, 6, "A"), (2, 20, "B"), (8, 9, "C")];
    assert_eq!(candidates(&publishes, span(1, 1)), ".");
    assert_eq!(candidates(&publishes, span(3, 3)), ".B", "B is called, A not yet");
    assert_eq!(candidates(&publishes, span(7, 7)), "AB");
    assert_eq!(candidates(&publishes, span(12, 13)), "AC", "C has replaced B and returned, B has not");
    assert_eq!(candidates(&publishes, span(20, 20)), "AC");
    assert_eq!(candidates(&publishes, span(21, 21)), "C");
}

#[test]
fn what_happens_at_one_stamp_is_unordered() {
    let publishes = [(0, 0, "A"), (9, 9, "B"), (9, 9, "C")];
    assert_eq!(candidates(&publishes, span(9, 9)), "ABC");
    assert_eq!(candidates(&publishes, span(8, 8)), "A");
    assert_eq!(candidates(&publishes, span(10, 10)), "C");
}

fn published(version: usize, stamp: u64, list: &str) -> Published<Zonelists> {
    Published { version: Version::of(version), span: span(stamp, stamp), lists: lists(list) }
}

#[test]
fn publishes_are_accepted_in_any_order() {
    let history = History::new(vec![published(2, 5, "B"), published(1, 2, "A")]).unwrap();
    assert_eq!(words(judge(&history, span(7, 7), ANY, "B", true)), "exact");
    assert_eq!(words(judge(&history, span(3, 3), ANY, "A", true)), "exact");
    assert_eq!(history.versions(), 2);
}

#[test]
fn a_version_that_is_missing_or_occurs_twice_is_no_history() {
    let refused = |versions: &[usize]| {
        let publishes = versions.iter().map(|&version| published(version, 0, "A")).collect();
        let HistoryError { found, expected } = History::new(publishes).unwrap_err();
        (found.number(), expected.number())
    };
    assert_eq!(refused(&[2]), (2, 1), "the first was lost");
    assert_eq!(refused(&[0, 1]), (0, 1), "V0 is not published");
    assert_eq!(refused(&[1, 3]), (3, 2), "a version in the middle was lost");
    assert_eq!(refused(&[1, 2, 2, 3]), (2, 3), "two publishes were given one number");
    assert_eq!(refused(&[3, 2, 4]), (2, 1));
}

#[test]
fn a_version_published_before_a_lower_one_was_called_is_no_history() {
    let at = |stamps: [(u64, u64); 3]| {
        let publish = |(version, (begin, end))| Published { span: span(begin, end), ..published(version, 0, "A") };
        History::new((1..).zip(stamps).map(publish).collect()).map(|history| history.versions())
    };
    let refused = |stamps| at(stamps).map_err(|error| (error.found.number(), error.expected.number()));
    assert_eq!(refused([(5, 6), (3, 4), (7, 8)]), Err((2, 1)));
    assert_eq!(refused([(1, 2), (9, 20), (3, 8)]), Err((3, 2)));
    assert_eq!(refused([(9, 20), (9, 20), (3, 8)]), Err((3, 2)));
    assert_eq!(refused([(9, 20), (7, 21), (3, 8)]), Err((3, 1)), "the last returned before the first was called");
    // Near misses: the spans overlap, if only in a stamp.
    assert_eq!(refused([(5, 6), (3, 5), (7, 8)]), Ok(3));
    assert_eq!(refused([(5, 9), (4, 8), (3, 7)]), Ok(3));
}

#[test]
fn a_history_can_follow_a_version() {
    let after = |publishes| History::after(Version::of(7), lists("A"), publishes);
    let history = after(vec![published(9, 6, "C"), published(8, 3, "B")]).unwrap();
    assert_eq!(words(judge(&history, span(1, 1), ANY, "A", true)), "exact", "the base is current at first");
    assert_eq!(words(judge(&history, span(1, 1), ANY, "", true)), "torn missed empty", "V0 was replaced before");
    assert_eq!(words(judge(&history, span(4, 4), ANY, "A", true)), "torn missed phantom");
    assert_eq!(words(judge(&history, span(4, 4), ANY, "B", true)), "exact");
    assert_eq!(words(judge(&history, span(7, 7), ANY, "C", true)), "exact");
    for wrong in [1, 7, 9] {
        let error = after(vec![published(wrong, 3, "B")]).unwrap_err();
        assert_eq!((error.found.number(), error.expected.number()), (wrong, 8));
    }
    assert_eq!(after(vec![]).unwrap().versions(), 0);
}
