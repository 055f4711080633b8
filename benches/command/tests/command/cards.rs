//! What schemes say of themselves in words, and what the README says of them, is what the facts say.

use std::fs;

use zonelist_bench::commands::schemes::{Markdown, Report};
use zonelist_schemes::{SchemeId, evidence::Card};

/// What a card begins its lines with, in this order.
const LINES: [&str; 7] = [
    "- **Reader:** ",
    "- **A walk shows** ",
    "- **Who waits:** ",
    "- **Memory:** ",
    "- **Callable from** ",
    "- **Checked by** ",
    "- **Not when** ",
];

/// What a card says under one of these.
fn said(scheme: SchemeId, line: usize) -> String {
    let card = scheme.facts().card;
    let from = card.find(LINES[line]).unwrap_or_else(|| panic!("{}: no {:?}", scheme.name(), LINES[line]));
    let said = &card[from..];
    // Lines are broken wherever they are full.
    said[..said.find("\n- ").unwrap_or(said.len())].split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_card_answers_the_same_questions_in_the_same_order() {
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
        let (facts, places) = (scheme.facts(), said(scheme, 4));
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
fn the_readme_has_the_table_that_the_command_makes() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let table = Markdown(Report(SchemeId::all().into_iter().map(Card::of).collect())).to_string();
    assert!(readme.contains(&table), "expected in the README, as `zonelist schemes --markdown` prints it:\n{table}");
}
