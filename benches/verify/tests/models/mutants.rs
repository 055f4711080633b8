//! Mutation tests of every ordering, fence and named step of the library: some model has to fail with each mutant.
//!
//! The models report the places where they execute an atomic operation, a fence or a named fault. A place gives a
//! mutant for each weaker ordering. A store gives one more, which takes effect a step late. A compiler fence gives one
//! that is left out, and a named fault gives one.
//!
//! ```text
//!   for each mutant:
//!     run the tests that execute its place, those about it and then the smallest first, until one fails:
//!       within the bounds of the short set, then within ten times these, then within the tests' own
//!     if none fails: a gap in the models, or an ordering stronger than needed
//! ```
//!
//! The page names the test that kills each mutant. Unless the page is being written, that test is tried before the
//! others, so that a check of the page takes a run for each mutant, and only a mutant without a row takes a search.
//!
//! Mutants that survive are in [`ALIVE`], each with its reason. A test that kills no mutant within the bounds of the
//! short set shows nothing there; [`IDLE`] lists these tests.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    process::Stdio,
};

use zonelist_verify::{in_parallel, sources, workspace};

use super::{
    page::Recorded,
    runs::{Run, Site, command},
};

/// Mutants that no model kills, and the reason: the mutation, the file, the line of the source, the reason.
const ALIVE: &[(&str, &str, &str, &str)] = &[
    ("late", HANDSHAKE, "self.active.store(acknowledged, Release);", WAITED_FOR_LONGER),
    ("late", QUIESCENT, "self.acknowledged.store(OFFLINE, Release);", WAITED_FOR_LONGER),
    (
        "late",
        CHUNKS,
        "self.items.store(chunk.items.as_ptr(), Release);",
        "a registration finds the slot a step later, and the locks of writers and drains are still held then",
    ),
    ("late", QUIESCENT, "self.requested.store(phase.0, Release);", WAITED_FOR_LONGER),
    ("late", CACHE, "stack.state.store(state & !TOP | (start(tag) + blocks), Relaxed);", OWN),
    ("late", CACHE, "stack.state.store(state - out, Relaxed);", OWN),
    ("late", WATERMARKS, "self.free.store(free, Relaxed);", ESTIMATE),
    ("late", WATERMARKS, "self.managed.store(managed, Relaxed);", ESTIMATE),
    (
        "late",
        WATERMARKS,
        "self.managed_range.store((range.start as usize) << 32 | range.end as usize, Relaxed);",
        "a frame that the range lacks is checked with the zone's lock, and one that it contains stays allocated to the caller",
    ),
    (
        "late",
        MOVABLE,
        "entry.state.store(handle.generation.wrapping_add(1) << GENERATION, Relaxed);",
        "the entry is free a step later, and no other thread has it before",
    ),
    ("late", STAMP, "self.0.store(*kept, Release);", FORGOTTEN_LONGER),
    ("late", STICKY, "self.0.store(FAILED | number, Relaxed);", REPORTED_LATER),
    ("late", PRESENCE, "self.named.store(named, Release);", SHOWN_LATER),
    ("late", PRESENCE, "self.word.store(ZoneMask::of(word), Release);", SHOWN_LATER),
];

/// Parts of places that nearly every test executes, each with a part of the names of the tests that are about it. These
/// tests run first.
const ABOUT: &[(&str, &str)] = &[("stamp", "remember"), ("first zone", "remember"), ("first_zone", "remember")];

const HANDSHAKE: &str = "zonelist-core/src/publish/handshake.rs";
const QUIESCENT: &str = "zonelist-core/src/publish/quiescent_state.rs";
const CHUNKS: &str = "zonelist-core/src/chunks.rs";
const STAMP: &str = "zonelist-core/src/publish/stamp.rs";
const STICKY: &str = "zonelist-core/src/publish/sticky_error.rs";
const CACHE: &str = "zonelist-core/src/page_alloc/per_cpu_pages.rs";
const WATERMARKS: &str = "zonelist-core/src/zone/watermark_check.rs";
const MOVABLE: &str = "zonelist-core/src/page_alloc/movable_pages.rs";
const PRESENCE: &str = "zonelist-inplace/src/presence.rs";

const WAITED_FOR_LONGER: &str = "the thread that waits for it only waits longer";
const REPORTED_LATER: &str =
    "the failure is reported to a later call, and the grace period that it left out is still owed";
const FORGOTTEN_LONGER: &str = "readers only walk for a step longer, as amid the change";
const OWN: &str = "only the owner of the per-CPU pages reads it, and not with its next step";
const ESTIMATE: &str = "it is read without the zone's lock, as an estimate";
const SHOWN_LATER: &str = "readers see it a step later, and the writer lock is still held then";

/// Tests that kill no mutant within the bounds of the short set, and the reason. None of them kills one without bounds
/// either.
pub(super) const IDLE: &[(&str, &str)] = &[
    ("a_walk_in_place_is_empty_for_its_request", FINDS),
    ("a_walk_in_place_is_torn_while_a_fallback_order_is_reversed", FINDS),
    ("a_walk_in_place_meets_a_zone_twice", FINDS),
    ("a_walk_in_place_misses_a_zone", FINDS),
    ("in_place::a_reader_and_a_publisher", FINDS),
    ("in_place::a_reader_that_comes_and_goes", FINDS),
    ("in_place::a_walk_across_publishes", FINDS),
    ("in_place::an_allocation_at_the_tail", FINDS),
    ("in_place::an_early_exit", FINDS),
    ("in_place::an_interrupt", FINDS),
    ("in_place::the_races_of_2022", FINDS),
    ("in_place::two_readers", FINDS),
    ("in_place::two_walks", FINDS),
    ("membarrier::two_heavy_halves_meet", MEETS),
    ("membarrier::without_a_light_half_both_miss_the_others_store", FINDS_MISSES),
    ("presence::a_reader_that_comes_and_goes", ONE_ZONE),
    ("presence::an_early_exit", ONE_STORE),
    ("presence::two_walks", ONE_ZONE),
    ("seq_retry::a_reader_that_comes_and_goes", ONE_ZONE),
    ("seq_retry::two_walks", ONE_ZONE),
    ("the_races_of_2022_are_found_in_place", FINDS),
    ("zones_come_and_go_at_once_through_presence", ONE_STORE),
    ("wide_presence::a_reader_that_comes_and_goes", ONE_ZONE),
    ("wide_presence::two_walks", ONE_ZONE),
];

const FINDS: &str =
    "the guarantee is too weak for a weaker ordering to break: the test finds the torn walks that may happen";
const MEETS: &str = "it is about heavy halves that wait for one another; each of the two also has a fence of its own";
const FINDS_MISSES: &str = "it finds the outcomes without a light half, which a missing heavy half does not change";
const ONE_ZONE: &str =
    "its walks are left after one zone, which is one word; they are for schemes that free or rewrite a version";
const ONE_STORE: &str =
    "a zone is removed by one store of one word, and a node order that does not change needs no memory ordering";

/// How far the tests explore their models.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limits {
    /// As in the short set.
    Short,
    /// Ten times as many interleavings, with few preemptions first: these suffice for most faults, and an exploration
    /// without bounds comes to them late.
    Wider,
    /// The tests' own.
    Own,
}

/// A mutant that a model has killed.
#[derive(Clone)]
pub(super) struct Killed {
    pub(super) mutant: Mutant,
    pub(super) test: String,
    pub(super) interleavings: String,
    /// The number of the test's run.
    run: usize,
    within: Limits,
}

/// Of the mutants whose place a test executes.
#[derive(Default)]
struct Met<'m> {
    /// One that the test kills.
    killed: Option<&'m Killed>,
    /// Those with which it did not run, the one of the page first.
    unknown: VecDeque<&'m Mutant>,
}

/// The outcomes of all mutants.
pub(super) struct MutantOutcomes {
    pub(super) killed: Vec<Killed>,
    /// Each with the reason why no model kills it.
    pub(super) alive: Vec<(Mutant, &'static str)>,
}

/// One deliberate fault.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mutant {
    /// The file; empty for a named fault.
    pub(super) file: String,
    /// The line of the source, or the name of the fault.
    pub(super) line: String,
    what: &'static str,
    place: String,
    ordering: String,
}

impl Mutant {
    fn of(site: &Site) -> Vec<Self> {
        let weaker: &[&'static str] = match (site.operation.as_str(), site.ordering.as_str()) {
            ("fault", _) => &["fault"],
            ("fence", "SeqCst") => &["acqrel"],
            ("compiler_fence", _) => &["sinks"],
            ("store", "Relaxed") => &["late"],
            ("store", _) => &["relaxed", "late"],
            (_, "Acquire" | "Release") => &["relaxed"],
            (_, "AcqRel") => &["acquire", "release"],
            _ => &[],
        };
        let (file, line) = source(&site.place).unwrap_or_else(|| (String::new(), site.place.clone()));
        let mutant = |&what: &&'static str| Self {
            file: file.clone(),
            line: line.clone(),
            what,
            place: site.place.clone(),
            ordering: site.ordering.clone(),
        };
        weaker.iter().map(mutant).collect()
    }

    /// Describes the mutation.
    pub(super) fn wrong(&self) -> String {
        match self.what {
            "fault" => "a step left out".into(),
            "late" => "takes effect a step late".into(),
            "sinks" => "left out, as a compiler fence: the store before it sinks behind the loads that follow".into(),
            "acqrel" => format!("{} to AcqRel", self.ordering),
            "relaxed" if self.line.contains("fence(") => "left out".into(),
            weaker => format!("{} to {}{}", self.ordering, weaker[..1].to_uppercase(), &weaker[1..]),
        }
    }

    fn survival_reason(&self) -> Option<&'static str> {
        let is = |(what, file, line, _): &&(&str, &str, &str, &str)| {
            (*what, *file, *line) == (self.what, &self.file, &self.line)
        };
        ALIVE.iter().find(is).map(|(.., why)| *why)
    }
}

/// The file and the line of a place in the sources of the workspace.
fn source(place: &str) -> Option<(String, String)> {
    let mut parts = place.rsplitn(3, ':');
    let (_, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    let text = fs::read_to_string(workspace().join(file)).ok()?;
    Some((file.to_owned(), text.lines().nth(line.parse::<usize>().ok()? - 1)?.trim().to_owned()))
}

/// True if a place is to be mutated: in the library, and neither in the kit that explores nor in a test.
fn is_mutated(site: &Site) -> bool {
    let of_the_kit = ["/src/sync/", "/src/conformance/", "/tests/"].iter().any(|kit| site.place.contains(kit));
    site.operation == "fault" || site.place.contains("/src/") && site.place.starts_with("zonelist-") && !of_the_kit
}

/// All mutants, and the tests that execute the place of each.
pub(super) struct Mutants<'r> {
    runs: &'r [Run],
    /// What the page says; nothing while it is being written.
    page: Recorded,
    /// Mutants in [`ALIVE`], each with the reason.
    surviving: Vec<(Mutant, &'static str)>,
    required: Vec<RequiredMutant<'r>>,
}

/// A mutant that has to be killed.
#[derive(Clone)]
struct RequiredMutant<'r> {
    mutant: Mutant,
    /// The tests that execute its place, in the sequence in which they run.
    tests: BTreeSet<ByRank<'r>>,
    /// Of these, the test that kills it by the page.
    recorded: Option<ByRank<'r>>,
}

/// A test: false if it is about the mutant's place, its size, its run, its name.
type ByRank<'r> = (bool, u64, usize, &'r str);

impl<'r> Mutants<'r> {
    /// The mutants of all places that the tests executed.
    pub(super) fn of(runs: &'r [Run]) -> Self {
        let mut met: BTreeMap<Mutant, BTreeSet<ByRank<'_>>> = BTreeMap::new();
        for (number, run) in runs.iter().enumerate() {
            for site in run.sites.iter().filter(|site| is_mutated(site)) {
                let size = run.tests.get(&site.test).copied().unwrap_or(u64::MAX);
                let is_about = |(place, test): &(&str, &str)| site.place.contains(place) && site.test.contains(test);
                let is_of_others = !ABOUT.iter().any(is_about);
                for mutant in Mutant::of(site) {
                    met.entry(mutant).or_default().insert((is_of_others, size, number, &site.test));
                }
            }
        }
        let (surviving, required): (Vec<_>, Vec<_>) =
            met.into_iter().partition(|(mutant, _)| mutant.survival_reason().is_some());
        let surviving =
            surviving.into_iter().filter_map(|(mutant, _)| mutant.survival_reason().map(|why| (mutant, why)));
        let mut page = Recorded::read();
        let required = required.into_iter().map(|(mutant, tests)| {
            let named = page.next_killer(&mutant);
            let recorded = tests.iter().find(|(.., test)| named.as_deref() == Some(*test)).copied();
            RequiredMutant { mutant, tests, recorded }
        });
        Self { runs, surviving: surviving.collect(), required: required.collect(), page }
    }

    /// Runs all mutants. Returns their outcomes, and an error if one survives that is not in [`ALIVE`].
    pub(super) fn all(&self) -> (MutantOutcomes, Result<(), String>) {
        let (killed, alive) = self.run(&self.required);
        let mut errors = errors(&alive);
        let not_executed = ALIVE.iter().filter(|(what, file, line, _)| {
            !self
                .surviving
                .iter()
                .any(|(mutant, _)| (mutant.what, &*mutant.file, &*mutant.line) == (*what, *file, *line))
        });
        errors.extend(not_executed.map(|alive| format!("no model executes {alive:?}")));
        errors.extend(unreached(self.runs));
        for (mutant, why) in &self.surviving {
            println!("mutant `{}`, {}: survives: {why}", mutant.line, mutant.wrong());
        }
        let alive = self.surviving.clone();
        (MutantOutcomes { killed, alive }, if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) })
    }

    /// Runs `number` random mutants, drawn by a seed.
    pub(super) fn sample(&self, seed: u64, number: usize) -> Result<(), String> {
        let drawn = fastrand::Rng::with_seed(seed).choose_multiple(&self.required, number);
        let drawn: Vec<RequiredMutant<'_>> = drawn.into_iter().cloned().collect();
        let errors = errors(&self.run(&drawn).1);
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }

    /// Returns for each test a mutant that it kills within the bounds of the short set, and an error if a test kills
    /// none and is not in [`IDLE`].
    pub(super) fn by_test(&self, killed: &[Killed]) -> (Vec<(String, Killed)>, Result<(), String>) {
        let tests: Vec<_> = self.met(killed).into_iter().collect();
        let found = in_parallel(&tests, |((run, test), met)| {
            let run_with = |mutant: &&Mutant| kill(self.runs, *run, test, mutant, Limits::Short);
            // That a test kills none takes all its mutants to find, so a check of the page relies on the page there.
            let is_idle = self.page.is_idle(test);
            met.killed.cloned().or_else(|| met.unknown.iter().filter(|_| !is_idle).find_map(run_with))
        });
        let (mut kills, mut errors) = (Vec::new(), Vec::new());
        for (((_, test), _), kill) in tests.iter().zip(found) {
            let may_be_idle = IDLE.iter().any(|(idle, _)| idle == test);
            match kill {
                Some(_) if may_be_idle => errors.push(format!("{test} kills a mutant, and is in `IDLE`")),
                Some(kill) => kills.push(((*test).to_owned(), kill)),
                None if may_be_idle => (),
                None => errors.push(format!("{test} kills no mutant within the bounds of the short set")),
            }
        }
        (kills, if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) })
    }

    /// The mutants that each test meets. A test need not run with a mutant whose outcome follows from `killed`: a
    /// mutant's tests ran in order until one killed it, so the tests before that one do not.
    fn met<'m>(&'m self, killed: &'m [Killed]) -> BTreeMap<(usize, &'m str), Met<'m>> {
        let killers: BTreeMap<&Mutant, &Killed> = killed.iter().map(|kill| (&kill.mutant, kill)).collect();
        let mut met: BTreeMap<(usize, &str), Met<'_>> = BTreeMap::new();
        for RequiredMutant { mutant, tests, .. } in &self.required {
            let killer = killers.get(mutant).filter(|kill| kill.within == Limits::Short);
            let mut is_known = true;
            for &(.., run, test) in tests.iter().filter(|(.., test)| is_not_of_the_museum(test)) {
                let Met { killed, unknown } = met.entry((run, test)).or_default();
                match killer.filter(|killer| (killer.run, &*killer.test) == (run, test)) {
                    Some(killer) => {
                        killed.get_or_insert(killer);
                        is_known = false;
                    }
                    None if is_known => (),
                    None if self.page.kills(test, mutant) => unknown.push_front(mutant),
                    None => unknown.push_back(mutant),
                }
            }
        }
        met
    }

    /// Runs these mutants. Returns those that were killed, and those that survived.
    fn run<'m>(&self, required: &'m [RequiredMutant<'r>]) -> (Vec<Killed>, Vec<&'m Mutant>) {
        let kills = in_parallel(required, |RequiredMutant { mutant, tests, recorded }| {
            let tests: Vec<_> = tests.iter().filter(|(.., test)| is_not_of_the_museum(test)).collect();
            let killed_by = |tests: &[&ByRank<'_>]| {
                let kill =
                    |within| tests.iter().find_map(|(.., run, test)| kill(self.runs, *run, test, mutant, within));
                [Limits::Short, Limits::Wider, Limits::Own].into_iter().find_map(kill)
            };
            recorded.as_ref().and_then(|test| killed_by(&[test])).or_else(|| killed_by(&tests))
        });
        let (mut killed, mut alive) = (Vec::new(), Vec::new());
        for (RequiredMutant { mutant, .. }, kill) in required.iter().zip(kills) {
            match kill {
                Some(kill) => killed.push(kill),
                None => alive.push(mutant),
            }
        }
        for Killed { mutant, test, interleavings, .. } in &killed {
            let (line, wrong) = (&mutant.line, mutant.wrong());
            println!("mutant `{line}`, {wrong}: killed by {test} after {interleavings} interleavings");
        }
        (killed, alive)
    }
}

fn errors(alive: &[&Mutant]) -> Vec<String> {
    let name = |mutant: &&Mutant| {
        format!("no model kills {}: `{}`: {} ({})", mutant.file, mutant.line, mutant.wrong(), mutant.what)
    };
    alive.iter().map(name).collect()
}

/// Runs a test of a run with a mutant. `None` if the test does not kill it.
fn kill(runs: &[Run], run: usize, test: &str, mutant: &Mutant, within: Limits) -> Option<Killed> {
    let mut command = command(&runs[run].binary, runs[run].package, within == Limits::Short);
    if within == Limits::Wider {
        command.env("ZONELIST_MODELS", "10000");
    }
    command.args([test, "--exact", "--nocapture"]).env("ZONELIST_MUTANT", format!("{}\t{}", mutant.what, mutant.place));
    let output = command.stderr(Stdio::piped()).output().expect("the model runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let reached = said.lines().any(|line| line.ends_with("mutant reached"));
    // A report by loom of leaked memory is no verdict on a walk.
    let leaked = String::from_utf8_lossy(&output.stderr).contains(" leaked.\n");
    if output.status.success() || !reached || leaked {
        return None;
    }
    let after = said.lines().find_map(|line| line.split_once(" fails after ")?.1.split(' ').next());
    // Only a failure within an interleaving counts: those at the end of a model may come from too small a bound.
    let (mutant, test, interleavings) = (mutant.clone(), test.to_owned(), after?.to_owned());
    Some(Killed { mutant, test, interleavings, run, within })
}

/// False for the models of the museum, which execute the library's code only for comparison.
fn is_not_of_the_museum(test: &str) -> bool {
    !test.starts_with("museum::")
}

/// Named faults in the sources that no model executes.
fn unreached(runs: &[Run]) -> Vec<String> {
    let met: BTreeSet<&str> = runs.iter().flat_map(|run| &run.sites).map(|site| site.place.as_str()).collect();
    let mut errors = Vec::new();
    for run in runs {
        for file in sources(&workspace().join(run.package).join("src")) {
            let text = fs::read_to_string(&file).expect("a source in UTF-8");
            // The name is the only text in the macro's arguments. Documentation has examples.
            let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let names: Vec<&str> =
                code.split("or_mutant!(").skip(1).filter_map(|rest| rest.split('"').nth(1)).collect();
            let missing = names.into_iter().filter(|name| !met.contains(name));
            errors.extend(missing.map(|name| format!("no model executes the fault {name:?} of {}", file.display())));
        }
    }
    errors
}
