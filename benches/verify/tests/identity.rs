//! Each public type that borrows an instance is in the table of `zonelist_core::identity`, or in the list of exceptions
//! here.

use std::{
    fs,
    path::{Component, PathBuf},
};

use zonelist_verify::{sources, workspace};

/// Exceptions: values that belong to no instance, and the instances themselves.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    ("a description by the caller", &["ZonelistsRef", "FallbackOrderInput", "UntilCancelled", "ZoneInfo"]),
    ("an instance", &["AllocatorProvider", "MovablePages", "PageAllocator", "Zone"]),
];

/// The names of a source's public types that have a lifetime.
fn borrowing(text: &str) -> Vec<String> {
    let items = ["pub struct ", "pub enum "].into_iter().flat_map(|item| text.match_indices(item));
    let named = items.filter_map(|(at, item)| text[at + item.len()..].split_once("<'"));
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(char::is_alphanumeric);
    named.map(|(name, _)| name).filter(is_name).map(str::to_owned).collect()
}

#[test]
fn each_type_that_borrows_an_instance_is_in_the_table() {
    let table = fs::read_to_string(workspace().join("zonelist-core/src/identity.md")).expect("the table");
    let mut found = Vec::new();
    for package in ["zonelist-core", "zonelist-epoch", "zonelist-seq", "zonelist-inplace"] {
        let is_checker =
            |path: &PathBuf| path.components().any(|part| part == Component::Normal("conformance".as_ref()));
        for source in sources(&workspace().join(package).join("src")).into_iter().filter(|path| !is_checker(path)) {
            found.extend(borrowing(&fs::read_to_string(source).expect("a source in UTF-8")));
        }
    }
    assert!(found.len() > 25, "{found:?}");
    let exempt = |name: &&String| EXCEPTIONS.iter().any(|(_, names)| names.contains(&name.as_str()));
    // Walks have one row in the table: each borrows the guard under which it began.
    let missing: Vec<_> = found
        .iter()
        .filter(|name| !name.ends_with("Walk") && !exempt(name) && !table.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "not in the table of identities: {missing:?}");
}
