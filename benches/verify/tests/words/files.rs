//! The files of the workspace, each with its path from the root.

use std::fs;

use zonelist_verify::{files_below, workspace};

/// Every text file but the list of words itself. The scripts of the CI have no file extension.
pub(crate) fn text_files() -> Vec<(String, String)> {
    let endings = [".rs", ".md", ".toml", ".txt", ".sh", ".yml", ".c", ".h"];
    let is_text = |path: &str| path.starts_with(".ci/") || endings.iter().any(|ending| path.ends_with(ending));
    files(|path| is_text(path) && path != "docs/forbidden-words.txt")
}

/// The sources.
pub(crate) fn source_files() -> Vec<(String, String)> {
    files(|path| path.ends_with(".rs"))
}

fn files(is_wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for file in files_below(workspace()) {
        let path = file.strip_prefix(workspace()).expect("a file of the workspace").display().to_string();
        if is_wanted(&path) {
            let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
            files.push((path, text));
        }
    }
    assert!(files.len() > 300, "only {} files are found", files.len());
    files
}

/// The folders in a list of the root's manifest: `members` or `default-members`.
pub(crate) fn listed_folders(list: &str) -> Vec<String> {
    let root = fs::read_to_string(workspace().join("Cargo.toml")).expect("the manifest of the root");
    let named = root.split(&format!("\n{list} = [")).nth(1).and_then(|rest| rest.split(']').next()).expect(list);
    named.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}
