//! What several tests of recorded machines need.

use std::{fs, path::PathBuf};

/// Every recorded machine, by its file name.
pub(crate) fn goldens() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../goldens");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(files.len() >= 70, "{}: {} machines, expected at least 70", folder.display(), files.len());
    let read = |file: PathBuf| (file.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&file).unwrap());
    files.into_iter().map(read).collect()
}
