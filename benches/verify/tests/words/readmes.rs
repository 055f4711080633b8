//! The READMEs: their lengths, their features, and that their code is compiled.

use std::{collections::BTreeSet, fs};

use zonelist_verify::{LIBRARIES, workspace};

use crate::files::text_files;

/// The most lines of the README.
const MOST_LINES: usize = 150;

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_readme_is_short_and_has_the_version_and_an_example() {
    let readme = read("README.md");
    let lines = readme.lines().count();
    assert!(lines <= MOST_LINES, "{lines} lines; expected at most {MOST_LINES}");
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \"")).expect("a version");
    // The dependency accepts every patch version.
    let version = line.trim_end_matches('"').rsplit_once('.').expect("three numbers").0;
    for library in ["zonelist-core", "zonelist-inplace"] {
        assert!(readme.contains(&format!("{library} = \"{version}\"")), "{library} {version}");
    }
    let example = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    assert!(example.lines().count() <= 20, "{example}");
}

#[test]
fn the_readme_of_a_package_has_its_features() {
    for library in LIBRARIES {
        let manifest = read(&format!("{library}/Cargo.toml"));
        let features = manifest.split("[features]\n").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or("");
        let features = features.lines().filter(|line| !line.starts_with('#'));
        let declared: BTreeSet<&str> = features
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, _)| name)
            .filter(|name| *name != "default")
            .collect();
        let readme = read(&format!("{library}/README.md"));
        let section = readme.split("## Features\n").nth(1).expect("a section on features");
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(rows.collect::<BTreeSet<_>>(), declared, "{library}");
        assert_eq!(declared.is_empty(), section.contains("\nNone."), "{library}");
    }
}

#[test]
fn every_rust_block_of_a_document_is_compiled() {
    let (files, doctests) = (text_files(), read("benches/schemes/src/lib.rs"));
    let mut blocks = 0;
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".md")) {
        for block in text.split("```rust").skip(1) {
            blocks += 1;
            let (language, code) = block.split_once('\n').expect("a block of lines");
            let (folder, _) = path.rsplit_once('/').unwrap_or_default();
            if folder.starts_with("examples/") {
                // Such a package has no doctests, and its page shows lines of its sources.
                let code = code.split("```").next().unwrap_or_default();
                let sources = || files.iter().filter(|(file, _)| file.starts_with(folder) && file.ends_with(".rs"));
                for line in code.lines().map(str::trim) {
                    let is_there = sources().any(|(_, text)| text.lines().any(|other| other.trim() == line));
                    assert!(is_there, "{path}: {line:?} is in no source file of the package");
                }
                continue;
            }
            assert!(!language.contains("ignore"), "{path}: a block is not compiled");
            let is_page =
                LIBRARIES.iter().any(|library| folder == *library || folder.starts_with(&format!("{library}/src")));
            assert!(is_page || doctests.contains(&format!("/{path}\")")), "{path}: no doctest includes it");
        }
    }
    assert!(blocks > 5, "only {blocks} blocks are found");
}

#[test]
fn every_block_of_figures_has_a_name_and_an_end() {
    let (files, mut names) = (text_files(), Vec::new());
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".md")) {
        let mut open: Option<&str> = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("<!-- figures: ").and_then(|rest| rest.strip_suffix(" -->")) {
                assert_eq!(open, None, "{path}: {name} begins within another block");
                names.push(name);
                open = Some(name);
            } else if line == "<!-- end of figures -->" {
                assert!(open.take().is_some(), "{path}: an end without a beginning");
            }
        }
        assert_eq!(open, None, "{path}: no end");
    }
    assert!(names.contains(&"compare"), "{names:?}");
}
