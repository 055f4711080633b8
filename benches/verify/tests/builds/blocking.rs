//! Compares the page of blocking operations with the results of the deterministic scheduler: `tests/blocking.rs` of
//! each package.
//!
//! The short set runs a scheme of each protocol at a sample of steps; the results must not contradict the page. The
//! long set (`ZONELIST_LONG`) runs all schemes at all steps; the results must be equal to the page. With
//! `ZONELIST_BLESS` as well, the test writes the page. With `ZONELIST_BLOCKING=sample` the long set has the sample, too.

use std::{collections::BTreeSet, env, fmt::Write as _, fs, process::Command};

use zonelist_schemes::SchemeId;
use zonelist_verify::{in_parallel, is_long, workspace};

use super::scheduled::scheduled;

const PAGE: &str = "zonelist-core/src/conformance/blocking.md";

/// The part of the page between these lines is generated; the rest is written by hand.
const MARKERS: [&str; 2] = ["<!-- cells -->\n", "<!-- end of cells -->"];

/// The outcome of an operation of a scheme while something is held.
struct Cell {
    scheme: String,
    operation: String,
    held: String,
    word: String,
}

impl Cell {
    fn read(line: &str) -> Option<Self> {
        let mut parts = line.strip_prefix("cell\t")?.split('\t').map(String::from);
        let mut part = || parts.next().expect("four parts");
        Some(Self { scheme: part(), operation: part(), held: part(), word: part() })
    }
}

/// The short set stops a thread at one in this many of the possible steps.
const STRIDE: &str = "16";

/// Runs a test, and returns its output.
fn run(mut test: Command) -> String {
    let output = test.output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The name of a scheme as a part of the names of its tests: `stop_world` for `StopWorld`.
fn in_test_names(scheme: SchemeId) -> String {
    let words = scheme.name().char_indices().map(|(at, letter)| match letter {
        _ if at > 0 && letter.is_uppercase() => format!("_{}", letter.to_lowercase()),
        _ => letter.to_lowercase().to_string(),
    });
    words.collect()
}

/// The results of the scheduler for these schemes, each in a process of its own.
fn found(schemes: &[SchemeId], long: bool) -> Vec<Cell> {
    let mut build = scheduled("blocking");
    build.arg("--no-run");
    run(build);
    let said = in_parallel(schemes, |&scheme| {
        let mut test = scheduled("blocking");
        if !long {
            test.env("ZONELIST_STRIDE", STRIDE);
        }
        test.args(["--", "--nocapture", "--exact"]).arg(format!("what_waits_under_{}", in_test_names(scheme)));
        run(test)
    });
    said.iter().flat_map(|said| said.lines()).filter_map(Cell::read).collect()
}

/// The distinct values of one column of the cells, in order of first appearance.
fn each<'c>(cells: &[&'c Cell], kind: impl Fn(&'c Cell) -> &'c String) -> Vec<&'c str> {
    let mut seen = BTreeSet::new();
    cells.iter().map(|cell| kind(cell).as_str()).filter(|&one| seen.insert(one)).collect()
}

/// Printed by the scheduler for an operation that a scheme lacks, and for a state that never occurs under the scheme.
const NONE: &str = "can't be";

/// Checks an operation that must never wait, independently of the page.
///
/// # Panics
/// If such an operation waits.
fn check(cell: &Cell) {
    let Cell { scheme, operation, held, word } = cell;
    let waits = ["waits", "never ends"].contains(&word.as_str());
    let never_waits =
        ["`Published::try_publish`", "`LocalHandle::try_alloc`", "`LocalHandle::try_free`", "`Reader::quiescent`"];
    let may_not = never_waits.contains(&operation.as_str())
        || held == "a forked child"
        // A thread may free a page within a guard of its own, also while a publish waits for that guard.
        || operation.contains("free`") && (held.contains("same") || held.contains("publisher"))
        || operation.starts_with("`LocalHandle::") && held.contains("callback");
    assert!(!(waits && may_not), "{scheme}: {operation} with {held}: {word}");
}

/// The command that writes the page.
const BLESS: &str = "`ZONELIST_LONG=1 ZONELIST_BLESS=1 cargo test --package zonelist-verify --test builds page`";

/// Checks that the result at some steps is among those that the page has for all steps.
///
/// # Panics
/// If it is not.
fn agrees(cell: &Cell, table: &str) {
    check(cell);
    let Cell { scheme, operation, held, word } = cell;
    let section = table.split("\n# ").find(|section| section.lines().next() == Some(scheme.as_str()));
    let section = section.unwrap_or_else(|| panic!("{PAGE} has no section of {scheme}"));
    let row = |name: &str| {
        let row = section.lines().find_map(|line| line.strip_prefix(&format!("| {name} |")));
        row.map(|row| row.split('|').map(|word| word.trim().trim_matches('*')).collect::<Vec<_>>())
    };
    let heads = section.lines().find_map(|line| line.strip_prefix("| |")).expect("a row of heads");
    let column = heads.split('|').position(|head| head.trim() == held);
    let said = row(operation).zip(column).and_then(|(row, column)| row.get(column).copied()).unwrap_or(NONE);
    let among = |word: &str| said.split(" or ").any(|one| one == word);
    // "waits" is the outcome at some step; at the sampled steps the operation may end.
    let agrees = said == word || said == "waits" && word != "never ends" || word.split(" or ").all(among);
    assert!(agrees, "{scheme}: {operation} with {held}: {word}; {PAGE} says {said}, {BLESS} writes it");
}

/// The section of a scheme.
///
/// # Panics
/// If a cell is missing, or if an operation waits that never should.
fn section(scheme: &str, cells: &[Cell]) -> String {
    let cells: Vec<&Cell> = cells.iter().filter(|cell| cell.scheme == scheme).collect();
    let (operations, held) = (each(&cells, |cell| &cell.operation), each(&cells, |cell| &cell.held));
    assert!(operations.len() > 30 && held.len() > 10, "{scheme}: {operations:?} with {held:?}");
    let word = |operation: &str, held: &str| {
        let mut all = cells.iter().filter(|cell| cell.operation == operation && cell.held == held);
        let cell = all.next().unwrap_or_else(|| panic!("{scheme}: nothing of {operation} with {held}"));
        assert!(all.next().is_none(), "{scheme}: {operation} with {held} twice");
        check(cell);
        cell.word.as_str()
    };
    let is_there = |operation: &&str| held.iter().any(|held| word(operation, held) != NONE);
    let (has, lacks): (Vec<&str>, Vec<&str>) = operations.iter().copied().partition(is_there);
    let may_be = |held: &&str| has.iter().any(|operation| word(operation, held) != NONE);
    let (possible, never): (Vec<&str>, Vec<&str>) = held.iter().copied().partition(may_be);
    let mut text = format!("\n# {scheme}\n\n| |{}\n|---|{}\n", row(&possible), "---|".repeat(possible.len()));
    for operation in has {
        let words: Vec<&str> = possible.iter().map(|held| word(operation, held)).collect();
        assert!(!words.contains(&NONE), "{scheme}: {operation} lacks a cell: {words:?}");
        let bold =
            |word: &&str| if ["waits", "never ends"].contains(word) { format!("**{word}**") } else { (*word).into() };
        writeln!(text, "| {operation} |{}", row(&words.iter().map(bold).collect::<Vec<_>>())).expect("a string");
    }
    if !lacks.is_empty() {
        writeln!(text, "\nThe scheme has no {}.", lacks.join(", ")).expect("a string");
    }
    if !never.is_empty() {
        let never = never.iter().map(|held| format!("“{held}”")).collect::<Vec<_>>().join(" and ");
        writeln!(text, "\nNo publish waits for a guard: {never} can't be.").expect("a string");
    }
    text
}

fn row(words: &[impl AsRef<str>]) -> String {
    words.iter().fold(String::new(), |row, word| row + " " + word.as_ref() + " |")
}

#[test]
fn the_page_says_what_waits_for_what() {
    let long = is_long() && env::var("ZONELIST_BLOCKING").as_deref() != Ok("sample");
    let schemes = if long { SchemeId::all() } else { SchemeId::one_of_each_protocol() };
    let cells = found(&schemes, long);
    for scheme in &schemes {
        assert!(cells.iter().any(|cell| cell.scheme == scheme.name()), "nothing of {}", scheme.name());
    }
    let path = workspace().join(PAGE);
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(MARKERS[0]).expect("a marker");
    let (table, after) = rest.split_once(MARKERS[1]).expect("a marker");
    let sections = || schemes.iter().map(|scheme| section(scheme.name(), &cells)).collect::<Vec<_>>();
    if long && env::var_os("ZONELIST_BLESS").is_some() {
        let made = format!("{before}{}{}\n{}{after}", MARKERS[0], sections().concat(), MARKERS[1]);
        return fs::write(&path, made).expect("the page can be written");
    }
    if long {
        for section in sections() {
            let lines: Vec<&str> = section.lines().filter(|line| !table.lines().any(|old| old == *line)).collect();
            assert!(table.contains(&section), "{PAGE} says otherwise; {BLESS} writes it:\n{}", lines.join("\n"));
        }
    } else {
        cells.iter().for_each(|cell| agrees(cell, table));
    }
    let sections = table.matches("\n# ").count();
    assert_eq!(sections, SchemeId::all().len(), "the page has a section for each scheme");
}
