//! The report page: one HTML file with everything in it, and the data of its pictures beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    pictures::{self, Picture, PictureError, Section, Width, cost_against_consistency, of_section},
    results::Results,
    tables::{self, Table, decision, publishes, publishes_to_peers, stalled},
    verdict::verdict,
};

/// A page that can't be written.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A picture can't be drawn.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Data can't be written as JSON.
    #[error("data of the page: {0}")]
    Data(#[from] serde_json::Error),
    /// A file can't be written.
    #[error("{file}: {error}; expected a folder that can be written")]
    Write {
        /// The file.
        file: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
}

/// Writes the page `index.html`, the data of each picture and table, and the results, to a folder, which is made if it
/// does not exist. Returns the path of the page.
///
/// # Errors
/// A picture can't be drawn, or a file can't be written.
pub fn write(results: &Results, folder: &Path) -> Result<PathBuf, PageError> {
    let page = Page::new(results)?;
    let failed = |file: &Path| {
        let file = file.to_owned();
        |error| PageError::Write { file, error }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).map_err(failed(&file))
    };
    for picture in page.pictures() {
        write(&format!("{}.json", picture.name), &serde_json::to_string_pretty(&picture.data)?)?;
    }
    write("decision.json", &serde_json::to_string_pretty(&page.decision)?)?;
    write("results.json", &serde_json::to_string_pretty(results)?)?;
    write("index.html", &page.html().into_string())?;
    Ok(folder.join("index.html"))
}

/// The parts of the page.
struct Page<'r> {
    results: &'r Results,
    cost: Picture,
    decision: Table,
    tails: Vec<Picture>,
    growth: Vec<Picture>,
    stalls: Vec<Picture>,
}

impl<'r> Page<'r> {
    fn new(results: &'r Results) -> Result<Self, PictureError> {
        Ok(Self {
            results,
            cost: cost_against_consistency(results)?,
            decision: decision(results),
            tails: of_section(results, Section::Tails)?,
            growth: of_section(results, Section::Growth)?,
            stalls: of_section(results, Section::Stalls)?,
        })
    }

    fn pictures(&self) -> impl Iterator<Item = &Picture> {
        [&self.cost].into_iter().chain(&self.tails).chain(&self.growth).chain(&self.stalls)
    }

    fn html(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { "zonelist: publication schemes compared" }
                    // An icon of its own, since browsers ask the network for one otherwise.
                    link rel="icon" href="data:,";
                    style { (PreEscaped(include_str!("page.css"))) (PreEscaped(pictures::style())) }
                }
                body { main {
                    (self.head())
                    section { (figure(&self.cost)) }
                    (self.decision())
                    (self.publishes())
                    @if !self.tails.is_empty() { (self.tails()) }
                    @if self.results.growth.is_some() { (self.growth()) }
                    @if !self.stalls.is_empty() { (self.stalls()) }
                    (self.machine())
                } }
            }
        }
    }

    fn head(&self) -> Markup {
        let schemes = self.results.compare.schemes.len();
        html! {
            h1 { "How to publish a zonelist: " (schemes) " schemes compared" }
            p.lead {
                "A page allocator reads its list of memory zones on every request, and the list changes only when memory is \
                 added or removed. Each scheme is a way for a new list to reach readers that are not stopped."
            }
            @if self.results.is_busy() {
                p.warning {
                    strong { "Preliminary: " }
                    "other processes ran on the machine, so that all times are too long and too uneven to be quoted."
                }
            }
            section.verdict {
                h2 { "Verdict" }
                p #verdict { (verdict(self.results).join(" ")) }
            }
        }
    }

    fn decision(&self) -> Markup {
        html! {
            section {
                h2 { "Which scheme" }
                p {
                    "Costs are multiples of the same operation over an unprotected list: a read of the "
                    em { "first zone" } ", a " em { "walk of 64" } " zones, " em { "alloc" }
                    ", a page allocated from the per-CPU pages and freed. After ± is half of the 95 % interval; a question mark in \
                     place of % is at a figure that is too noisy. Every other entry is shown by a test."
                }
                (table(&self.decision, Some("decision")))
                (data("decision"))
            }
        }
    }

    fn publishes(&self) -> Markup {
        html! {
            section {
                h2 { "What a publish costs" }
                p {
                    "Beside one other thread: " em { "alone" } ", while that computes; " em { "beside reads" }
                    ", while it reads first zones without pause. " em { "p99" } ": the slowest 1 %, while other threads walk. "
                    em { "Refused" } ": requests for a page that failed at the same time, though a listed zone had free pages."
                }
                (table(&publishes(self.results), None))
                @if let Some(peers) = publishes_to_peers(self.results) {
                    p { "As multiples of peers:" }
                    (table(&peers, None))
                }
            }
        }
    }

    fn tails(&self) -> Markup {
        html! {
            section {
                h2 { "Slow reads and publishes under load" }
                p { "Colours as in the first picture: green if no side waits, blue if publishes wait, orange if readers wait or walk again, \
                     red if both wait. Outside peers are grey." }
                @for picture in &self.tails { (figure(picture)) }
            }
        }
    }

    fn growth(&self) -> Markup {
        html! {
            section {
                h2 { "Growth" }
                @for picture in &self.growth { (figure(picture)) }
                @if let Some(growth) = &self.results.growth { (table(&tables::growth(growth), None)) }
            }
        }
    }

    fn stalls(&self) -> Markup {
        html! {
            section {
                h2 { "What a stalled reader costs" }
                @for picture in &self.stalls { (figure(picture)) }
                @if let Some(load) = &self.results.load {
                    p { "With 1000 publishes a second. Bytes kept: allocated by the publishes that returned while the reader was \
                         stalled, and not freed. A dash: none returned." }
                    (table(&stalled(load), None))
                }
            }
        }
    }

    fn machine(&self) -> Markup {
        let results = self.results;
        let compare = &results.compare;
        html! {
            section {
                h2 { "The machine and the command" }
                pre { code #command { (results.command) } }
                p {
                    (results.conditions.line()) ". Barrier pair between readers and writers: " (results.barrier) ". The lists \
                    are those of the machine " code { (compare.machine) } "; " (compare.processes) " fresh processes with "
                    (compare.rounds) " interleaved rounds each."
                }
                @if let Some(load) = &results.load {
                    p {
                        "Under load: " (load.threads) (if load.threads == 1 { " thread reads" } else { " threads read" })
                        " while another publishes, " (load.seconds) " s for each scheme."
                    }
                }
                p { "All figures: " a href="results.json" { "results.json" } "." }
            }
        }
    }
}

/// A picture in both widths, of which the page shows one.
fn figure(picture: &Picture) -> Markup {
    let drawings = [(Width::Wide, &picture.wide), (Width::Narrow, &picture.narrow)];
    html! {
        figure id=(picture.name) {
            // The picture of costs has its title in itself, as a file of its own.
            @if !picture.wide.contains(&format!(">\n{}\n<", picture.title)) { h3 { (picture.title) } }
            @for (width, svg) in drawings { div class=(width.name()) { (PreEscaped(svg)) } }
            figcaption { (picture.note) " " (data(&picture.name)) }
        }
    }
}

/// A link to the data of a picture or table.
fn data(name: &str) -> Markup {
    html! { a.data href={ (name) ".json" } { "data" } }
}

fn table(table: &Table, id: Option<&str>) -> Markup {
    let text = |cell: &str| match cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) {
        Some(name) => html! { code { (name) } },
        None => html! { (cell) },
    };
    html! {
        div.scroll tabindex="0" {
            table id=[id] {
                thead { tr { @for head in &table.head { th scope="col" { (head) } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (place, cell) in row.iter().enumerate() {
                                @if place == 0 { th scope="row" { (text(cell)) } } @else { td { (text(cell)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
