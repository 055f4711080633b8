//! The tests that show each fact of each scheme. The command states no fact that no test shows.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use zonelist_core::{
    publish::{Facts, Platform, Reader, ReaderProtocol, ReaderSlot, Standard},
    sync::Spin,
    table::Capacity,
};

use crate::{Buildable, SchemeId, Visitor};

/// A fact of some schemes, and the tests that fail if it is false: `file: test`.
struct Shown {
    schemes: &'static [&'static str],
    fact: &'static str,
    tests: &'static [&'static str],
}

const ALL: &[&str] = SchemeId::NAMES;

/// The tests that `zonelist_core::model!` makes for one scheme.
struct Modelled {
    scheme: &'static str,
    /// Tests of what walks show. The first also fails if a reader or writer waits that must not.
    walks: &'static [&'static str],
    /// Tests of walks in interrupts. They show nothing where the facts rule interrupts out.
    interrupt: &'static [&'static str],
}

macro_rules! modelled {
    ($scheme:literal, $file:literal, $name:literal) => {
        Modelled {
            scheme: $scheme,
            walks: modelled!(@ $file, $name:
                "a_reader_and_a_publisher", "a_list_that_was_longer", "two_readers", "two_publishers", "an_early_exit",
                "a_walk_across_publishes", "two_walks", "a_reader_that_comes_and_goes", "the_races_of_2022",
                "an_allocation_at_the_tail"),
            interrupt: modelled!(@ $file, $name: "an_interrupt"),
        }
    };
    (@ $file:literal, $name:literal: $($shape:literal),*) => {
        &[$(concat!($file, ": ", $name, "::", $shape)),*]
    };
}

/// The schemes that loom can explore.
const MODELLED: &[Modelled] = &[
    modelled!("StopWorld", "zonelist-core/tests/loom.rs", "stop_world"),
    modelled!("StopWorldPreempted", "zonelist-core/tests/loom.rs", "stop_world_preempted"),
    modelled!("EpochSwap", "zonelist-epoch/tests/loom.rs", "epoch_swap"),
    modelled!("AsymmetricEpoch", "zonelist-epoch/tests/loom.rs", "asymmetric_epoch"),
    modelled!("Qsbr", "zonelist-epoch/tests/loom.rs", "qsbr"),
    modelled!("SeqRetry", "zonelist-seq/tests/loom.rs", "seq_retry"),
    modelled!("InPlace", "zonelist-inplace/tests/loom.rs", "in_place"),
    modelled!("Presence", "zonelist-inplace/tests/loom.rs", "presence"),
    modelled!("Presence", "zonelist-inplace/tests/loom.rs", "wide_presence"),
];

/// The evidence that `model!` does not make.
const SHOWN: &[Shown] = &[
    Shown {
        schemes: &["StopWorld"],
        fact: "guarantee",
        tests: &[
            "zonelist-core/tests/loom.rs: a_second_walk_under_stop_world_is_a_snapshot",
            "zonelist-core/tests/models/asymmetric.rs: a_walk_beside_a_stop_by_membarrier_is_a_snapshot",
            "zonelist-core/tests/models/asymmetric.rs: a_reader_that_comes_and_goes_beside_stops_by_membarrier",
            "zonelist-core/tests/all/stress.rs: stop_world_keeps_its_guarantee_by_membarrier",
        ],
    },
    Shown {
        schemes: &["StopWorldPreempted"],
        fact: "guarantee",
        tests: &[
            "zonelist-core/tests/loom.rs: a_preempted_walk_misses_repeats_and_is_empty",
            "zonelist-core/tests/loom.rs: a_preempted_walk_never_meets_a_half_written_list",
            "zonelist-core/tests/models/asymmetric.rs: a_preempted_walk_by_membarrier_meets_no_half_written_list",
            "zonelist-core/tests/all/stress.rs: stop_world_preempted_keeps_its_guarantee_under_load",
        ],
    },
    Shown {
        schemes: &["EpochSwap"],
        fact: "guarantee",
        tests: &["zonelist-epoch/tests/all/stress.rs: epoch_swap_shows_snapshots_under_load"],
    },
    Shown {
        schemes: &["ArcSwap"],
        fact: "guarantee",
        tests: &[
            "zonelist-epoch/tests/all/stress.rs: arc_swap_shows_snapshots_under_load",
            "zonelist-epoch/tests/all/stress.rs: a_reader_that_holds_no_version_and_an_early_free_are_condemned",
        ],
    },
    Shown {
        schemes: &["AsymmetricEpoch"],
        fact: "guarantee",
        tests: &[
            "zonelist-epoch/tests/loom.rs: a_walk_under_asymmetric_epoch_is_a_snapshot",
            "zonelist-epoch/tests/loom.rs: a_second_walk_under_asymmetric_epoch_is_a_snapshot",
            "zonelist-epoch/tests/loom.rs: an_old_acknowledgement_under_asymmetric_epoch_is_none",
            "zonelist-epoch/tests/models/asymmetric.rs: a_walk_under_asymmetric_epoch_by_membarrier_is_a_snapshot",
            "zonelist-epoch/tests/models/asymmetric.rs: two_walks_under_asymmetric_epoch_by_membarrier_are_snapshots",
            "zonelist-epoch/tests/models/asymmetric.rs: a_reader_of_asymmetric_epoch_that_comes_and_goes_by_membarrier",
            "zonelist-epoch/tests/all/stress.rs: asymmetric_epoch_shows_snapshots_under_load",
            "zonelist-epoch/tests/all/stress.rs: asymmetric_epoch_shows_snapshots_by_membarrier",
        ],
    },
    Shown {
        schemes: &["Qsbr"],
        fact: "guarantee",
        tests: &[
            "zonelist-epoch/tests/loom.rs: a_walk_under_qsbr_is_a_snapshot",
            "zonelist-epoch/tests/loom.rs: a_second_walk_under_qsbr_is_a_snapshot",
            "zonelist-epoch/tests/models/asymmetric.rs: a_reader_of_qsbr_is_registered_by_membarrier",
            "zonelist-epoch/tests/models/asymmetric.rs: a_reader_of_qsbr_that_comes_and_goes_by_membarrier",
            "zonelist-epoch/tests/all/stress.rs: qsbr_shows_snapshots_under_load",
            "zonelist-epoch/tests/all/stress.rs: qsbr_shows_snapshots_by_membarrier",
        ],
    },
    Shown {
        schemes: &["SeqRetry"],
        fact: "guarantee",
        tests: &[
            "zonelist-seq/tests/loom.rs: walks_of_seq_retry_are_torn_and_reported",
            "zonelist-seq/tests/loom.rs: a_torn_walk_is_reported_before_its_end",
            "zonelist-seq/tests/loom.rs: a_walk_across_two_publishes_is_reported",
            "zonelist-seq/tests/all/stress.rs: seq_retry_reports_every_torn_walk",
        ],
    },
    Shown {
        schemes: &["SeqCopy"],
        fact: "guarantee",
        tests: &[
            "zonelist-seq/tests/all/stress.rs: seq_copy_shows_snapshots_under_load",
            "zonelist-seq/tests/all/stress.rs: a_lock_for_each_zoneref_is_condemned",
        ],
    },
    Shown {
        schemes: &["InPlace"],
        fact: "guarantee",
        tests: &[
            "zonelist-inplace/tests/loom.rs: a_walk_in_place_misses_a_zone",
            "zonelist-inplace/tests/loom.rs: a_walk_in_place_meets_a_zone_twice",
            "zonelist-inplace/tests/loom.rs: a_walk_in_place_is_empty_for_its_request",
            "zonelist-inplace/tests/loom.rs: a_walk_in_place_shows_no_zone_of_an_older_version",
            "zonelist-inplace/tests/all/stress.rs: in_place_shows_no_phantom_under_load",
        ],
    },
    Shown {
        schemes: &["Presence"],
        fact: "guarantee",
        tests: &[
            "zonelist-inplace/tests/loom.rs: zones_come_and_go_at_once_through_presence",
            "zonelist-inplace/tests/loom.rs: a_changed_order_of_a_list_is_seen_whole_through_presence",
            "zonelist-inplace/tests/loom.rs: a_walk_across_two_changed_orders_is_reported",
            "zonelist-inplace/tests/loom.rs: a_torn_walk_of_presence_is_reported_before_its_end",
            "zonelist-inplace/tests/loom.rs: walks_of_more_zones_than_bits_are_whole_or_reported",
            "zonelist-inplace/tests/all/stress.rs: presence_reports_every_torn_walk",
        ],
    },
    Shown {
        schemes: ALL,
        fact: "readers",
        tests: &[
            "benches/schemes/tests/facts/progress.rs: readers_wait_for_a_stopped_publisher_where_the_scheme_says_so",
            "benches/schemes/tests/facts/progress.rs: the_first_walk_is_whole_where_readers_are_wait_free",
            "benches/schemes/tests/facts/panics.rs: a_panic_in_a_publish_lets_readers_continue_and_releases_the_lock",
        ],
    },
    Shown {
        schemes: ALL,
        fact: "writer",
        tests: &[
            "benches/schemes/tests/facts/progress.rs: a_publish_waits_for_a_stopped_reader_where_the_scheme_says_so",
            "benches/schemes/tests/facts/leaked.rs: a_leaked_walk_does_what_the_facts_say_of_a_stalled_one",
            "benches/schemes/tests/facts/panics.rs: a_panic_in_a_walk_leaves_nothing_held",
        ],
    },
    Shown {
        schemes: ALL,
        fact: "interrupt_safe",
        tests: &["benches/schemes/tests/facts/signals.rs: a_walk_in_a_signal_handler_ends_where_the_scheme_says_so"],
    },
    Shown {
        schemes: ALL,
        fact: "below_allocator",
        tests: &["benches/schemes/tests/global_allocator.rs: a_scheme_serves_a_global_allocator_where_it_says_so"],
    },
    Shown {
        schemes: ALL,
        fact: "after_fork",
        tests: &["benches/schemes/tests/facts/fork.rs: a_walk_after_a_fork_ends_where_the_scheme_says_so"],
    },
    Shown {
        schemes: ALL,
        fact: "tls_destructor",
        tests: &[
            "benches/schemes/tests/facts/threads.rs: a_walk_in_the_destructor_of_a_local_ends_where_the_scheme_says_so",
        ],
    },
    Shown {
        schemes: ALL,
        fact: "allocates",
        tests: &["benches/schemes/tests/facts/allocation.rs: a_scheme_uses_the_heap_only_where_it_says_so"],
    },
    Shown {
        schemes: ALL,
        fact: "registers",
        tests: &[
            "benches/schemes/tests/facts/allocation.rs: a_reader_takes_a_place_of_its_own_where_the_scheme_says_so",
            "benches/schemes/tests/facts/threads.rs: threads_that_come_and_go_leave_nothing_behind",
        ],
    },
    Shown {
        schemes: ALL,
        fact: "stalled_reader",
        tests: &[
            "benches/schemes/tests/facts/allocation.rs: what_is_kept_for_a_stalled_reader_is_bounded_where_the_scheme_says_so",
            "benches/schemes/tests/facts/leaked.rs: a_leaked_walk_does_what_the_facts_say_of_a_stalled_one",
        ],
    },
    Shown {
        schemes: ALL,
        fact: "no_std",
        tests: &["benches/verify/tests/builds/no_std.rs: a_scheme_runs_without_std_and_a_heap_where_it_says_so"],
    },
    Shown {
        schemes: ALL,
        fact: "no_alloc",
        tests: &["benches/verify/tests/builds/no_std.rs: a_scheme_runs_without_std_and_a_heap_where_it_says_so"],
    },
    Shown {
        schemes: ALL,
        fact: "retires",
        tests: &["benches/schemes/tests/facts/reclaim.rs: a_scheme_retires_if_it_has_grace_periods"],
    },
    Shown {
        schemes: &["StopWorld"],
        fact: "retires",
        tests: &["zonelist-core/tests/loom.rs: stop_world::a_grace_period"],
    },
    Shown {
        schemes: &["EpochSwap"],
        fact: "retires",
        tests: &["zonelist-epoch/tests/loom.rs: epoch_swap::a_grace_period"],
    },
    Shown {
        schemes: &["ArcSwap"],
        fact: "retires",
        tests: &[
            "zonelist-epoch/tests/all/arc_swap.rs: arc_swap_retires_when_walks_that_began_before_have_ended",
            "zonelist-epoch/tests/all/arc_swap.rs: more_guards_of_arc_swap_than_debt_slots_of_a_thread_hold_their_versions",
        ],
    },
    Shown {
        schemes: &["AsymmetricEpoch"],
        fact: "retires",
        tests: &[
            "zonelist-epoch/tests/loom.rs: asymmetric_epoch::a_grace_period",
            "zonelist-epoch/tests/all/double_buffered.rs: asymmetric_epoch_retires_when_walks_that_began_before_have_ended",
        ],
    },
    Shown {
        schemes: &["Qsbr"],
        fact: "retires",
        tests: &[
            "zonelist-epoch/tests/loom.rs: qsbr::a_grace_period",
            "zonelist-epoch/tests/all/double_buffered.rs: qsbr_retires_when_walks_that_began_before_have_ended",
        ],
    },
    Shown {
        schemes: &["AsymmetricEpoch"],
        fact: "stalled_reader",
        tests: &[
            "zonelist-epoch/tests/all/double_buffered.rs: a_stalled_walk_under_asymmetric_epoch_holds_up_the_publish_after_the_next",
        ],
    },
    Shown {
        schemes: &["Qsbr"],
        fact: "stalled_reader",
        tests: &[
            "zonelist-epoch/tests/all/double_buffered.rs: a_stalled_walk_under_qsbr_holds_up_the_publish_after_the_next",
        ],
    },
];

/// The schemes with a test that readers and publishers progress, by random schedules.
const PROGRESS: &[(&str, &str)] = &[
    ("StopWorld", "zonelist-core/tests/progress.rs: all_threads_progress_under_stop_world"),
    ("StopWorldPreempted", "zonelist-core/tests/progress.rs: all_threads_progress_under_stop_world_preempted"),
    ("AsymmetricEpoch", "zonelist-epoch/tests/progress.rs: all_threads_progress_under_asymmetric_epoch"),
    ("Qsbr", "zonelist-epoch/tests/progress.rs: all_threads_progress_under_qsbr"),
    ("SeqRetry", "zonelist-seq/tests/progress.rs: all_threads_progress_under_seq_retry"),
    ("InPlace", "zonelist-inplace/tests/progress.rs: all_threads_progress_under_in_place"),
    ("Presence", "zonelist-inplace/tests/progress.rs: all_threads_progress_under_presence"),
];

/// The tests that show a fact of a scheme.
#[must_use]
pub fn tests_of(scheme: SchemeId, fact: &str) -> Vec<&'static str> {
    let models = MODELLED.iter().filter(|modelled| modelled.scheme == scheme.name());
    let models = models.flat_map(|Modelled { walks, interrupt, .. }| match fact {
        "guarantee" => walks,
        "readers" | "writer" => &walks[..1],
        "interrupt_safe" if scheme.facts().interrupt_safe => interrupt,
        _ => &[],
    });
    let progress = ["readers", "writer"].contains(&fact);
    let scheduled = PROGRESS.iter().filter(|(name, _)| progress && *name == scheme.name()).map(|(_, test)| *test);
    let shown = SHOWN.iter().filter(|shown| shown.fact == fact && shown.schemes.contains(&scheme.name()));
    models.copied().chain(scheduled).chain(shown.flat_map(|shown| shown.tests).copied()).collect()
}

/// Every test that is named for any fact of any scheme.
pub fn all_tests() -> impl Iterator<Item = &'static str> {
    SchemeId::all().into_iter().flat_map(|scheme| FACTS.into_iter().flat_map(move |fact| tests_of(scheme, fact)))
}

/// A scheme's facts, as far as tests show them.
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
    /// The memory of a reader and of the scheme.
    #[serde(flatten)]
    pub sizes: Sizes,
    /// The card: what users of the scheme should know, in words.
    pub card: &'static str,
    /// The tests that show the facts.
    pub evidence: BTreeMap<&'static str, Vec<&'static str>>,
}

/// Sizes in bytes, of a scheme with room for [`Sizes::ROOM`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Sizes {
    /// A reader: its handle, and its slot if it has one. Memory that an outside crate keeps for it is not counted.
    pub reader_bytes: usize,
    /// The scheme with its tables; null if it keeps versions.
    pub scheme_bytes: Option<usize>,
}

impl Sizes {
    /// Eight nodes, and lists of 24 zones.
    pub const ROOM: Capacity = Capacity::new(8, 24).expect("within the limits");

    /// The sizes of a scheme.
    #[must_use]
    pub fn of(scheme: SchemeId) -> Self {
        scheme.visit(&mut SizeVisitor)
    }
}

/// Computes the sizes of the scheme that it visits.
struct SizeVisitor;

impl Visitor for SizeVisitor {
    type Output = Sizes;

    const MAX_ZONES: usize = Sizes::ROOM.zones();

    fn capacity(&self) -> Capacity {
        Sizes::ROOM
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Sizes {
        let slot = if S::PROTOCOL == ReaderProtocol::None { 0 } else { size_of::<ReaderSlot>() };
        Sizes {
            reader_bytes: size_of::<Reader<'static, S, P>>() + slot,
            scheme_bytes: S::heap_bytes(Sizes::ROOM).map(|heap| size_of::<S>() + heap),
        }
    }
}

/// The names of the facts, in the sequence in which reports have them.
pub const FACTS: [&str; 13] = [
    "guarantee",
    "readers",
    "writer",
    "allocates",
    "registers",
    "interrupt_safe",
    "below_allocator",
    "after_fork",
    "tls_destructor",
    "retires",
    "stalled_reader",
    "no_std",
    "no_alloc",
];

impl Card {
    /// The card of a scheme.
    #[must_use]
    pub fn of(scheme: SchemeId) -> Self {
        Self::with(scheme.facts(), Sizes::of(scheme), |fact| tests_of(scheme, fact))
    }

    /// The card of a scheme outside the registry, whose facts the macros `model!` and `facts!` show.
    #[must_use]
    pub fn of_another<S: Buildable>() -> Self {
        let by_macro = |fact: &str| match fact {
            "guarantee" | "readers" | "writer" => vec!["zonelist_core::model!"],
            _ => vec!["zonelist_core::facts!"],
        };
        Self::with(&S::FACTS, SizeVisitor.visit::<S, Standard>(), by_macro)
    }

    /// The card of a scheme with these facts, each of which is stated if a test shows it.
    fn with(claims: &Facts, sizes: Sizes, tests: impl Fn(&str) -> Vec<&'static str>) -> Self {
        let claimed: [Value; FACTS.len()] = [
            claims.guarantee.to_string().into(),
            claims.readers.to_string().into(),
            claims.writer.to_string().into(),
            claims.allocates.to_string().into(),
            claims.registers.into(),
            claims.interrupt_safe.into(),
            claims.below_allocator.into(),
            claims.after_fork.into(),
            claims.tls_destructor.into(),
            claims.retires.into(),
            claims.stalled_reader.to_string().into(),
            claims.no_std.into(),
            claims.no_alloc.into(),
        ];
        let evidence: BTreeMap<_, _> =
            FACTS.iter().map(|&fact| (fact, tests(fact))).filter(|(_, tests)| !tests.is_empty()).collect();
        let shown = |(&fact, claim)| (fact, if evidence.contains_key(fact) { claim } else { Value::Null });
        let facts = FACTS.iter().zip(claimed).map(shown).collect();
        Self { scheme: claims.scheme, package: claims.package, facts, sizes, card: claims.card, evidence }
    }
}
