//! Counts of instructions in documents: those that `budgets` of `benches/contenders` has recorded and compares with.

use std::{env, fs};

use serde_json::Value;
use zonelist_verify::workspace;

const PAGE: &str = "docs/benchmarks.md";
const HEADER: &str = "| contender | first zone | remembered | walk of 64 | a page, order 0 | order 9 |\n";

fn counts() -> serde_json::Map<String, Value> {
    let text = fs::read_to_string(workspace().join("benches/contenders/instructions.json")).expect("recorded counts");
    let recorded: Value = serde_json::from_str(&text).expect("JSON");
    recorded["counts"].as_object().expect("counts").clone()
}

/// A count as a whole number; nothing if it was not counted.
fn whole(count: &Value) -> String {
    count.as_f64().map_or_else(String::new, |count| format!("{count:.0}"))
}

/// The table of the page, least for the first zone first.
fn table() -> String {
    let counts = counts();
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by(|(_, a), (_, b)| a["first_zone"].as_f64().unwrap().total_cmp(&b["first_zone"].as_f64().unwrap()));
    let row = |(name, count): (&String, &Value)| {
        let cells = [&count["first_zone"], &count["remembered"], &count["walk_64"], &count["hit"][0], &count["hit"][9]];
        format!("| {name} | {} |\n", cells.map(whole).join(" | "))
    };
    format!("{HEADER}|---|---:|---:|---:|---:|---:|\n{}", rows.into_iter().map(row).collect::<String>())
}

#[test]
fn the_page_of_benchmarks_has_the_recorded_counts() {
    let page = fs::read_to_string(workspace().join(PAGE)).expect(PAGE);
    let (before, rest) = page.split_once(HEADER).expect("the table of counts");
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let shown = &page[before.len()..page.len() - after.len() - 1];
    let real = table();
    if shown != real && env::var_os("ZONELIST_BLESS").is_some() {
        fs::write(workspace().join(PAGE), format!("{before}{real}\n{after}")).expect(PAGE);
        return;
    }
    assert_eq!(shown, real, "{PAGE}: ZONELIST_BLESS=1 rewrites the table");
}

#[test]
fn the_readme_has_the_recorded_counts_of_an_allocation() {
    let counts = counts();
    let hits = counts.iter().filter(|(name, _)| *name != "raw").filter_map(|(_, count)| count["hit"][0].as_f64());
    let hits: Vec<f64> = hits.collect();
    assert_eq!(hits.len(), 10, "a count for each scheme");
    let least = hits.iter().copied().fold(f64::INFINITY, f64::min);
    let most = hits.iter().copied().fold(0.0, f64::max);
    let text = format!("[{least:.0} to {most:.0} instructions]");
    let readme = fs::read_to_string(workspace().join("README.md")).expect("README.md");
    assert!(readme.contains(&text), "expected in the README: {text}");
}
