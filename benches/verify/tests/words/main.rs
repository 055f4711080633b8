//! The language and the documents of this workspace: no source, document or message has a word of
//! [the list](../../../../docs/forbidden-words.txt), no source file exceeds the length limit, folders depend downwards
//! only, links lead somewhere, the picture of the architecture is right, and no package but the libraries can be published.

mod architecture;
mod counts;
mod files;
mod layers;
mod links;
mod list;
mod long_set;
mod published;
mod readmes;
mod root;

use files::{source_files, text_files};
use list::{List, Rule};

/// The most lines of a source file.
const MOST_LINES: usize = 450;

#[test]
fn no_file_has_a_forbidden_word() {
    let list = List::checked_in();
    let mut found = Vec::new();
    for (path, text) in text_files() {
        for (number, line) in text.lines().enumerate() {
            let hits = list.rules_met(&path, line);
            found.extend(
                hits.map(|Rule { word, instead, .. }| format!("{path}:{}: {word:?}: write {instead}", number + 1)),
            );
        }
    }
    assert!(found.is_empty(), "{} forbidden words:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_listed_word_is_found_at_any_position() {
    let list = List::checked_in();
    let met = |line: &str| list.rules_met("src/lib.rs", line).map(|rule| rule.word.clone()).collect::<Vec<_>>();
    for rule in list.rules() {
        let word = &rule.word;
        let mut lines = vec![format!("/// The `{word}`, here."), format!("let x = {};", word.replace(' ', "_"))];
        if !rule.exact {
            let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
            let camel: String = word.split(' ').map(capital).collect();
            lines.extend([format!("struct Free{camel};"), format!("fn of_{}_now() {{}}", word.replace(' ', "_"))]);
            lines.push(format!("{} begins a sentence.", capital(word)));
        }
        for line in lines {
            assert!(met(&line).contains(word), "{word:?} is not found in {line:?}");
        }
    }
    // In prose, an identifier is a word like any other.
    assert_eq!(met(concat!("// A", "t that point it ends.")), [""; 0]);
    // A longer word that contains a forbidden one is not forbidden.
    for line in ["fn outdoors() {}", "a sheep, the shepherd, a seating", "let rows = GRACEFUL;", "RowIndex"] {
        assert_eq!(met(line), [""; 0], "in {line:?}");
    }
}

#[test]
fn no_source_file_is_too_long() {
    let sources = source_files();
    let long = sources.iter().map(|(path, text)| (text.lines().count(), path)).filter(|(lines, _)| *lines > MOST_LINES);
    let long: Vec<String> =
        long.map(|(lines, path)| format!("{path}: {lines} lines; expected at most {MOST_LINES}")).collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
