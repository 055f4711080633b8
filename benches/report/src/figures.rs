//! The figures in documents: blocks between `<!-- figures: NAME -->` and `<!-- end of figures -->`, made from a results
//! file.

use std::fmt::{Display, Write as _};

use crate::{
    results::{Load, Results},
    tables::{
        costs, decision, first_zones, first_zones_of, publishes, publishes_to_peers, publishes_under_load,
        reads_under_load, sequence, stalled, walks,
    },
    text::{listed, ratio},
    verdict::verdict,
};

/// The results file whose figures the documents quote, from the root of the workspace.
pub const QUOTED: &str = "benches/results/amd-epyc.json";

/// The results file of another machine, beside whose figures the documents show those of the first.
pub const OTHER_MACHINE: &str = "benches/results/intel-xeon.json";

/// The results file of a run with all peers, from which the documents quote publishes.
pub const ALL_PEERS: &str = "benches/results/all-peers.json";

/// The same with full fences in place of membarrier(2).
pub const FULL_FENCES: &str = "benches/results/full-fences.json";

/// Results beside the quoted ones, where there are any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Others<'r> {
    /// Those of [`OTHER_MACHINE`].
    pub machine: Option<&'r Results>,
    /// Those of [`ALL_PEERS`].
    pub all_peers: Option<&'r Results>,
    /// Those of [`FULL_FENCES`].
    pub full_fences: Option<&'r Results>,
}

/// The picture that the documents show, from the root of the workspace.
pub const PICTURE: &str = "docs/pictures/cost-against-consistency.svg";

/// Blocks of measurements that no results file has. They stay as they are.
pub const OTHERS: [&str; 3] = ["alloc", "storm", "beside-linux"];

const BEGIN: &str = "<!-- figures: ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end of figures -->";

/// A document whose blocks can't be rewritten.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BlockError {
    /// A block has a name that is not known.
    #[error("line {line}: figures {name:?}; expected one of {}", NAMES.map(|(name, _)| name).join(", "))]
    Unknown {
        /// The line of its beginning, from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// A block has no end before the next one.
    #[error("line {line}: figures without an end; expected a line {END:?}")]
    NoEnd {
        /// The line of its beginning, from 1.
        line: usize,
    },
    /// An end has no block.
    #[error("line {line}: an end of figures without a beginning; expected a line {BEGIN:?}NAME{BEGIN_END:?} before it")]
    NoBeginning {
        /// The line of the end, from 1.
        line: usize,
    },
}

/// The content of a block, from the results and the others; `None` if they lack it.
type Content = fn(&Results, Others<'_>) -> Option<String>;

/// What a block says whose figures the results lack.
const ABSENT: &str = "Not measured in the run that this page quotes.\n";

/// The blocks by name.
const NAMES: [(&str, Content); 17] = [
    ("verdict", |results, _| Some(verdict(results).join(" ") + "\n")),
    ("decision", |results, _| Some(decision(results).to_string())),
    ("compare", |results, _| {
        Some(
            [&conditions(results), &compare(results), "\n", &consistency(results), "\n", &cost_of_publishes(results)]
                .concat(),
        )
    }),
    ("compare-costs", |results, _| Some(under_conditions(results, &compare(results)))),
    ("compare-walks", |results, _| Some(under_conditions(results, &consistency(results)))),
    ("compare-publishes", |results, _| Some(under_conditions(results, &cost_of_publishes(results)))),
    ("load", |results, _| Some(under_load(results, &load(results.load.as_ref()?)))),
    ("load-1000", |results, _| Some(under_load(results, &reads_under_load(results.load.as_ref()?, "1000")))),
    ("load-unpaced", |results, _| Some(under_load(results, &reads_under_load(results.load.as_ref()?, "unpaced")))),
    ("load-publishes", |results, _| Some(under_load(results, &publishes_under_load(results.load.as_ref()?)))),
    ("load-stalled", |results, _| Some(under_load(results, &stalled(results.load.as_ref()?)))),
    ("growth", |results, _| {
        let table = crate::tables::growth(results.growth.as_ref()?);
        let legend = "Exponent: the power of the number that fits the costs best. 0: the cost does not grow; 1: it grows \
                      as the number does. A dash: it falls, or is always 0.";
        Some(format!("{}{table}\n{}\n", run(results, ""), wrapped(legend)))
    }),
    ("conditions", |results, _| Some(conditions(results).trim_end().to_owned() + "\n")),
    ("picture", |results, others| Some(picture(results, others.machine))),
    ("machines", |results, others| Some(machines(results, others.machine?))),
    ("publishes-to-peers", |_, others| {
        let results = others.all_peers?;
        Some(under_conditions(results, &publishes_to_peers(results)?))
    }),
    ("publishes-to-peers-with-fences", |_, others| {
        let results = others.full_fences?;
        Some(under_conditions(results, &publishes_to_peers(results)?))
    }),
];

/// The document with every block made anew from the results and the others. A block whose figures they lack says so.
///
/// # Errors
/// A block is not closed, or its name is not known.
pub fn rewritten(document: &str, results: &Results, others: Others<'_>) -> Result<String, BlockError> {
    let mut text = String::new();
    let mut lines = document.split_inclusive('\n').enumerate();
    while let Some((number, line)) = lines.next() {
        let begin = number + 1;
        text.push_str(line);
        if line.trim_end() == END {
            return Err(BlockError::NoBeginning { line: begin });
        }
        let name = line.trim_end().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(BEGIN_END));
        let Some(name) = name else { continue };
        let (mut old, mut is_closed) = (String::new(), false);
        for (_, line) in lines.by_ref() {
            is_closed = line.trim_end() == END;
            if is_closed || line.starts_with(BEGIN) {
                break;
            }
            old.push_str(line);
        }
        if !is_closed {
            return Err(BlockError::NoEnd { line: begin });
        }
        let new = match NAMES.iter().find(|(known, _)| *known == name) {
            Some((_, content)) => {
                Some(format!("\n{}\n", content(results, others).unwrap_or_else(|| ABSENT.to_owned())))
            }
            None if OTHERS.contains(&name) => None,
            None => return Err(BlockError::Unknown { line: begin, name: name.into() }),
        };
        let _ = writeln!(text, "{}{END}", new.unwrap_or(old));
    }
    Ok(text)
}

/// The conditions of the comparison, with a warning if they were bad.
fn conditions(results: &Results) -> String {
    let compare = &results.compare;
    run(results, &format!(": {} processes with {} rounds each", compare.processes, compare.rounds))
}

/// The conditions of the whole run.
fn run(results: &Results, processes: &str) -> String {
    let busy = if results.is_busy() {
        "**Preliminary**: other processes ran on the machine, so that no time here can be quoted.\n\n"
    } else {
        ""
    };
    let (command, machine, barrier) = (&results.command, results.conditions.line(), &results.barrier);
    let measured = format!("Measured by `{command}`{processes}, on {machine}. Barrier pair: {barrier}.");
    format!("{busy}{}\n\n", wrapped(&measured))
}

/// Figures after the conditions of their measurement.
fn under_conditions(results: &Results, figures: &dyn Display) -> String {
    format!("{}{figures}", conditions(results))
}

/// The same for figures under load, whose times are those of one process.
fn under_load(results: &Results, figures: &dyn Display) -> String {
    let time = results.load.as_ref().map_or_else(String::new, |load| {
        let threads = if load.threads == 1 { "thread reads" } else { "threads read" };
        format!("{} {threads} while another publishes, {} s for each scheme.\n\n", load.threads, load.seconds)
    });
    format!("{}{time}{figures}", run(results, ""))
}

/// A machine in words: its CPU and their number.
fn machine(results: &Results) -> String {
    let cpus = results.conditions.cpus.map(|cpus| format!("{cpus} CPUs"));
    let cpu = results.conditions.cpu.as_deref().unwrap_or("an unknown model");
    cpus.map_or_else(|| cpu.to_owned(), |cpus| format!("{cpus} of {cpu}"))
}

/// The machine of the picture, and how its largest costs are on the other machine.
fn picture(results: &Results, other: Option<&Results>) -> String {
    let mut text = format!("Measured on {}.", machine(results));
    if let Some(other) = other {
        let (here, there) = (first_zones_of(results), first_zones_of(other));
        let most = here.iter().map(|(_, figure)| figure.ratio).fold(0.0, f64::max);
        let pairs = here.iter().filter(|(_, figure)| 2.0 * figure.ratio > most).filter_map(|(name, figure)| {
            let (_, other) = there.iter().find(|(other, _)| other == name)?;
            Some((format!("{name} {}", ratio(other.ratio)), ratio(figure.ratio)))
        });
        let (there, here): (Vec<String>, Vec<String>) = pairs.unzip();
        let _ = write!(
            text,
            " The largest gaps depend on the machine: on {} they are {}, instead of {}.",
            machine(other),
            listed(&there),
            listed(&here)
        );
    }
    wrapped(&text) + "\n"
}

/// Reads of the first zone on both machines.
fn machines(results: &Results, other: &Results) -> String {
    let busy = if other.is_busy() { " Other processes ran on it meanwhile." } else { "" };
    let text = format!(
        "The first machine is that of the tables above. The second was measured by `{}`: {} processes with {} rounds each, \
         on {}.{busy}",
        other.command,
        other.compare.processes,
        other.compare.rounds,
        other.conditions.line()
    );
    format!("{}\n\n{}", wrapped(&text), first_zones(results, other))
}

/// The costs of reads, and which schemes differ.
fn compare(results: &Results) -> String {
    let mut text = costs(results).to_string();
    for (what, figure) in [
        ("First zone", sequence(results, |scheme| scheme.first_zone)),
        ("Alloc", sequence(results, |scheme| scheme.alloc_pair)),
    ] {
        if let Some(figure) = figure {
            let _ = write!(text, "\n{}\n", wrapped(&format!("{what}, least first: {figure}.")));
        }
    }
    if results.compare.processes > 1 {
        let legend = "The intervals of schemes on two sides of `<` do not overlap. Schemes joined by `~` can't be \
                      distinguished from a neighbour. A question mark in place of % is at a figure that is too noisy for a \
                      comparison.";
        let _ = write!(text, "\n{}\n", wrapped(legend));
    }
    text
}

fn consistency(results: &Results) -> String {
    let legend = "While one thread publishes without pause, removing a zone from the lists and adding it again. *Missed*: a \
                  zone that is always listed was not seen; *repeated*: seen twice; *empty*: no zone was seen; *retried*: \
                  the walk reports that it may be torn; *broken*: walks that the guarantee rules out.";
    format!("{}\n{}\n", walks(results), wrapped(legend))
}

fn cost_of_publishes(results: &Results) -> String {
    let legend = "A publish beside one other thread. *Alone*: that thread computes. *Beside reads*: it reads first zones \
                  without pause. *p99*: the least of the slowest 1 %, while other threads walk. *Refused*: requests for a \
                  page that failed at the same time, though a zone that is always listed could have served them.";
    let peers =
        publishes_to_peers(results).map_or_else(String::new, |table| format!("\nAs multiples of peers:\n\n{table}"));
    format!("{}\n{}\n{peers}", publishes(results), wrapped(legend))
}

fn load(load: &Load) -> String {
    let part = |title: &str, table: crate::tables::Table| format!("{title}:\n\n{table}");
    let parts = [
        part("Single reads, at 1000 publishes a second", reads_under_load(load, "1000")),
        part("Single reads, while lists are published without pause", reads_under_load(load, "unpaced")),
        part("Publishes", publishes_under_load(load)),
        part("Beside a reader that is stalled within a walk, at 1000 publishes a second", stalled(load)),
    ];
    parts.join("\n")
}

/// Text in lines of at most 120 columns.
fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > 120 {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_needs_a_known_name_and_an_end() {
        let results: Results = serde_json::from_str(include_str!("../tests/fixture.json")).unwrap();
        let rewrite = |text: &str| rewritten(text, &results, Others { machine: Some(&results), ..Others::default() });
        assert_eq!(
            rewrite("a\n<!-- figures: none -->\n<!-- end of figures -->\n"),
            Err(BlockError::Unknown { line: 2, name: "none".into() })
        );
        assert_eq!(rewrite("<!-- figures: compare -->\n"), Err(BlockError::NoEnd { line: 1 }));
        let nested = "<!-- figures: compare -->\n<!-- figures: load -->\n<!-- end of figures -->\n";
        assert_eq!(rewrite(nested), Err(BlockError::NoEnd { line: 1 }));
        assert_eq!(rewrite("a\n<!-- end of figures -->\n"), Err(BlockError::NoBeginning { line: 2 }));
        let other = "<!-- figures: storm -->\nkept\n<!-- end of figures -->\nafter\n";
        assert_eq!(rewrite(other).as_deref(), Ok(other));
    }

    #[test]
    fn every_block_is_made_from_the_results_and_only_once() {
        let results: Results = serde_json::from_str(include_str!("../tests/fixture.json")).unwrap();
        for (name, content) in NAMES {
            let others = Others::default();
            let absent = ["growth", "machines", "publishes-to-peers", "publishes-to-peers-with-fences"];
            assert_eq!(content(&results, others).is_none(), absent.contains(&name), "{name}");
            let old = format!("before\n<!-- figures: {name} -->\nold figures\n<!-- end of figures -->\nafter\n");
            let new = rewritten(&old, &results, others).unwrap();
            assert!(!new.contains("old figures"), "{name}");
            assert_eq!(new.contains(ABSENT), content(&results, others).is_none(), "{name}");
            assert!(
                new.starts_with("before\n<!-- figures: ") && new.ends_with("<!-- end of figures -->\nafter\n"),
                "{new}"
            );
            assert_eq!(rewritten(&new, &results, others).as_ref(), Ok(&new), "{name}");
        }
        let whole =
            rewritten("<!-- figures: compare -->\n<!-- end of figures -->\n", &results, Others::default()).unwrap();
        for scheme in &results.compare.schemes {
            let peers = scheme.publish_to_peers.len();
            assert_eq!(whole.matches(&format!("\n| `{}` |", scheme.scheme)).count(), 3 + peers, "{whole}");
        }
    }
}
