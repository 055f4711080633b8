//! The read budgets, in instructions: what the trait and each scheme add to a walk that nothing protects.
//!
//! Counted by valgrind on the release build, so that no neighbour's noise can pass or fail it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use zonelist_contenders::{
    contender::AT_RUN_TIME,
    instructions::{BY_HAND, CountError, Probe, count},
};
use zonelist_schemes::SchemeId;

/// Builds the example `probe` as users build the command: its loops are in this package's library, and
/// with them the profile says how they are compiled. This test's own build is not optimised.
fn release_build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--example", "probe", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // Built in pieces, the loops come out differently.
        .env("CARGO_INCREMENTAL", "0")
        .status();
    assert!(build.is_ok_and(|status| status.success()), "the release build fails");
    target.join("release/examples/probe")
}

/// Instructions of a read, or `None`, said aloud, where there is no valgrind.
fn counted(program: &Path, contender: &str, probe: Probe) -> Option<f64> {
    match count(program, contender, probe) {
        Ok(instructions) => Some(instructions),
        Err(CountError::NoValgrind) => {
            println!("skipped: valgrind is not installed, so no instructions were counted");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Instructions that the choice of the barrier pair at run time may add to entering: a load, a test and a branch. In a
/// loop that only reads, the compiler makes the test once, before.
const CHOSEN: f64 = 3.0;

/// Instructions of an allocation of a page at hand and its free, loop included, under the dearest of the schemes that
/// are budgeted.
const PAIR: f64 = 69.0;

/// "26 instructions more than a bare walk".
fn said_by_its_card(scheme: SchemeId) -> f64 {
    let card = scheme.facts().card;
    let number = card.split_once(" instruction").and_then(|(before, _)| before.rsplit_once(' ')?.1.parse().ok());
    number
        .unwrap_or_else(|| panic!("{}: its card begins {card:.40?}, expected a number of instructions", scheme.name()))
}

#[test]
fn schemes_keep_their_budgets_of_instructions() {
    let program = release_build();
    let Some(raw) = counted(&program, "raw", Probe::FirstZone) else { return };
    let must = |contender: &str, probe| counted(&program, contender, probe).expect("valgrind was there just now");
    let first = |scheme: SchemeId| (scheme.name(), must(scheme.name(), Probe::FirstZone));
    let firsts: BTreeMap<&str, f64> = SchemeId::all().into_iter().map(first).collect();
    let raw_walk = must("raw", Probe::Walk64);
    println!("raw: {raw:.1} instructions for the first zone, {raw_walk:.1} for a walk of 64");
    // Under a valgrind that knows no membarrier, readers pay for a fence: one instruction.
    for (scheme, budget, full) in [
        ("InPlace", 0.0, 1.1),
        ("SeqRetry", 2.0, 1.1),
        ("Qsbr", 2.0, 1.1),
        ("StopWorld", 7.0 + 1.0, 1.1),
        ("AsymmetricEpoch", 9.0 + 1.0, 1.15),
    ] {
        let first = firsts[scheme];
        let walk = must(scheme, Probe::Walk64);
        println!("{scheme}: {:+.1} for the first zone, {:.3} of raw for a walk of 64", first - raw, walk / raw_walk);
        assert!(
            first - raw <= budget + 0.05,
            "{scheme}: {first} instructions, {raw} of them raw's, above {budget} more"
        );
        assert!(walk / raw_walk <= full, "{scheme}: a walk of 64 takes {walk} instructions, raw's {raw_walk}");
    }
    // A pair that is chosen at run time costs its readers a look at the choice.
    for scheme in ["StopWorld", "AsymmetricEpoch"] {
        let [first, walk] =
            [Probe::FirstZone, Probe::Walk64].map(|probe| must(&format!("{scheme}{AT_RUN_TIME}"), probe));
        let more = first - firsts[scheme];
        println!(
            "{scheme}{AT_RUN_TIME}: {more:+.1} for the first zone, {:.3} of raw for a walk of 64",
            walk / raw_walk
        );
        let [pair, chosen] =
            [scheme.to_string(), format!("{scheme}{AT_RUN_TIME}")].map(|name| must(&name, Probe::Pair));
        println!("{scheme}{AT_RUN_TIME}: {chosen:.1} for a pair of an allocation and a free, {pair:.1} without");
        // Each of the two enters.
        assert!(chosen - pair <= 2.0 * CHOSEN + 0.05, "{scheme}: a pair takes {chosen} instructions, {pair} without");
        assert!(more <= CHOSEN + 0.05, "{scheme}: {more} instructions for a pair chosen at run time, above {CHOSEN}");
        assert!(walk / raw_walk <= 1.15, "{scheme}: a walk of 64 takes {walk} instructions, raw's {raw_walk}");
    }
    for scheme in ["StopWorld", "AsymmetricEpoch", "Qsbr", "SeqRetry", "InPlace"] {
        let pair = must(scheme, Probe::Pair);
        println!("{scheme}: {pair:.1} instructions for a pair of an allocation and a free");
        assert!(pair <= PAIR + 0.05, "{scheme}: a pair takes {pair} instructions, above {PAIR}");
    }
    for scheme in SchemeId::all() {
        let (said, more) = (said_by_its_card(scheme), firsts[scheme.name()] - raw);
        println!("{}: {more:+.1} for the first zone, {said} by its card", scheme.name());
        assert!(
            (more - said).abs() <= 1.05,
            "{}: {more} instructions more than raw, {said} by its card",
            scheme.name()
        );
    }
    let presence = |probe| must("Presence", probe);
    let (first, raw_52) = (firsts["Presence"], must("raw", Probe::Walk52));
    let ratio = presence(Probe::Walk52) / raw_52;
    println!("Presence: {:+.1} for the first zone, {ratio:.3} of raw for a walk of 52", first - raw);
    assert!(first - raw <= 10.05, "Presence: {first} instructions, {raw} of them raw's, above 10 more");
    assert!(ratio <= 1.3, "Presence: a walk of 52 takes {ratio} of raw's {raw_52} instructions");
    println!("Presence: {:.3} of raw for a walk of 64, more zones than bits", presence(Probe::Walk64) / raw_walk);
    let sparse = presence(Probe::Sparse52);
    let looked_at = must("InPlace", Probe::Sparse52);
    println!("one zone of 52 admitted: Presence {sparse:.1} instructions a walk, InPlace {looked_at:.1}");
    assert!(sparse < 0.7 * looked_at, "the mask saves less than it did");
    let [few, many] = [Probe::Toggle8, Probe::Toggle52].map(presence);
    println!("Presence: a zone leaves or returns in {few:.1} instructions on 2 nodes of 4 zones, {many:.1} on 13");
    assert!((few - many).abs() < 1.0, "the price grows with lists, zones or readers");
    // The compiler lays out each loop anew, which is worth an instruction or two either way.
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
        let through = firsts[scheme];
        let hand = must(&format!("{scheme}{BY_HAND}"), Probe::FirstZone);
        println!("{scheme}: {through:.1} instructions through the trait, {hand:.1} by hand");
        assert!(through <= budget * hand, "{scheme}: {through} instructions through the trait, {hand} by hand");
    }
    for scheme in ["EpochSwap", "ArcSwap", "SeqCopy"] {
        let through = must(scheme, Probe::Walk64);
        let hand = must(&format!("{scheme}{BY_HAND}"), Probe::Walk64);
        println!("{scheme}: {through:.1} instructions for a walk of 64 through the trait, {hand:.1} by hand");
        assert!(through <= 1.05 * hand, "{scheme}: a walk of 64 takes {through} instructions, {hand} by hand");
    }
}
