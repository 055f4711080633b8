//! The checked-in list, and the search for its words in a line.

use std::fs;

use zonelist_verify::workspace;

/// One word or identifier, and what to write in its place.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) word: String,
    pub(crate) instead: String,
    /// Matched as written, and not as a part of an identifier.
    pub(crate) exact: bool,
}

/// The rules, and the exceptions: the beginning of a path, and words that files there may have.
#[derive(Debug, Default)]
pub(crate) struct List {
    rules: Vec<Rule>,
    allowed: Vec<(String, Vec<String>)>,
}

impl List {
    pub(crate) fn checked_in() -> Self {
        let path = workspace().join("docs/forbidden-words.txt");
        let text = fs::read_to_string(path).expect("docs/forbidden-words.txt");
        let mut list = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (left, right) =
                line.split_once(": ").unwrap_or_else(|| panic!("expected `WORD: INSTEAD`, found {line:?}"));
            if let Some(path) = left.strip_prefix("allow ") {
                list.allowed.push((path.to_owned(), right.split(", ").map(str::to_owned).collect()));
            } else {
                let exact = left.strip_prefix('=');
                let word = exact.unwrap_or(left).to_owned();
                list.rules.push(Rule { word, instead: right.to_owned(), exact: exact.is_some() });
            }
        }
        assert!(list.rules.len() > 50, "only {} rules", list.rules.len());
        list
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that a line of this file breaks.
    pub(crate) fn rules_met<'l>(&'l self, path: &'l str, line: &'l str) -> impl Iterator<Item = &'l Rule> {
        let (words, code) = (split_words(line), code_of(path, line));
        let is_allowed = |word: &str| {
            self.allowed.iter().any(|(begin, allowed)| path.starts_with(begin) && allowed.iter().any(|it| it == word))
        };
        self.rules.iter().filter(move |rule| {
            let is_met = if rule.exact {
                has_identifier(&code, &rule.word)
            } else {
                words.contains(&format!(" {} ", rule.word))
            };
            is_met && !is_allowed(&rule.word)
        })
    }
}

/// The words of a line in lower case, those of identifiers one by one, each between two spaces.
fn split_words(line: &str) -> String {
    let mut words = String::from(" ");
    let mut before = ' ';
    for letter in line.chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        if letter.is_alphanumeric() {
            words.extend(letter.to_lowercase());
        } else if !words.ends_with(' ') {
            words.push(' ');
        }
        before = letter;
    }
    words + " "
}

/// The code in a line: the whole line, or in prose the text between backticks and the paths.
fn code_of(path: &str, line: &str) -> String {
    let is_prose = path.ends_with(".md") || line.trim_start().starts_with("//");
    if !is_prose {
        return line.to_owned();
    }
    let quoted = line.split('`').skip(1).step_by(2);
    let paths = line.split_whitespace().filter(|word| word.contains("::"));
    quoted.chain(paths).collect::<Vec<_>>().join(" ")
}

/// True if the line has the identifier, and not only as a part of a longer one.
fn has_identifier(line: &str, identifier: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(identifier).any(|(at, _)| {
        let (left, right) = (&line[..at], &line[at + identifier.len()..]);
        !left.ends_with(is_part) && !right.starts_with(is_part)
    })
}
