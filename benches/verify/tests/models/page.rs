//! The page of what was explored is what was explored.

use std::{env, fmt::Write as _, fs};

use super::{
    mutants::{Fates, Killed, Mutant},
    runs::{Model, Run},
    workspace,
};

const PAGE: &str = "zonelist-core/src/conformance/explored.md";

/// Between these the page is made by what the models say; around it, by hand.
const MARKS: [&str; 4] =
    ["<!-- models -->\n", "<!-- end of models -->", "<!-- mutants -->\n", "<!-- end of mutants -->"];

/// Whether the page has the numbers of this run. With `ZONELIST_BLESS` it gets them.
pub(super) fn says(runs: &[Run], fates: &Fates) -> Result<(), String> {
    let path = workspace().join(PAGE);
    let page = fs::read_to_string(&path).map_err(|error| format!("{PAGE}: {error}"))?;
    let made = replaced(&replaced(&page, MARKS[0], MARKS[1], &models(runs))?, MARKS[2], MARKS[3], &mutants(fates))?;
    if made == page {
        return Ok(());
    }
    if env::var_os("ZONELIST_BLESS").is_some() {
        return fs::write(&path, made).map_err(|error| format!("{PAGE}: {error}"));
    }
    let lines: Vec<&str> = made.lines().filter(|line| !page.lines().any(|old| old == *line)).take(20).collect();
    Err(format!(
        "{PAGE} says otherwise; expected, as `ZONELIST_BLESS=1 cargo test --test models` writes it:\n{}",
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
    let mut table = String::from("\n| model | how large | interleavings | how far |\n|---|---|---:|---|\n");
    for model in runs.iter().flat_map(|run| &run.models) {
        let Model { name, shape, interleavings, bound, .. } = model;
        // They are no links.
        let name = name.replace('[', "\\[").replace(']', "\\]");
        writeln!(table, "| {name} | {shape} | {interleavings} | {bound} |").expect("a string");
    }
    table + "\n"
}

fn mutants(Fates { killed, alive }: &Fates) -> String {
    let mut table = String::from("\n| where | what is made wrong | seen by | after |\n|---|---|---|---:|\n");
    for Killed { mutant, test, interleavings } in killed {
        writeln!(table, "| {} | {} | `{test}` | {interleavings} |", place(mutant), mutant.wrong()).expect("a string");
    }
    table.push_str(
        "\nWhat nothing sees, and why:\n\n| where | what is made wrong | why it is not seen |\n|---|---|---|\n",
    );
    for (mutant, why) in alive {
        writeln!(table, "| {} | {} | {why} |", place(mutant), mutant.wrong()).expect("a string");
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
