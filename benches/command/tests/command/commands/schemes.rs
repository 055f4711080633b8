//! The command `schemes`: facts, cards and docs/schemes.md agree, and every fact has a test as evidence.

use std::{fs, path::Path};

use zonelist_bench::schemes::{Markdown, Report};
use zonelist_schemes::{
    SchemeId,
    evidence::{Card, FACTS, all_tests},
};

use crate::run::json;

/// The beginnings of a card's lines, from the first line to the last.
const LINES: [&str; 8] = [
    "- **Reader:** ",
    "- **A walk shows** ",
    "- **What waits:** ",
    "- **A remembered first zone** ",
    "- **Memory:** ",
    "- **Callable from** ",
    "- **Checked by** ",
    "- **Not when** ",
];

/// A card's text for one of these lines, as one line.
fn text_of(scheme: SchemeId, line: usize) -> String {
    let card = scheme.facts().card;
    let from = card.find(LINES[line]).unwrap_or_else(|| panic!("{}: no {:?}", scheme.name(), LINES[line]));
    let text = &card[from..];
    // Cards are wrapped at any word.
    text[..text.find("\n- ").unwrap_or(text.len())].split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_card_has_the_same_lines_in_the_same_sequence() {
    for scheme in SchemeId::all() {
        let begun = scheme.facts().card.lines().filter(|line| line.starts_with("- "));
        let begun: Vec<&str> = begun.collect();
        assert_eq!(begun.len(), LINES.len(), "{}", scheme.name());
        for (line, expected) in begun.iter().zip(LINES) {
            assert!(line.starts_with(expected), "{}: {line:?}, expected {expected:?}", scheme.name());
        }
    }
}

#[test]
fn a_card_names_the_places_that_its_facts_name() {
    for scheme in SchemeId::all() {
        let (facts, places) = (scheme.facts(), text_of(scheme, 5));
        for (place, fact) in [
            ("that have registered", facts.registers),
            ("signal handlers and interrupts", facts.interrupt_safe),
            ("below a global allocator", facts.below_allocator),
            ("after a fork;", facts.after_fork),
            ("in destructors of thread-locals", facts.tls_destructor),
        ] {
            assert_eq!(places.contains(place), fact, "{}: {place:?} in {places:?}", scheme.name());
        }
    }
}

#[test]
fn the_page_of_schemes_has_the_table_that_the_command_makes() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemes.md")).unwrap();
    let table = Markdown(Report(SchemeId::all().into_iter().map(Card::of).collect())).to_string();
    assert!(page.contains(&table), "expected in docs/schemes.md, as `zonelist schemes --markdown` prints it:\n{table}");
}

#[test]
fn the_page_of_benchmarks_has_the_instructions_of_the_cards() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md")).unwrap();
    let row = |scheme: SchemeId| {
        let reader = text_of(scheme, 0);
        let count = reader.split(' ').nth(2).and_then(|count| count.parse::<u32>().ok());
        let count = count.unwrap_or_else(|| panic!("{}: no count in {reader:?}", scheme.name()));
        format!("| `{}` | {count} |\n", scheme.name())
    };
    let rows: String = SchemeId::all().into_iter().map(row).collect();
    assert!(page.contains(&rows), "expected in docs/benchmarks.md:\n{rows}");
}

#[test]
fn a_fact_is_claimed_if_and_only_if_a_test_shows_it() {
    for card in json(&["schemes", "--json"]).as_array().unwrap() {
        for fact in FACTS {
            assert_eq!(card[fact].is_null(), card["evidence"].get(fact).is_none(), "{fact} of {card}");
        }
        assert!(card["scheme"].is_string() && card["crate"].is_string() && card["guarantee"].is_string(), "{card}");
    }
}

#[test]
fn every_test_that_is_named_as_evidence_exists() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for evidence in all_tests() {
        let (file, test) = evidence.split_once(": ").unwrap();
        let source = fs::read_to_string(workspace.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let exists = match test.split_once("::") {
            None => source.contains(&format!("#[test]\nfn {test}() {{")),
            // A module of `model!`, with the name of a shape in its suite.
            Some((scheme, shape)) => {
                let made = ["model!(", "model!(\n    ", "model!(retires "].iter();
                made.clone().any(|made| source.contains(&format!("{made}{scheme}: "))) && has_shape(&workspace, shape)
            }
        };
        assert!(exists, "{file} has no test {test}");
    }
}

fn has_shape(workspace: &Path, shape: &str) -> bool {
    let suite = workspace.join("zonelist-core/src/conformance/models/suite.rs");
    let all = workspace.join("zonelist-core/src/conformance/model_macro.rs");
    let (suite, all) = (fs::read_to_string(suite).unwrap(), fs::read_to_string(all).unwrap());
    suite.contains(&format!("\npub fn {shape}<")) && all.contains(shape)
}

#[test]
fn every_fact_of_every_scheme_has_evidence() {
    for card in json(&["schemes", "--json"]).as_array().unwrap() {
        for fact in FACTS {
            let evidence = card["evidence"][fact].as_array().unwrap_or_else(|| panic!("{fact} of {}", card["scheme"]));
            assert!(!evidence.is_empty());
        }
    }
}
