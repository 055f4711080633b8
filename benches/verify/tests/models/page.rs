//! The page `conformance::explored`, compared with the reports of the models, or written from them.

use std::{
    collections::{BTreeSet, VecDeque},
    env,
    fmt::Write as _,
    fs,
};

use zonelist_verify::workspace;

use super::{
    mutants::{IDLE, Killed, Mutant, MutantOutcomes},
    runs::{Model, Run},
};

const PAGE: &str = "zonelist-core/src/conformance/explored.md";

/// The parts of the page between these lines are generated; the rest is written by hand.
const MARKERS: [&str; 6] = [
    "<!-- models -->\n",
    "<!-- end of models -->",
    "<!-- mutants -->\n",
    "<!-- end of mutants -->",
    "<!-- tests -->\n",
    "<!-- end of tests -->",
];

/// The rows of the page about mutants, as they were recorded.
pub(super) struct Recorded {
    /// The place and the mutation as a row begins, and the test that kills it, in the order of the mutants.
    killers: VecDeque<(String, String)>,
    /// The test and the mutant that it kills within the bounds of the short set, as a row begins.
    kills: BTreeSet<(String, String)>,
    /// The tests that kill none there.
    idle: BTreeSet<String>,
}

impl Recorded {
    /// The rows of the page. None if there is no page, or if this run writes it.
    pub(super) fn read() -> Self {
        let page = fs::read_to_string(workspace().join(PAGE)).unwrap_or_default();
        let page = if is_blessing() { String::new() } else { page };
        // A cell may have an escaped bar.
        let rows = |from: usize| {
            let part = page.split_once(MARKERS[from]).map_or("", |(_, rest)| rest);
            let part = part.split_once(MARKERS[from + 1]).map_or("", |(part, _)| part);
            part.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")).map(str::to_owned)
        };
        let cells = |row: String| {
            let mut cells: VecDeque<String> = row.split(" | ").map(str::to_owned).collect();
            // The interleavings.
            cells.pop_back();
            cells
        };
        let test = |cell: Option<String>| Some(cell?.trim_matches('`').to_owned());
        let killers = rows(2).map(cells).filter_map(|mut cells| {
            let test = test(cells.pop_back())?;
            Some((Vec::from(cells).join(" | "), test))
        });
        let kills = rows(4).map(cells).filter_map(|mut cells| {
            let test = test(cells.pop_front())?;
            Some((test, Vec::from(cells).join(" | ")))
        });
        let (kills, idle): (BTreeSet<_>, BTreeSet<_>) = kills.partition(|(_, mutant)| !mutant.is_empty());
        let idle = idle.into_iter().map(|(test, _)| test).collect();
        Self { killers: killers.collect(), kills, idle }
    }

    /// The test that kills a mutant, by the next row that has the mutant. Called in the order of the mutants.
    pub(super) fn next_killer(&mut self, mutant: &Mutant) -> Option<String> {
        let row = format!("{} | {}", place(mutant), mutant.wrong());
        let at = self.killers.iter().position(|(found, _)| *found == row)?;
        Some(self.killers.remove(at)?.1)
    }

    /// True if the row of a test names this mutant.
    pub(super) fn kills(&self, test: &str, mutant: &Mutant) -> bool {
        self.kills.contains(&(test.to_owned(), format!("{}: {}", place(mutant), mutant.wrong())))
    }

    /// True if the page names a test as one that kills no mutant within the bounds of the short set.
    pub(super) fn is_idle(&self, test: &str) -> bool {
        self.idle.contains(test)
    }
}

/// True if this run writes the page.
fn is_blessing() -> bool {
    env::var_os("ZONELIST_BLESS").is_some()
}

/// Checks that the page names the models of this run, and no others: all that a short run can check.
pub(super) fn names(runs: &[Run]) -> Result<(), String> {
    let page = fs::read_to_string(workspace().join(PAGE)).map_err(|error| format!("{PAGE}: {error}"))?;
    let (_, rest) = page.split_once(MARKERS[0]).ok_or(format!("{PAGE} has no {:?}", MARKERS[0]))?;
    let table = rest.split_once(MARKERS[1]).map_or(rest, |(table, _)| table);
    let named = table.lines().skip(3).filter_map(|line| line.split(" | ").next()?.strip_prefix("| "));
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    let ran: BTreeSet<String> = runs.iter().flat_map(|run| &run.models).map(|model| escaped(&model.name)).collect();
    if named == ran {
        return Ok(());
    }
    let [lost, new] = [&named - &ran, &ran - &named];
    Err(format!(
        "{PAGE} names {lost:?}, which are no models, and does not name {new:?}; expected the page that {BLESS} writes"
    ))
}

/// The command that writes the page.
const BLESS: &str = "`ZONELIST_BLESS=1 cargo xtask models`";

/// Escapes brackets, so that a name is not rendered as a link.
fn escaped(name: &str) -> String {
    name.replace('[', "\\[").replace(']', "\\]")
}

/// Checks that the page has the numbers of this run. With `ZONELIST_BLESS` writes them to the page.
pub(super) fn says(runs: &[Run], outcomes: &MutantOutcomes, kills: &[(String, Killed)]) -> Result<(), String> {
    let path = workspace().join(PAGE);
    let page = fs::read_to_string(&path).map_err(|error| format!("{PAGE}: {error}"))?;
    let made = replaced(&page, MARKERS[0], MARKERS[1], &models(runs))?;
    let made = replaced(&made, MARKERS[2], MARKERS[3], &mutants(outcomes))?;
    let made = replaced(&made, MARKERS[4], MARKERS[5], &tests(kills))?;
    if made == page {
        return Ok(());
    }
    if is_blessing() {
        return fs::write(&path, made).map_err(|error| format!("{PAGE}: {error}"));
    }
    let lines: Vec<&str> = made.lines().filter(|line| !page.lines().any(|old| old == *line)).take(20).collect();
    // All lines are there, but some are in another place, or too many.
    let first = made.lines().zip(page.lines()).find(|(new, old)| new != old);
    Err(format!(
        "{PAGE} differs; expected these lines, as {BLESS} writes them:\n{}\nthe first that differs, expected and found: \
         {first:?}",
        lines.join("\n")
    ))
}

fn replaced(page: &str, from: &str, to: &str, table: &str) -> Result<String, String> {
    let lost = || format!("{PAGE} has no {from:?} before {to:?}");
    let (before, rest) = page.split_once(from).ok_or_else(lost)?;
    let (_, after) = rest.split_once(to).ok_or_else(lost)?;
    Ok(format!("{before}{from}{table}{to}{after}"))
}

fn models(runs: &[Run]) -> String {
    let mut table = String::from("\n| model | size | interleavings | bound |\n|---|---|---:|---|\n");
    for model in runs.iter().flat_map(|run| &run.models) {
        let Model { name, shape, interleavings, bound, .. } = model;
        writeln!(table, "| {} | {shape} | {interleavings} | {bound} |", escaped(name)).expect("a string");
    }
    table + "\n"
}

fn mutants(MutantOutcomes { killed, alive }: &MutantOutcomes) -> String {
    let mut table = String::from("\n| place | mutation | killed by | interleavings |\n|---|---|---|---:|\n");
    for Killed { mutant, test, interleavings, .. } in killed {
        writeln!(table, "| {} | {} | `{test}` | {interleavings} |", place(mutant), mutant.wrong()).expect("a string");
    }
    table.push_str("\nMutants that no model kills:\n\n| place | mutation | reason |\n|---|---|---|\n");
    for (mutant, why) in alive {
        writeln!(table, "| {} | {} | {why} |", place(mutant), mutant.wrong()).expect("a string");
    }
    table + "\n"
}

fn tests(kills: &[(String, Killed)]) -> String {
    let mut table = String::from("\n| test | kills in the short set, among others | interleavings |\n|---|---|---:|\n");
    for (test, Killed { mutant, interleavings, .. }) in kills {
        writeln!(table, "| `{test}` | {}: {} | {interleavings} |", place(mutant), mutant.wrong()).expect("a string");
    }
    table.push_str("\nTests that kill none there:\n\n| test | reason |\n|---|---|\n");
    for (test, why) in IDLE {
        writeln!(table, "| `{test}` | {why} |").expect("a string");
    }
    table + "\n"
}

fn place(mutant: &Mutant) -> String {
    if mutant.file.is_empty() {
        return format!("*{}*", mutant.line);
    }
    let file = mutant.file.rsplit('/').next().unwrap_or_default();
    format!("`{file}`: `{}`", mutant.line.replace('|', "\\|"))
}
