//! Links of documents: each relative one leads to a file, each anchor to a heading of it.

use std::{collections::BTreeMap, fs, path::Path};

use zonelist_verify::{LIBRARIES, workspace};

use crate::files::{source_files, text_files};

/// The documents, each with its path from the root.
fn documents() -> BTreeMap<String, String> {
    let documents: BTreeMap<_, _> = text_files().into_iter().filter(|(path, _)| path.ends_with(".md")).collect();
    assert!(documents.len() > 20, "only {} documents are found", documents.len());
    documents
}

/// The lines outside of blocks of code, without the code in them.
fn prose(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(line.split('`').step_by(2).collect());
        }
    }
    lines
}

/// The targets of the links in a line, those of definitions among them.
fn targets(line: &str) -> Vec<&str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let definition = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
    inline.chain(definition).collect()
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let title = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> String {
    let mut parts = Vec::new();
    for part in path.iter().map(|part| part.to_string_lossy()) {
        match &*part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part.into_owned()),
        }
    }
    parts.join("/")
}

/// True if the target is a file of this workspace, and no item, which rustdoc checks, nor a page of another site, since no
/// test uses the network.
fn is_file(target: &str) -> bool {
    let is_named = target.contains('/') || [".md", ".rs", ".txt"].iter().any(|end| target.ends_with(end));
    is_named && !target.contains("::") && !target.starts_with("http")
}

/// True if rustdoc makes pages of this file.
fn is_page(path: &str) -> bool {
    LIBRARIES.iter().any(|library| path.starts_with(&format!("{library}/src")))
}

/// Why a link of the file leads nowhere, if it does.
fn fault(documents: &BTreeMap<String, String>, path: &str, target: &str) -> Option<String> {
    // A name alone is a file or folder, but on a page of rustdoc an item.
    if !is_file(target) && (is_page(path) || target.contains("::") || target.starts_with("http")) {
        return None;
    }
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() { path.to_owned() } else { normal(&Path::new(path).with_file_name(file)) };
    if !workspace().join(&file).exists() {
        return Some(format!("{path}: {target}: no file {file}"));
    }
    let has_anchor = || {
        let lines = documents.get(&file)?.lines();
        lines.filter(|line| line.starts_with('#')).find(|line| anchor(line) == fragment)
    };
    (!fragment.is_empty() && has_anchor().is_none()).then(|| format!("{path}: {target}: no heading {fragment}"))
}

#[test]
fn every_link_of_a_document_leads_to_a_file_and_a_heading() {
    let documents = documents();
    let (mut faults, mut links) = (Vec::new(), 0);
    for (path, text) in &documents {
        for line in prose(text) {
            let targets = targets(&line);
            links += targets.len();
            faults.extend(targets.iter().filter_map(|target| fault(&documents, path, target)));
        }
    }
    assert!(links > 100, "only {links} links are found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_relative_link_of_a_comment_leads_to_a_file() {
    let documents = documents();
    let mut faults = Vec::new();
    for (path, text) in source_files() {
        let comments = text.lines().filter_map(|line| line.trim_start().strip_prefix("//"));
        for line in comments.flat_map(prose) {
            for target in targets(&line).into_iter().filter(|target| is_file(target)) {
                if is_page(&path) && !target.ends_with(".html") {
                    faults.push(format!("{path}: {target}: a page on docs.rs has no file beside it"));
                } else if !is_page(&path) {
                    faults.extend(fault(&documents, &path, target));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Links of a package's README are those of docs.rs, and `lib.rs` has each as a link to the item, which rustdoc checks.
#[test]
fn the_links_of_a_package_are_those_of_its_items() {
    for library in LIBRARIES {
        let read = |file: &str| fs::read_to_string(workspace().join(library).join(file)).expect(file);
        let (readme, root) = (read("README.md"), read("src/lib.rs"));
        let module = library.replace('-', "_");
        let begin = format!("https://docs.rs/{library}/latest/{module}/");
        let mut links = 0;
        for target in prose(&readme).iter().flat_map(|line| targets(line)) {
            let page = target.strip_prefix(&begin).unwrap_or_else(|| panic!("{library}: {target}: expected {begin}"));
            // `publish/trait.Scheme.html` or `publish/index.html`.
            let name = match page.strip_suffix("/index.html") {
                Some(folder) => folder.rsplit('/').next(),
                None => page.split('.').nth(1),
            };
            let name = name.expect("a name");
            let definition = format!("//! [`{name}`]: crate::");
            let item = root.lines().find_map(|line| line.strip_prefix(&definition)).map(str::to_owned);
            let item = item.unwrap_or_else(|| panic!("{library}: src/lib.rs has no line {definition}"));
            assert!(item == name || item.ends_with(&format!("::{name}")), "{library}: {target}: {item}");
            links += 1;
        }
        assert!(links > 1, "{library}: no links");
    }
}

#[test]
fn a_broken_link_is_found() {
    let documents = BTreeMap::from([("docs/a.md".to_owned(), "# One, two: `three`\n".to_owned())]);
    let is_broken = |target: &str| fault(&documents, "docs/architecture.md", target).is_some();
    assert_eq!(["glossary.md", "../README.md", "none.md", "../none"].map(is_broken), [false, false, true, true]);
    assert_eq!((anchor("## One, two: `three`"), is_broken("glossary.md#none")), ("one-two-three".into(), true));
    assert_eq!(targets("[a](b.md) and [c](d#e)\n"), ["b.md", "d#e"]);
    assert_eq!(prose("a `b` c\n```sh\nd\n```\ne"), ["a  c", "e"]);
}
