//! The files of the workspace.

use std::{fs, path::Path};

use zonelist_verify::workspace;

/// Folders that are not written by hand: builds, and records of kernels.
const SKIPPED: [&str; 4] = ["target", ".git", "goldens", "built-in"];

/// Every text that a reader may meet, with its path from the root. Not the list of words itself.
pub(crate) fn text_files() -> Vec<(String, String)> {
    let mut files = workspace_files(&["rs", "md", "toml", "txt", "sh", "yml", "c", "h"]);
    files.extend(scripts());
    files.retain(|(path, _)| path != "docs/forbidden-words.txt");
    assert!(files.len() > 300, "only {} files are found", files.len());
    files
}

/// The files that end like that, with their paths from the root.
pub(crate) fn workspace_files(endings: &[&str]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(
        workspace(),
        &mut |path| path.extension().is_some_and(|ending| endings.iter().any(|expected| ending == *expected)),
        &mut files,
    );
    files
}

/// The scripts of the CI, which have no ending.
fn scripts() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&workspace().join(".ci"), &mut |path| path.extension().is_none(), &mut files);
    files
}

fn collect(folder: &Path, wanted: &mut dyn FnMut(&Path) -> bool, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !SKIPPED.contains(&&*name) {
                collect(&path, wanted, files);
            }
        } else if wanted(&path) {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let root = workspace().canonicalize().expect("the workspace");
            let path = path.canonicalize().expect("a file");
            files.push((path.strip_prefix(root).expect("a file of the workspace").display().to_string(), text));
        }
    }
}
