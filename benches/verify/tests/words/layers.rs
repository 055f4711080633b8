//! Each folder of `zonelist-core` depends on lower layers only.

use std::collections::HashMap;

use zonelist_verify::workspace;

use crate::files::source_files;

/// The folders from the bottom up. A folder may use those before it.
const LAYERS: [&str; 16] = [
    "sync",
    "chunks",
    "locking",
    "ids",
    "identity",
    "heap",
    "topology",
    "zonelist",
    "table",
    "publish",
    "stop_world",
    "zone",
    "page_alloc",
    "hotplug",
    "conformance",
    "guide",
];

const SOURCES: &str = "zonelist-core/src/";

/// A use of a name of one folder by a file of another.
pub(crate) struct Use {
    path: String,
    name: String,
    /// The folder of the file.
    pub(crate) from: &'static str,
    /// The folder of the name.
    pub(crate) to: &'static str,
}

/// The layer of a folder, if it has one.
fn layer(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == folder)
}

/// Every use of a folder by another one.
pub(crate) fn uses() -> Vec<Use> {
    let root = std::fs::read_to_string(workspace().join(SOURCES).join("lib.rs")).expect("the crate's root");
    let exports = exports(&root);
    let mut uses = Vec::new();
    for (path, text) in source_files() {
        let Some(inner) = path.strip_prefix(SOURCES).filter(|inner| *inner != "lib.rs" && !inner.ends_with("tests.rs"))
        else {
            continue;
        };
        let own = inner.split(['/', '.']).next().unwrap_or_default();
        let from = LAYERS[layer(own).unwrap_or_else(|| panic!("{path}: the folder {own} has no layer"))];
        for name in used_names(&text) {
            let folder = exports.get(name.as_str()).copied().unwrap_or(&name);
            if let Some(to) = layer(folder) {
                uses.push(Use { path: path.clone(), name, from, to: LAYERS[to] });
            }
        }
    }
    assert!(uses.len() > 300, "only {} uses are found", uses.len());
    uses
}

#[test]
fn folders_depend_downwards_only() {
    let is_upwards = |it: &&Use| layer(it.to) > layer(it.from);
    let uses = uses();
    let upwards = uses.iter().filter(is_upwards);
    let upwards: Vec<String> = upwards
        .map(|Use { path, name, from, to }| format!("{path}: {from} uses {name}, which is of {to}, a layer above"))
        .collect();
    assert!(upwards.is_empty(), "{}", upwards.join("\n"));
}

#[test]
fn the_architecture_has_the_folders_in_the_sequence_of_their_layers() {
    let page = std::fs::read_to_string(workspace().join("docs/architecture.md")).expect("docs/architecture.md");
    let table =
        page.split("| folder | contents |").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("the table");
    let row = |line: &str| Some(line.strip_prefix("| `")?.split(['`', '/', '.']).next()?.to_owned());
    let rows: Vec<String> = table.lines().filter_map(row).collect();
    // The guide has no code, and so no layer above another.
    let layers: Vec<&str> = LAYERS.into_iter().filter(|layer| *layer != "guide").collect();
    assert_eq!(rows, layers);
}

/// The folder of each name that the crate's root re-exports.
pub(crate) fn exports(root: &str) -> HashMap<&str, &str> {
    let mut exports = HashMap::new();
    for statement in root.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        let (folder, names) = statement.split_once("::").unwrap_or((statement, ""));
        let names = names.split(|letter: char| !letter.is_alphanumeric()).filter(|name| !name.is_empty());
        exports.extend(names.map(|name| (name, folder)));
    }
    assert_eq!(exports.get("NodeId"), Some(&"ids"), "{exports:?}");
    exports
}

/// The names after `crate::` in a file, without its tests and comments; of a `use` statement, every name. A `pub use`
/// shows a name in another module, and uses nothing.
fn used_names(text: &str) -> Vec<String> {
    let code =
        text.split("#[cfg(test)]").next().and_then(|text| text.split("#[cfg(all(test").next()).unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.starts_with("pub use crate::");
    let code: Vec<&str> = code.lines().filter(is_code).collect();
    let code = code.join("\n");
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let end = if rest.starts_with('{') { ';' } else { '\u{0}' };
        let rest = rest.split(end).next().unwrap_or_default();
        let mut depth = 0;
        let mut name = String::new();
        for letter in rest.chars() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ if letter.is_alphanumeric() || letter == '_' => {
                    name.push(letter);
                    continue;
                }
                _ => (),
            }
            if !name.is_empty() {
                names.push(std::mem::take(&mut name));
            }
            // Only the first part of a path counts; in a group, the first part of each of its paths.
            if depth == 0 || letter == ';' {
                break;
            }
        }
    }
    names
}
