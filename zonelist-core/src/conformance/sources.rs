//! A search of a scheme's sources for types that are not those of [`sync`](crate::sync), so that loom does not see
//! them.
//!
//! ```text
//!   files := those with `impl Scheme for` the type; else those that mention it; else all
//!   for each path in an import or in code, without comments and `cfg(test)`:
//!     report it if it is in the tables below, unless it is marked `not explored`, or not built under loom
//! ```

use std::{
    borrow::ToOwned,
    format, fs,
    path::{Path, PathBuf},
    string::{String, ToString},
    vec,
    vec::Vec,
};

/// Paths below `std` that loom does not see, and the replacement in [`sync`](crate::sync).
const STD: &[(&str, &str)] = &[
    ("sync::RwLock", "RwLock"),
    ("sync::Mutex", "Mutex"),
    ("sync::nonpoison", "Mutex"),
    ("sync::atomic", "atomic"),
    ("cell::UnsafeCell", "UnsafeCell"),
    ("cell::SyncUnsafeCell", "UnsafeCell"),
    ("cell::Cell", "UnsafeCell"),
    ("cell::RefCell", "UnsafeCell"),
    ("sync::Condvar", NOTHING),
    ("sync::Barrier", NOTHING),
    ("sync::Once", NOTHING),
    ("sync::OnceLock", NOTHING),
    ("sync::LazyLock", NOTHING),
    ("sync::mpsc", NOTHING),
    ("thread::park", NOTHING),
];

/// Paths of other crates that loom does not see, and the replacement in [`sync`](crate::sync).
const OTHERS: &[(&str, &str)] = &[
    ("parking_lot::RwLock", "RwLock"),
    ("parking_lot::Mutex", "Mutex"),
    ("spin::RwLock", "RwLock"),
    ("spin::Mutex", "Mutex"),
    ("spin::rwlock", "RwLock"),
    ("spin::mutex", "Mutex"),
];

/// Functions that free a version unseen by loom.
const FREES: &[&str] = &["Box::from_raw", "Box::into_raw", "Box::leak"];

/// Stands for a path that has no replacement in [`sync`](crate::sync).
const NOTHING: &str = "";

/// A name in a source that loom does not see.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Unseen {
    path: PathBuf,
    line: usize,
    what: String,
    instead: &'static str,
}

impl core::fmt::Display for Unseen {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { path, line, what, instead } = self;
        write!(f, "{what}: not explored; ")?;
        match *instead {
            NOTHING => f.write_str("expected atomics or locks of zonelist_core::sync"),
            instead => write!(f, "use zonelist_core::sync::{instead}"),
        }?;
        write!(f, "\n  at {}:{line}", path.display())
    }
}

/// The names that loom does not see, in the files of a package that define a scheme of type `scheme`. If no file
/// defines the type, in those that mention it; if none does, in all files.
///
/// Skips a name with `not explored` in a comment on its line, or in the comment above, and a name that is not built under
/// loom.
pub(crate) fn unseen(package: &str, scheme: &str) -> Vec<Unseen> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&Path::new(package).join(folder), &mut files);
    }
    let name = scheme.split('<').next().unwrap_or(scheme).rsplit("::").next().unwrap_or(scheme);
    let defines = |text: &str| {
        if name.is_empty() {
            return false;
        }
        text.match_indices("Scheme for ").any(|(at, found)| {
            let rest = text[at + found.len()..].rsplit_once("::").filter(|(path, _)| !path.contains(' '));
            let rest = rest.map_or(&text[at + found.len()..], |(_, last)| last);
            rest.strip_prefix(name).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let of = |is: &dyn Fn(&str) -> bool| files.iter().filter(|(_, text)| is(text)).collect::<Vec<_>>();
    // A macro may define the scheme, in a file that only mentions the type, or in another.
    let candidates = [of(&defines), of(&|text| mentions(text, name)), of(&|_| true)];
    let files = candidates.into_iter().find(|files| !files.is_empty()).unwrap_or_default();
    let mut found: Vec<Unseen> = files.into_iter().flat_map(|(path, text)| in_file(path, text)).collect();
    found.sort();
    found.dedup_by(|one, other| (&one.path, &one.what) == (&other.path, &other.what));
    found
}

/// Collects all sources below a folder.
fn sources(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            source(path, into);
        }
    }
}

/// Collects a source, and those that it includes.
fn source(path: PathBuf, into: &mut Vec<(PathBuf, String)>) {
    let Ok(text) = fs::read_to_string(&path) else { return };
    let included = text.split("include!(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let included: Vec<PathBuf> = included.map(|file| path.with_file_name("").join(file)).collect();
    into.push((path, text));
    for path in included.into_iter().filter_map(|path| path.canonicalize().ok()) {
        if into.iter().all(|(known, _)| *known != path) {
            source(path, into);
        }
    }
}

/// True if a text has a name as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
}

/// The names in a file that loom does not see.
fn in_file(path: &Path, text: &str) -> Vec<Unseen> {
    let lines: Vec<&str> = text.lines().collect();
    // On its own line, or anywhere in the comment above.
    let is_permitted = |line: usize| {
        let comment = lines[..line].iter().rev().take_while(|above| above.trim_start().starts_with("//"));
        comment.chain([&lines[line]]).any(|line| line.to_lowercase().contains("not explored"))
    };
    // Unit tests are the last part of a file.
    let code = lines.iter().take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"));
    let code: Vec<&str> = code.map(|line| line.split("//").next().unwrap_or_default()).collect();
    let mut names = Vec::new();
    let mut line = 0;
    while line < code.len() {
        let trimmed = code[line].trim_start();
        let is_use = ["use ", "pub use ", "pub(crate) use "].iter().any(|word| trimmed.starts_with(word));
        // An import may take several lines.
        let end = if is_use { (line..code.len()).find(|&at| code[at].contains(';')).unwrap_or(line) } else { line };
        let hidden =
            line > 0 && code[line - 1].trim_start().starts_with("#[cfg(not(") && code[line - 1].contains("loom");
        if is_use && !hidden {
            imported(&code[line..=end], line, &mut names);
        } else if !is_use {
            used(code[line], line, &mut names);
        }
        line = end + 1;
    }
    let unseen = names.into_iter().filter(|(line, _)| !is_permitted(*line));
    unseen
        .filter_map(|(line, name)| blind(&name).map(|(what, instead)| (line, what, instead)))
        .map(|(line, what, instead)| Unseen { path: path.to_owned(), line: line + 1, what, instead })
        .collect()
}

/// The full path of a name and its replacement, if loom does not see it. `Ordering` is the same type under loom.
fn blind(name: &str) -> Option<(String, &'static str)> {
    if FREES.contains(&name) {
        return Some((name.to_string(), "VersionBox"));
    }
    // The path itself, or an item of it. `nonpoison` is a module of several locks.
    let within = |known: &str, path: &str| {
        path.strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || known.ends_with("nonpoison"))
    };
    // As behind `use std::cell`.
    if name.starts_with("cell::") {
        return blind(&format!("std::{name}"))
            .map(|(_, instead)| (name.split("::").take(2).collect::<Vec<_>>().join("::"), instead));
    }
    let below = ["std::", "core::", "alloc::"].iter().find_map(|root| name.strip_prefix(root));
    if let Some(below) = below {
        if below.starts_with("sync::atomic::Ordering") || below == "sync::atomic::compiler_fence" {
            return None;
        }
        let &(_, instead) = STD.iter().find(|(known, _)| within(known, below))?;
        let kind = below.strip_prefix("sync::atomic::").map(|kind| kind.split("::").next().unwrap_or(kind));
        return Some(match kind.filter(|kind| kind.starts_with("Atomic") || *kind == "fence") {
            Some(kind) => (format!("std::sync::atomic::{kind}"), "atomic"),
            None => (format!("std::{}", below.split("::").take(2).collect::<Vec<_>>().join("::")), instead),
        });
    }
    let &(known, instead) = OTHERS.iter().find(|(known, _)| within(known, name))?;
    Some((known.to_string(), instead))
}

/// Collects the paths of an import, each with its line. Nested braces are expanded: each prefix is on a stack.
fn imported(lines: &[&str], first: usize, names: &mut Vec<(usize, String)>) {
    let mut prefixes = vec![String::new()];
    let mut word = String::new();
    let begin = |word: &mut String, prefixes: &[String]| {
        let name = format!(
            "{}{}",
            prefixes.last().map_or("", String::as_str),
            word.split(" as ").next().unwrap_or(word).trim()
        );
        word.clear();
        name.trim_end_matches("::self").to_string()
    };
    for (line, text) in (first..).zip(lines) {
        let text = if line == first { text.split_once("use ").map_or(*text, |(_, rest)| rest) } else { text };
        for c in text.chars() {
            match c {
                '{' => prefixes.push(begin(&mut word, &prefixes)),
                ',' | '}' | ';' => {
                    if !word.trim().is_empty() {
                        names.push((line, begin(&mut word, &prefixes)));
                    }
                    if c == '}' {
                        prefixes.pop();
                    }
                }
                _ => word.push(c),
            }
        }
        word = word.trim().to_string();
    }
}

/// Collects the paths in a line of code.
fn used(line: &str, number: usize, names: &mut Vec<(usize, String)>) {
    let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let paths = words.map(|word| word.trim_end_matches(':')).filter(|word| word.contains("::"));
    names.extend(paths.map(|path| (number, path.to_string())));
}
