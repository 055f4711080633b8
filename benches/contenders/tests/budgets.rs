//! Instruction budgets: what the trait and each scheme add to the baseline, a walk without protection.
//!
//! Valgrind counts the instructions of the release build, so the load of the machine changes no result. With
//! `ZONELIST_STRICT` in the environment, a test that is skipped fails.

#[path = "budgets/lines.rs"]
mod lines;
#[path = "budgets/recorded.rs"]
mod recorded;

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
};

use zonelist_contenders::{
    contender::AT_RUN_TIME,
    instructions::{BY_HAND, CountError, MORE_SLOTS, Probe, count},
};
use zonelist_schemes::SchemeId;

/// Instructions that a barrier pair chosen at run time may add to an entry: a load, a test and a branch.
///
/// In a loop of reads only, the compiler moves the test in front of the loop.
const CHOSEN: f64 = 3.0;

/// Instructions of an allocation from the per-CPU pages and its free, loop included, under any scheme.
const PAIR: f64 = 67.0;

/// Instructions of a read of the first zone of one node that is remembered: five, and three of the loop.
const REMEMBERED: f64 = 8.0 + 0.1;

/// The same through a table by node: ten, and four of the loop.
const BY_NODE: f64 = 14.0 + 0.1;

/// Instructions that make the loop's memory forget.
const FORGET: f64 = 2.0;

/// Instructions of a pair where two classes of requests with different first zones are served by turns.
const TURNS: f64 = 105.0;

/// Measurement noise of one count, in instructions.
const NOISE: f64 = 0.05;

#[test]
fn schemes_keep_their_instruction_budgets() {
    let program = release_build();
    let raw = match count(&program, "raw", Probe::FirstZone) {
        Ok(instructions) => instructions,
        Err(CountError::NoValgrind) => {
            skipped("valgrind is not installed, so no instructions were counted");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let counts = Counts::new(program, raw);
    counts.assert_reads();
    counts.assert_barriers_at_run_time();
    counts.assert_idle_slots();
    counts.assert_remembered();
    counts.assert_cards();
    counts.assert_presence();
    counts.assert_trait_to_hand();
}

/// Builds the example `probe` as users build the command.
///
/// The timed loops are in this package's library, whose code depends on the profile; the profile of this test does not
/// optimise.
fn release_build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--example", "probe", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // Incremental builds divide the crate into more units, which changes the code of the loops.
        .env("CARGO_INCREMENTAL", "0")
        .status();
    assert!(build.is_ok_and(|status| status.success()), "the release build fails");
    target.join("release/examples/probe")
}

/// Reports that a test is skipped.
fn skipped(why: &str) {
    println!("skipped: {why}");
    assert!(env::var_os("ZONELIST_STRICT").is_none(), "skipped: {why}");
}

/// The instructions that a scheme's card states, as in "26 instructions more than a bare walk".
fn stated_by_card(scheme: SchemeId) -> f64 {
    let card = scheme.facts().card;
    let number = card.split_once(" instruction").and_then(|(before, _)| before.rsplit_once(' ')?.1.parse().ok());
    number
        .unwrap_or_else(|| panic!("{}: its card begins {card:.40?}, expected a number of instructions", scheme.name()))
}

/// The probe, and the counts that several budgets refer to.
struct Counts {
    program: PathBuf,
    /// The baseline's instructions for the first zone.
    raw: f64,
    /// The baseline's instructions for a walk of 64.
    raw_walk: f64,
    /// Each scheme's instructions for the first zone.
    firsts: BTreeMap<&'static str, f64>,
}

impl Counts {
    fn new(program: PathBuf, raw: f64) -> Self {
        let mut counts = Self { program, raw, raw_walk: 0.0, firsts: BTreeMap::new() };
        counts.raw_walk = counts.of("raw", Probe::Walk64);
        let first = |scheme: SchemeId| (scheme.name(), counts.of(scheme.name(), Probe::FirstZone));
        counts.firsts = SchemeId::all().into_iter().map(first).collect();
        println!("raw: {raw:.1} instructions for the first zone, {:.1} for a walk of 64", counts.raw_walk);
        counts
    }

    fn of(&self, contender: &str, probe: Probe) -> f64 {
        count(&self.program, contender, probe).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Reads: what a scheme may add to the baseline for the first zone, and its ratio to the baseline for a walk of 64.
    fn assert_reads(&self) {
        let Self { raw, raw_walk, .. } = *self;
        // A valgrind without membarrier makes readers run a fence: one instruction.
        for (scheme, budget, full) in [
            ("InPlace", 0.0, 1.1),
            ("SeqRetry", 2.0, 1.1),
            ("Qsbr", 2.0, 1.1),
            ("StopWorld", 7.0 + 1.0, 1.1),
            ("AsymmetricEpoch", 9.0 + 1.0, 1.15),
        ] {
            let (first, walk) = (self.firsts[scheme], self.of(scheme, Probe::Walk64));
            println!(
                "{scheme}: {:+.1} for the first zone, {:.3} of raw for a walk of 64",
                first - raw,
                walk / raw_walk
            );
            assert!(
                first - raw <= budget + NOISE,
                "{scheme}: {first} instructions, {raw} of them raw's, above {budget} more"
            );
            assert!(walk / raw_walk <= full, "{scheme}: a walk of 64 takes {walk} instructions, raw's {raw_walk}");
        }
    }

    /// Barrier pairs chosen at run time: what the choice adds to an entry.
    fn assert_barriers_at_run_time(&self) {
        let raw_walk = self.raw_walk;
        for scheme in ["StopWorld", "AsymmetricEpoch"] {
            let chosen = format!("{scheme}{AT_RUN_TIME}");
            let [first, walk] = [Probe::FirstZone, Probe::Walk64].map(|probe| self.of(&chosen, probe));
            let more = first - self.firsts[scheme];
            println!("{chosen}: {more:+.1} for the first zone, {:.3} of raw for a walk of 64", walk / raw_walk);
            let [pair, pair_chosen] = [scheme, &chosen].map(|name| self.of(name, Probe::Pair));
            println!("{chosen}: {pair_chosen:.1} for a pair of an allocation and a free, {pair:.1} without");
            // The allocation and the free enter once each.
            assert!(
                pair_chosen - pair <= 2.0 * CHOSEN + NOISE,
                "{scheme}: a pair takes {pair_chosen} instructions, {pair} without"
            );
            assert!(
                more <= CHOSEN + NOISE,
                "{scheme}: {more} instructions for a barrier pair chosen at run time, above {CHOSEN}"
            );
            assert!(walk / raw_walk <= 1.15, "{scheme}: a walk of 64 takes {walk} instructions, raw's {raw_walk}");
        }
    }

    /// Publishes: what each reader slot costs that has no reader. The documentation of `ReaderSlots` has the figures.
    fn assert_idle_slots(&self) {
        for (scheme, unused, freed) in
            [("StopWorld", 0.0, 23.0), ("AsymmetricEpoch", 0.0, 6.0), ("Qsbr", 2.0, 19.0), ("InPlace", 0.0, 0.0)]
        {
            let of = |probe| self.of(scheme, probe);
            let few = of(Probe::Publish8);
            let [never, before] = [Probe::Publish8UnusedSlots, Probe::Publish8FreedSlots]
                .map(|probe| (of(probe) - few) / MORE_SLOTS as f64);
            println!(
                "{scheme}: {never:.1} instructions of a publish for each slot that no reader has had, {before:.1} for one that a reader has had"
            );
            assert!(never <= unused + NOISE, "{scheme}: {never} instructions for each unused slot, above {unused}");
            assert!(before <= freed + NOISE, "{scheme}: {before} instructions for each freed slot, above {freed}");
        }
    }

    /// First zones that are remembered: the same for every scheme.
    fn assert_remembered(&self) {
        for scheme in SchemeId::all() {
            let of = |probe| self.of(scheme.name(), probe);
            let [one, by_node] = [Probe::Remembered, Probe::RememberedByNode].map(of);
            println!("{}: {one:.1} instructions for a remembered zone, {by_node:.1} by node", scheme.name());
            assert!(one <= REMEMBERED + NOISE, "{}: {one} instructions, above {REMEMBERED}", scheme.name());
            assert!(by_node <= BY_NODE + NOISE, "{}: {by_node} instructions, above {BY_NODE}", scheme.name());
            let missed = of(Probe::Forgotten) - FORGET - self.firsts[scheme.name()];
            println!("{}: {missed:+.1} to a read of the first zone, for one that is not remembered", scheme.name());
            let [pair, turns] = [Probe::Pair, Probe::PairTurns].map(of);
            println!("{}: {pair:.1} for a pair, {turns:.1} for pairs of two classes by turns", scheme.name());
            assert!(pair <= PAIR + NOISE, "{}: a pair takes {pair} instructions, above {PAIR}", scheme.name());
            assert!(turns <= TURNS + NOISE, "{}: pairs by turns take {turns}, above {TURNS}", scheme.name());
        }
        for (probe, nodes) in [(Probe::PairDrawn8, 8), (Probe::PairDrawn1024, 1024)] {
            println!("InPlace: {:.1} instructions for a pair of {nodes} nodes, drawn", self.of("InPlace", probe));
        }
    }

    /// Cards: each states the number of instructions that was counted.
    fn assert_cards(&self) {
        for scheme in SchemeId::all() {
            let (stated, more) = (stated_by_card(scheme), self.firsts[scheme.name()] - self.raw);
            println!("{}: {more:+.1} for the first zone, {stated} by its card", scheme.name());
            assert!(
                (more - stated).abs() <= 1.0 + NOISE,
                "{}: {more} instructions more than raw, {stated} by its card",
                scheme.name()
            );
        }
    }

    /// `Presence`: its reads, and the removal and addition of a zone, which must not grow with the machine.
    fn assert_presence(&self) {
        let presence = |probe| self.of("Presence", probe);
        let (raw, raw_walk) = (self.raw, self.raw_walk);
        let (first, raw_52) = (self.firsts["Presence"], self.of("raw", Probe::Walk52));
        let ratio = presence(Probe::Walk52) / raw_52;
        println!("Presence: {:+.1} for the first zone, {ratio:.3} of raw for a walk of 52", first - raw);
        assert!(first - raw <= 10.0 + NOISE, "Presence: {first} instructions, {raw} of them raw's, above 10 more");
        assert!(ratio <= 1.3, "Presence: a walk of 52 takes {ratio} of raw's {raw_52} instructions");
        println!("Presence: {:.3} of raw for a walk of 64, more zones than bits", presence(Probe::Walk64) / raw_walk);
        // `Presence` rules zones out by a mask, the others by a test of each entry.
        let (masked, tested) = (presence(Probe::Sparse52), self.of("InPlace", Probe::Sparse52));
        println!("one zone of 52 admitted: Presence {masked:.1} instructions a walk, InPlace {tested:.1}");
        assert!(masked < 0.7 * tested, "the mask saves too little");
        let [few, many] = [Probe::Toggle8, Probe::Toggle52].map(presence);
        println!("Presence: a zone leaves or returns in {few:.1} instructions on 2 nodes of 4 zones, {many:.1} on 13");
        assert!((few - many).abs() < 1.0, "the cost grows with lists, zones or readers");
    }

    /// The trait: a read through it costs no more than the same read by hand.
    fn assert_trait_to_hand(&self) {
        // The compiler lays out each loop separately, which may add or save an instruction or two.
        let budgets = [
            ("StopWorld", 1.1),
            ("EpochSwap", 1.05),
            ("ArcSwap", 1.05),
            ("AsymmetricEpoch", 1.1),
            ("Qsbr", 1.1),
            ("SeqRetry", 1.1),
            ("SeqCopy", 1.2),
            ("InPlace", 1.1),
            ("Presence", 1.1),
        ];
        for (scheme, budget) in budgets {
            let through = self.firsts[scheme];
            let hand = self.of(&format!("{scheme}{BY_HAND}"), Probe::FirstZone);
            println!("{scheme}: {through:.1} instructions through the trait, {hand:.1} by hand");
            assert!(through <= budget * hand, "{scheme}: {through} instructions through the trait, {hand} by hand");
        }
        for scheme in ["EpochSwap", "ArcSwap", "SeqCopy"] {
            let through = self.of(scheme, Probe::Walk64);
            let hand = self.of(&format!("{scheme}{BY_HAND}"), Probe::Walk64);
            println!("{scheme}: {through:.1} instructions for a walk of 64 through the trait, {hand:.1} by hand");
            assert!(through <= 1.05 * hand, "{scheme}: a walk of 64 takes {through} instructions, {hand} by hand");
        }
    }
}
