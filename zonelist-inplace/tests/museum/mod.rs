//! The museum: how Linux published its zonelists, version by version, each exhibit with the walk that
//! goes wrong.
//!
//! A file is an exhibit: a small, faithful model of one historic algorithm, with commit and year. Its
//! test finds what went wrong, holds the shortest timeline to the one that is kept beside it, and
//! shows that the scheme of ours which stands in that algorithm's place is free of it.

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

use zonelist_core::conformance::models::Hunt;

/// Something was found, and its shortest timeline is the one in the exhibit's folder.
///
/// With `ZONELIST_BLESS` in the environment, that one is written anew.
fn exhibited(hunt: &Hunt, exhibit: &str) {
    assert!(hunt.found > 0, "{exhibit}: what history found, the model does not");
    let timeline = hunt.shortest.as_ref().expect("found").to_string();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/museum").join(exhibit).with_extension("txt");
    if std::env::var_os("ZONELIST_BLESS").is_some() {
        fs::write(&kept, &timeline).unwrap();
    }
    let expected = fs::read_to_string(&kept).unwrap_or_default();
    assert_eq!(timeline, expected, "another timeline than in {}", kept.display());
}

/// It was looked for everywhere, and is nowhere.
fn absent(hunt: &Hunt) {
    assert_eq!(
        (hunt.found, hunt.explored.preemptions),
        (0, None),
        "{:?}",
        hunt.shortest.as_ref().map(ToString::to_string)
    );
}
