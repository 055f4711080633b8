//! Every ordering, fence and step of our own code, made wrong once: some model has to see it.
//!
//! A place where the models come by an atomic is a mutant for each weaker ordering it could have; a
//! store is one more that takes effect a step late; a named fault is one. Each is run with the tests
//! that come by its place, the smallest first, until one fails: first in a thousand interleavings, and if
//! that shows nothing, in all. What none sees is a hole in the models or an ordering stronger than
//! needed: those that remain are in [`ALIVE`], each with its reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    runs::{Run, Site, command},
    workspace,
};

/// Mutants that no model sees, and why that is right: what is wrong, the file, the line of the source.
const ALIVE: &[(&str, &str, &str, &str)] = &[
    ("relaxed", DOOR, "self.inside.store(answer, Release);", BEHIND_A_FENCE),
    ("late", DOOR, "self.inside.store(answer, Release);", WAITED_FOR_LONGER),
    ("late", TURN, "self.answered.store(OFFLINE, Release);", WAITED_FOR_LONGER),
    ("late", TURN, "self.asked.store(question.0, Release);", WAITED_FOR_LONGER),
    ("late", CACHE, "stack.state.store(state & !TOP | (start(tag) + blocks), Relaxed);", OWN),
    ("late", CACHE, "stack.state.store(state - out, Relaxed);", OWN),
    ("late", MARKS, "self.free.store(free, Relaxed);", ESTIMATE),
    ("late", MARKS, "self.managed.store(managed, Relaxed);", ESTIMATE),
    (
        "late",
        MOVABLE,
        "self.pageblock.store((page.pfn() >> PAGEBLOCK_ORDER) as usize, Relaxed);",
        "whoever moves pages reads it to find candidates, and looks again once it has the entry's state",
    ),
    (
        "late",
        MOVABLE,
        "entry.state.store(handle.generation.wrapping_add(1) << GENERATION, Relaxed);",
        "the entry is free a step later, and nobody else has it before",
    ),
    ("late", PRESENCE, "self.named.store(named, Release);", SHOWN_LATER),
    ("late", PRESENCE, "self.word.store(Set::of(word), Release);", SHOWN_LATER),
];

const DOOR: &str = "zonelist-core/src/publish/door.rs";
const TURN: &str = "zonelist-core/src/publish/turn.rs";
const CACHE: &str = "zonelist-core/src/pages/cache.rs";
const MARKS: &str = "zonelist-core/src/zone/marks.rs";
const MOVABLE: &str = "zonelist-core/src/pages/movable.rs";
const PRESENCE: &str = "zonelist-inplace/src/presence.rs";

const BEHIND_A_FENCE: &str = "models run with full fences, and one is behind what it has to order; a light half that holds only the compiler back needs it";
const WAITED_FOR_LONGER: &str = "whoever waits for it only waits longer";
const OWN: &str = "the cache's owner alone reads it, and not with its next step";
const ESTIMATE: &str = "it is read without the zone's lock, as an estimate of a moment";
const SHOWN_LATER: &str = "readers see it a step later, and the writer lock is still held then";

/// A mutant that a model has seen.
pub(super) struct Killed {
    pub(super) mutant: Mutant,
    pub(super) test: String,
    pub(super) interleavings: String,
}

/// What became of all of them.
pub(super) struct Fates {
    pub(super) killed: Vec<Killed>,
    /// With the reason why nothing sees it.
    pub(super) alive: Vec<(Mutant, &'static str)>,
}

/// One deliberate fault.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mutant {
    /// A file, or nothing for a fault that has a name.
    pub(super) file: String,
    /// The line of the source there, or the name.
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

    /// What is wrong, as a person says it.
    pub(super) fn wrong(&self) -> String {
        match self.what {
            "fault" => "a step left out".into(),
            "late" => "takes effect a step late".into(),
            "acqrel" => format!("{} to AcqRel", self.ordering),
            "relaxed" if self.line.contains("fence(") => "left out".into(),
            weaker => format!("{} to {}{}", self.ordering, weaker[..1].to_uppercase(), &weaker[1..]),
        }
    }

    fn reason_to_live(&self) -> Option<&'static str> {
        let is = |(what, file, line, _): &&(&str, &str, &str, &str)| {
            (*what, *file, *line) == (self.what, &self.file, &self.line)
        };
        ALIVE.iter().find(is).map(|(.., why)| *why)
    }
}

/// The file and the line of a place in our sources.
fn source(place: &str) -> Option<(String, String)> {
    let mut parts = place.rsplitn(3, ':');
    let (_, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    let text = fs::read_to_string(workspace().join(file)).ok()?;
    Some((file.to_owned(), text.lines().nth(line.parse::<usize>().ok()? - 1)?.trim().to_owned()))
}

/// Ours to make wrong: not what explores, nor what tests bring.
fn is_ours(site: &Site) -> bool {
    let of_the_kit = ["/src/sync/", "/src/conformance/", "/tests/"].iter().any(|kit| site.place.contains(kit));
    site.operation == "fault" || site.place.contains("/src/") && site.place.starts_with("zonelist-") && !of_the_kit
}

/// Runs all mutants; those that were killed, and whether all were that should be.
pub(super) fn all(runs: &[Run]) -> (Fates, Result<(), String>) {
    // Of each mutant, the tests that come by it, with their run and size.
    let mut met: BTreeMap<Mutant, BTreeSet<(u64, usize, &str)>> = BTreeMap::new();
    for (number, run) in runs.iter().enumerate() {
        for site in run.sites.iter().filter(|site| is_ours(site)) {
            let size = run.tests.get(&site.test).copied().unwrap_or(u64::MAX);
            for mutant in Mutant::of(site) {
                met.entry(mutant).or_default().insert((size, number, &site.test));
            }
        }
    }
    let (spared, hunted): (Vec<_>, Vec<_>) = met.into_iter().partition(|(mutant, _)| mutant.reason_to_live().is_some());
    let (killed, alive, next) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((mutant, tests)) = hunted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tests = || tests.iter().filter(|(_, _, test)| is_no_exhibit(test));
                    let quick = tests().find_map(|&(_, run, test)| kill(&runs[run], test, mutant, true));
                    let kill =
                        quick.or_else(|| tests().find_map(|&(_, run, test)| kill(&runs[run], test, mutant, false)));
                    match kill {
                        Some(kill) => killed.lock().expect("no panic").push(kill),
                        None => alive.lock().expect("no panic").push(mutant),
                    }
                }
            });
        }
    });
    let mut killed = killed.into_inner().expect("no panic");
    killed.sort_by(|one, other| one.mutant.cmp(&other.mutant));
    for Killed { mutant, test, interleavings } in &killed {
        println!("mutant `{}`, {}: killed by {test} after {interleavings} interleavings", mutant.line, mutant.wrong());
    }
    for (mutant, _) in &spared {
        println!(
            "mutant `{}`, {}: lives: {}",
            mutant.line,
            mutant.wrong(),
            mutant.reason_to_live().unwrap_or_default()
        );
    }
    let alive = alive.into_inner().expect("no panic");
    let unmet = ALIVE.iter().filter(|(what, file, line, _)| {
        !spared.iter().any(|(mutant, _)| (mutant.what, &*mutant.file, &*mutant.line) == (*what, *file, *line))
    });
    let names = |mutant: &&Mutant| format!("{}: `{}`: {} ({})", mutant.file, mutant.line, mutant.wrong(), mutant.what);
    let complaints: Vec<String> = alive
        .iter()
        .map(|mutant| format!("no model sees {}", names(mutant)))
        .chain(unmet.map(|alive| format!("no model comes by {alive:?}")))
        .chain(unreached(runs))
        .collect();
    let alive = spared.into_iter().filter_map(|(mutant, _)| mutant.reason_to_live().map(|why| (mutant, why))).collect();
    (Fates { killed, alive }, if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) })
}

/// Runs a test with a mutant; how that fails, if it does.
fn kill(run: &Run, test: &str, mutant: &Mutant, quick: bool) -> Option<Killed> {
    let mut command = command(&run.binary, run.package);
    if quick {
        command.env("ZONELIST_MODELS", "quick");
    }
    command.args([test, "--exact", "--nocapture"]).env("ZONELIST_MUTANT", format!("{}\t{}", mutant.what, mutant.place));
    let output = command.stderr(Stdio::piped()).output().expect("the model runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let reached = said.lines().any(|line| line.ends_with("mutant reached"));
    // What loom says of memory that was not given back is no verdict on a walk.
    let leaked = String::from_utf8_lossy(&output.stderr).contains(" leaked.\n");
    if output.status.success() || !reached || leaked {
        return None;
    }
    let after = said.lines().find_map(|line| line.split_once(" fails after ")?.1.split(' ').next());
    // Amid an interleaving: what a model says at its end, it may also say of too short a look.
    Some(Killed { mutant: mutant.clone(), test: test.to_owned(), interleavings: after?.to_owned() })
}

/// The museum's exhibits come by our code only to be compared.
fn is_no_exhibit(test: &str) -> bool {
    !test.starts_with("museum::")
}

/// Faults in the sources that no model comes by.
fn unreached(runs: &[Run]) -> Vec<String> {
    let met: BTreeSet<&str> = runs.iter().flat_map(|run| &run.sites).map(|site| site.place.as_str()).collect();
    let mut complaints = Vec::new();
    for run in runs {
        for (file, text) in sources(&workspace().join(run.package).join("src")) {
            let faults = text.split("fault(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
            let names = faults.filter_map(|rest| rest.split_once('"').map(|(name, _)| name));
            let missing = names.filter(|name| !met.contains(name));
            complaints.extend(missing.map(|name| format!("no model comes by the fault {name:?} of {file}")));
        }
    }
    complaints
}

fn sources(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a source").path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source in UTF-8");
            all.push((path.display().to_string(), text));
        }
    }
    all
}
