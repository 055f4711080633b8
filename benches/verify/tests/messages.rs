//! Each error message of the library packages names the fault, the expectation and the values: a check of the sources.

use std::{collections::BTreeSet, fs};

use zonelist_verify::{sources, workspace};

const PACKAGES: [&str; 4] = ["zonelist-core", "zonelist-epoch", "zonelist-seq", "zonelist-inplace"];

/// Errors without values, and the reason.
const WITHOUT_VALUES: &[(&str, &[&str])] = &[
    (
        "the fault has no values",
        &[
            "MemoryBlocksError::NoSizes",
            "ForkError::NoMemory",
            "ProviderError::Heap",
            "HotplugError::NoMemory",
            "MachineError::NoMemory",
            "MachineError::NoNodes",
            "ReaderError::NoBarrier",
            "SetupError::NoZone",
            "StressError::Idle",
        ],
    ),
    (
        "another thread or a fork prevents the operation",
        &[
            "HandleError::Busy",
            "HotplugError::Forked",
            "HotplugError::Nested",
            "HotplugError::InProgress",
            "PublishError::Busy",
            "PublishError::Forked",
            "TryAllocError::WouldBlock",
            "WaitError::Busy",
            "WaitError::Forked",
        ],
    ),
    (
        "the fault is of the one handle, page or zone that the caller passed",
        &[
            "HandleError::Foreign",
            "HandleError::Gone",
            "HandleError::Held",
            "HandleError::Moving",
            "HandleError::TooMany",
            "MoveError::Never",
            "MoveError::NotNow",
            "RangeError::NoMetadata",
        ],
    ),
    (
        "the fault is of the one page that the caller passed, which `NotFreed` or `NotSplit` returns with it",
        &[
            "FreeError::AlreadyFree",
            "FreeError::Misaligned",
            "FreeError::NeverHandedOut",
            "FreeError::NoSuchFrame",
            "FreeError::NoSuchZone",
            "SplitError::Single",
        ],
    ),
    ("`LocalHandle::failure` has the values", &["OutOfMemory", "TryAllocError::OutOfMemory"]),
];

/// Messages without 'expected': a warning, and those that end with another error.
const EXPECT_NOTHING: &[&str] = &["HotplugError::Provider", "NotFreed", "NotRetired", "NotSplit", "VoidDistances"];

/// An error type or variant in a source.
#[derive(Debug)]
struct Message {
    name: String,
    /// The arguments of `#[error(...)]`.
    said: String,
    fields: Vec<String>,
}

/// The text up to the bracket that closes the bracket before the text.
fn enclosed(text: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (1, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

fn messages(text: &str) -> Vec<Message> {
    // Without comments, which may have unbalanced brackets and quotes.
    let text: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let attributes = text.match_indices("#[error(").map(|(at, start)| at + start.len());
    attributes
        .map(|start| {
            let said = enclosed(&text[start..]);
            let mut item = text[start + said.len() + 2..].trim_start();
            while item.starts_with('#') {
                item = item[item.find('[').map_or(0, |at| at + 1)..].trim_start();
                item = item[enclosed(item).len() + 1..].trim_start();
            }
            let (item, of) = match item.strip_prefix("pub struct ") {
                Some(item) => (item, ""),
                None => (item, text[..start].rsplit_once("pub enum ").map_or("", |(_, item)| item)),
            };
            let of: String = of.chars().take_while(|character| character.is_alphanumeric()).collect();
            let name: String = item.chars().take_while(|character| character.is_alphanumeric()).collect();
            let rest = item[name.len()..].trim_start_matches("<T>").trim_start();
            let fields = match rest.strip_prefix('{') {
                Some(fields) => {
                    let parts = enclosed(fields).split([',', '\n']);
                    let named = parts.filter_map(|field| field.split_once(": "));
                    named.map(|(name, _)| name.trim().trim_start_matches("pub ").to_owned()).collect()
                }
                None if rest.starts_with('(') => vec!["0".to_owned()],
                None => Vec::new(),
            };
            let name = if of.is_empty() { name } else { format!("{of}::{name}") };
            Message { name, said: said.to_owned(), fields }
        })
        .collect()
}

/// True if a message has a field in it.
fn names(said: &str, field: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    said.match_indices(field).any(|(at, _)| {
        let (before, after) = (said[..at].chars().next_back(), said[at + field.len()..].chars().next());
        matches!(before, Some('{' | '.' | '*')) && !after.is_some_and(is_word)
    })
}

#[test]
fn each_error_says_what_was_wrong_and_what_was_expected() {
    let (mut wrong, mut valueless, mut count) = (Vec::new(), BTreeSet::new(), 0);
    for source in PACKAGES.iter().flat_map(|package| sources(&workspace().join(package).join("src"))) {
        for Message { name, said, fields } in messages(&fs::read_to_string(&source).expect("a source in UTF-8")) {
            count += 1;
            if said.trim() == "transparent" {
                continue;
            }
            let place = source.strip_prefix(workspace()).unwrap_or(&source).display();
            if !said.contains("expected") && !EXPECT_NOTHING.contains(&name.as_str()) && !said.starts_with("\"{}\"") {
                wrong.push(format!("{place}: {name} does not say what was expected"));
            }
            // `value` is the caller's, which the error returns.
            let unsaid = fields.iter().filter(|field| !names(&said, field) && *field != "value");
            wrong.extend(unsaid.map(|field| format!("{place}: {name} does not say its `{field}`")));
            if fields.is_empty() {
                valueless.insert(name);
            }
        }
    }
    let listed = WITHOUT_VALUES.iter().flat_map(|(_, names)| names.iter().map(|&name| name.to_owned()));
    let listed: BTreeSet<String> = listed.collect();
    wrong.extend(valueless.difference(&listed).map(|name| format!("{name} has no value to say")));
    wrong.extend(listed.difference(&valueless).map(|name| format!("{name} has values, or does not exist")));
    assert!(count > 100, "{count} messages found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
