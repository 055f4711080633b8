//! The museum: models of how Linux published its zonelists, version by version, each with its bug.
//!
//! A file is an exhibit: a small, faithful model of one historic algorithm, with commit and year. Its test does three
//! things. It finds the bug, compares the shortest timeline with the `.txt` beside the file, and shows that our scheme
//! of that algorithm's kind does not have the bug.

mod cleared_first;
mod cookie;
mod kernel;
mod seqlock;
mod shown;
mod stale_cursor;
mod stopped;
mod tail;
mod two_words;

use std::{fs, path::Path};

use zonelist_core::conformance::models::FailureSearch;

/// Asserts that a bug was found, and that its shortest timeline is the one in the exhibit's `.txt`.
///
/// With `ZONELIST_BLESS` in the environment, that file is written first.
fn exhibited(search: &FailureSearch, exhibit: &str) {
    assert!(search.found > 0, "{exhibit}: the model does not find the bug that Linux had");
    let timeline = search.shortest.as_ref().expect("found").to_string();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/museum").join(exhibit).with_extension("txt");
    if std::env::var_os("ZONELIST_BLESS").is_some() {
        fs::write(&kept, &timeline).unwrap();
    }
    let expected = fs::read_to_string(&kept).unwrap_or_default();
    assert_eq!(timeline, expected, "another timeline, expected the one in {}", kept.display());
}

/// Asserts that every interleaving was explored, and none has the bug.
fn absent(search: &FailureSearch) {
    assert_eq!(
        (search.found, search.explored.preemptions),
        (0, None),
        "{:?}",
        search.shortest.as_ref().map(ToString::to_string)
    );
}
