//! Which test bears out which fact: what no test shows, the command does not say.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::schemes::SchemeId;

/// A fact of some schemes, and the tests that fail when it is false: `file: test`.
struct Shown {
    schemes: &'static [&'static str],
    fact: &'static str,
    tests: &'static [&'static str],
}

/// All evidence there is.
const SHOWN: &[Shown] = &[
    Shown {
        schemes: &["StopWorld"],
        fact: "guarantee",
        tests: &[
            "zonelist-core/tests/loom.rs: a_walk_under_stop_world_is_a_snapshot",
            "zonelist-core/tests/loom.rs: stop_world_stops_two_readers",
        ],
    },
    Shown {
        schemes: &["StopWorldPreempted"],
        fact: "guarantee",
        tests: &[
            "zonelist-core/tests/loom.rs: a_preempted_walk_misses_repeats_and_is_empty",
            "zonelist-core/tests/loom.rs: a_preempted_walk_never_meets_a_half_written_list",
        ],
    },
    Shown {
        schemes: &["EpochSwap"],
        fact: "guarantee",
        tests: &["zonelist-epoch/tests/loom.rs: a_walk_under_epoch_swap_is_a_snapshot"],
    },
    Shown {
        schemes: &["SeqRetry"],
        fact: "guarantee",
        tests: &[
            "zonelist-seq/tests/loom.rs: a_torn_walk_is_told",
            "zonelist-seq/tests/loom.rs: a_torn_walk_is_told_when_asked_early",
            "zonelist-seq/tests/loom.rs: a_walk_across_two_publishes_is_told",
        ],
    },
    Shown {
        schemes: &["InPlace"],
        fact: "guarantee",
        tests: &[
            "zonelist-inplace/tests/loom.rs: a_walk_in_place_misses_a_zone",
            "zonelist-inplace/tests/loom.rs: a_walk_in_place_meets_a_zone_twice",
            "zonelist-inplace/tests/loom.rs: a_walk_in_place_is_empty_for_its_request",
            "zonelist-inplace/tests/loom.rs: a_walk_in_place_shows_no_zone_long_gone",
        ],
    },
];

/// The tests that bear out a fact of a scheme.
#[must_use]
pub fn tests_of(scheme: SchemeId, fact: &str) -> Vec<&'static str> {
    let shown = SHOWN.iter().filter(|shown| shown.fact == fact && shown.schemes.contains(&scheme.name()));
    shown.flat_map(|shown| shown.tests).copied().collect()
}

/// Every test that any fact names.
pub fn all_tests() -> impl Iterator<Item = &'static str> {
    SHOWN.iter().flat_map(|shown| shown.tests).copied()
}

/// A scheme's facts: of each, what is claimed if a test shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// The scheme's name.
    pub scheme: &'static str,
    /// The package it is in.
    #[serde(rename = "crate")]
    pub package: &'static str,
    /// The facts by name, null where no test shows one.
    #[serde(flatten)]
    pub facts: BTreeMap<&'static str, Value>,
    /// The tests that show them.
    pub evidence: BTreeMap<&'static str, Vec<&'static str>>,
}

/// The names of the facts, in the order in which people ask for them.
pub const FACTS: [&str; 10] = [
    "guarantee",
    "readers",
    "writer",
    "allocates",
    "registers",
    "interrupt_safe",
    "retires",
    "stalled_reader",
    "no_std",
    "no_alloc",
];

impl Card {
    /// A scheme's card.
    #[must_use]
    pub fn of(scheme: SchemeId) -> Self {
        let claims = scheme.facts();
        let claimed: [Value; FACTS.len()] = [
            claims.guarantee.to_string().into(),
            claims.readers.to_string().into(),
            claims.writer.to_string().into(),
            claims.allocates.to_string().into(),
            claims.registers.into(),
            claims.interrupt_safe.into(),
            claims.retires.into(),
            claims.stalled_reader.to_string().into(),
            claims.no_std.into(),
            claims.no_alloc.into(),
        ];
        let evidence: BTreeMap<_, _> =
            FACTS.iter().map(|&fact| (fact, tests_of(scheme, fact))).filter(|(_, tests)| !tests.is_empty()).collect();
        let shown = |(&fact, claim)| (fact, if evidence.contains_key(fact) { claim } else { Value::Null });
        let facts = FACTS.iter().zip(claimed).map(shown).collect();
        Self { scheme: claims.scheme, package: claims.package, facts, evidence }
    }
}
