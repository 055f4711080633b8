//! Each verdict, with near misses.

use zonelist_core::{Request, ZoneKind, topology::NodeSet};

use super::{ANY, AT_ONCE, KERNEL, full, full_of, judge, left, node, overlapping, words};

#[test]
fn a_full_walk_is_exact_if_it_is_one_candidate() {
    assert_eq!(full(&["aAB"], "aAB"), "exact");
    assert_eq!(full(&["aAB", "AB"], "aAB"), "exact");
    assert_eq!(full(&["aAB", "AB"], "AB"), "exact");
    // Near misses: the beginning of a candidate, a candidate and more, and each zone from some candidate.
    assert_eq!(full(&["aAB"], "aA"), "torn missed");
    assert_eq!(full(&["aA"], "aAB"), "torn phantom");
    assert_eq!(full(&["aA", "bB"], "aB"), "torn");
}

#[test]
fn a_walk_left_early_is_exact_if_it_begins_one_candidate() {
    for seen in ["", "a", "aA", "aAB"] {
        assert_eq!(left(&["aAB"], seen), "exact");
    }
    assert_eq!(left(&["aAB", "BA"], "BA"), "exact");
    assert_eq!(left(&["aAB", "BA"], "B"), "exact");
    // Near misses: the middle of a candidate, and a candidate and more.
    assert_eq!(left(&["aAB"], "A"), "torn missed");
    assert_eq!(left(&["aA"], "aAB"), "torn phantom");
}

#[test]
fn a_walk_that_changes_version_is_torn_even_if_nothing_else_is_wrong() {
    assert_eq!(full(&["aAB", "aAC"], "aA"), "torn");
    assert_eq!(full(&["aAB", "aAC"], "aABC"), "torn");
    assert_eq!(full(&["aA", "bA"], "abA"), "torn");
    assert_eq!(left(&["aAB", "aAC"], "aABC"), "torn");
}

#[test]
fn a_zone_is_missed_that_every_candidate_has() {
    assert_eq!(full(&["aAB"], "aB"), "torn missed");
    assert_eq!(full(&["aAB", "AB"], "B"), "torn missed");
    assert_eq!(full(&["aAB", "AB"], "A"), "torn missed", "B, at the end of both");
    // Near misses: one candidate lacks the zone.
    assert_eq!(full(&["aAB", "aBC"], "aB"), "torn");
    assert_eq!(full(&["aABC", "BD"], "BC"), "torn");
}

#[test]
fn a_walk_left_early_misses_only_what_is_before_its_last_zone() {
    assert_eq!(left(&["aABC"], "aB"), "torn missed");
    assert_eq!(left(&["aABC", "ABC"], "aB"), "torn missed");
    // Near misses: one candidate has the zone later, lacks it, or lacks the last zone.
    assert_eq!(left(&["aABC", "aBAC"], "aBC"), "torn missed", "A is before C in both");
    assert_eq!(left(&["ABC", "aBAC"], "aB"), "exact");
    assert_eq!(left(&["aABC", "bBAC"], "aB"), "torn", "A is after B in one");
    assert_eq!(left(&["aABC", "bBC"], "aB"), "torn", "A is not in the other");
    assert_eq!(left(&["aABC", "aAC"], "aB"), "torn", "B is not in the other");
    assert_eq!(left(&["aAB"], "aC"), "torn phantom", "C is in none");
    assert_eq!(left(&["aABC"], "aB").replace("torn ", ""), "missed", "and C, after B, is not missed");
}

#[test]
fn the_last_zone_of_a_walk_left_early_is_the_one_seen_last() {
    // A is before B and after a.
    assert_eq!(left(&["aABC"], "Ba"), "torn disordered");
    assert_eq!(left(&["aABC"], "aBB"), "torn missed repeated");
}

#[test]
fn a_zone_is_repeated_that_is_there_twice() {
    assert_eq!(full(&["AB"], "AAB"), "torn repeated");
    assert_eq!(full(&["aAB", "AB"], "aAAB"), "torn repeated");
    assert_eq!(left(&["AB"], "AA"), "torn repeated");
    // Near misses: another zone of the node, or of the kind.
    assert_eq!(full(&["aAB"], "aAB"), "exact");
    assert_eq!(full(&["aB", "AB"], "aAB"), "torn");
}

#[test]
fn a_zone_is_a_phantom_that_no_candidate_has() {
    assert_eq!(full(&["AB"], "ABC"), "torn phantom");
    assert_eq!(full(&["AB", "BA"], "aAB"), "torn phantom");
    assert_eq!(left(&["AB"], "C"), "torn phantom");
    // Near misses: one candidate has the zone.
    assert_eq!(full(&["AB", "AC"], "ABC"), "torn");
    assert_eq!(full(&["AB", "AC", "CA"], "CB"), "torn missed");
}

#[test]
fn a_zone_that_the_request_does_not_admit_is_a_phantom() {
    assert_eq!(full_of(&["aAB"], KERNEL, "aAB"), "torn phantom");
    assert_eq!(full_of(&["aAB"], ANY.this_node(), "aAB"), "torn phantom");
    assert_eq!(full_of(&["aAB"], ANY, "aAB"), "exact");
}

#[test]
fn two_zones_are_disordered_that_no_candidate_has_in_that_order() {
    assert_eq!(full(&["AB"], "BA"), "torn disordered");
    assert_eq!(full(&["AB", "aAB"], "aBA"), "torn disordered");
    assert_eq!(left(&["ABC"], "BA"), "torn disordered");
    assert_eq!(full(&["ABC", "C"], "CBA"), "torn disordered", "the second candidate has no two of them");
    // Near misses: one candidate has the zones in this sequence.
    assert_eq!(full(&["aAB", "aBA"], "BA"), "torn missed");
    assert_eq!(full(&["AB", "BAC"], "BA"), "torn");
    // Near misses: no candidate has both zones.
    assert_eq!(full(&["A", "B"], "BA"), "torn");
    assert_eq!(full(&["AB"], "CA"), "torn missed phantom");
}

#[test]
fn a_zone_seen_again_after_a_later_one_is_disordered_too() {
    assert_eq!(full(&["AB"], "ABA"), "torn repeated disordered");
    assert_eq!(full(&["AB"], "AA"), "torn missed repeated", "a zone has no sequence with itself");
}

#[test]
fn a_full_walk_is_empty_if_no_candidate_is() {
    assert_eq!(full(&["A"], ""), "torn missed empty");
    assert_eq!(full(&["A", "B"], ""), "torn empty", "no zone is in both");
    // Near misses: one candidate is empty, or the walk was left before its first entry.
    assert_eq!(full(&["A", ""], ""), "exact");
    assert_eq!(full(&[""], ""), "exact");
    assert_eq!(left(&["A"], ""), "exact");
}

#[test]
fn a_list_may_be_empty_for_the_request_only() {
    assert_eq!(full_of(&["ab"], KERNEL, ""), "exact");
    assert_eq!(full_of(&["ab", "aA"], KERNEL, ""), "exact", "the first candidate is empty");
    assert_eq!(full_of(&["aA", "A"], KERNEL, ""), "torn missed empty");
}

#[test]
fn what_a_request_does_not_admit_is_not_missed() {
    assert_eq!(full_of(&["aAbB"], KERNEL, "AB"), "exact");
    assert_eq!(full_of(&["aAbB"], KERNEL, "B"), "torn missed");
    assert_eq!(full_of(&["aAbB"], Request::up_to(ZoneKind::Dma), ""), "exact");
}

#[test]
fn a_request_confined_to_nodes_is_judged_by_them() {
    let confined = |nodes: &[u16]| Request { nodes: Some(nodes.iter().copied().map(node).collect()), ..ANY };
    assert_eq!(full_of(&["aABC"], confined(&[0]), "aA"), "exact");
    assert_eq!(full_of(&["aABC"], confined(&[1, 2]), "BC"), "exact");
    assert_eq!(full_of(&["aABC"], confined(&[1, 2]), "C"), "torn missed");
    assert_eq!(full_of(&["aABC"], confined(&[1]), "AB"), "torn phantom");
    assert_eq!(full_of(&["aABC"], confined(&[3]), ""), "exact");
    assert_eq!(full_of(&["aABC"], Request { nodes: Some(NodeSet::EMPTY), ..ANY }, ""), "exact");
}

#[test]
fn a_request_of_this_node_is_judged_by_that_list() {
    assert_eq!(full_of(&["aAB"], ANY.this_node(), "aA"), "exact");
    assert_eq!(full_of(&["aAB"], ANY.this_node(), "a"), "torn missed");
    assert_eq!(full_of(&["aAB"], KERNEL.this_node(), "A"), "exact");
    assert_eq!(full_of(&["BaA"], ANY.this_node(), ""), "exact", "the list does not begin with its own");
    assert_eq!(full_of(&["aB", "AB"], ANY.this_node(), ""), "torn empty");
}

#[test]
fn a_node_without_a_span_has_an_empty_list() {
    let judged = |seen: &str, full| {
        let seen = super::entries(seen);
        let request = ANY;
        let walk =
            zonelist_core::conformance::Walked { node: node(1), request: &request, span: AT_ONCE, seen: &seen, full };
        words(overlapping(&["aAB"]).judge(&walk))
    };
    assert_eq!(judged("", true), "exact");
    assert_eq!(judged("B", true), "torn phantom");
    assert_eq!(judged("B", false), "torn phantom");
}

#[test]
fn several_things_can_be_wrong_at_once() {
    let verdict = judge(&overlapping(&["aABC"]), AT_ONCE, ANY, "CaaD", true);
    assert_eq!(words(verdict), "torn missed repeated phantom disordered");
}
