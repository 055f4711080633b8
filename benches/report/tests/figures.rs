//! The documents quote the results file, and show its picture.

use std::{fs, path::Path};

use zonelist_report::{
    documents::{DocumentError, outdated},
    figures::{PICTURE, QUOTED},
    results::{ReadError, Results},
};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixture.json");

#[test]
fn every_figure_of_the_documents_is_that_of_the_results_file() {
    let outdated = outdated(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
    let paths: Vec<_> = outdated.iter().map(|(path, _)| path.display().to_string()).collect();
    assert!(paths.is_empty(), "run `cargo xtask figures`, which rewrites: {}", paths.join(", "));
}

#[test]
fn the_page_of_presence_has_the_time_of_a_whole_walk() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let results = Results::read(&root.join(QUOTED)).unwrap();
    let presence = results.compare.schemes.iter().find(|it| it.scheme == "Presence").unwrap();
    let ratios = || presence.full_walk.values().map(|walk| walk.ratio);
    let [least, most] = [ratios().fold(f64::MAX, f64::min), ratios().fold(0.0, f64::max)];
    let expected = format!("{least:.1} to {most:.1} times its time");
    let page = fs::read_to_string(root.join("zonelist-inplace/README.md")).unwrap();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&expected), "expected in zonelist-inplace/README.md: {expected}");
}

/// A workspace of one document with an old block, and of a results file.
fn workspace(document: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for path in [QUOTED, PICTURE] {
        fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
    }
    fs::copy(FIXTURE, root.path().join(QUOTED)).unwrap();
    fs::write(root.path().join("README.md"), "No figures.\n").unwrap();
    fs::write(root.path().join("docs/page.md"), document).unwrap();
    root
}

#[test]
fn an_old_block_and_a_missing_picture_are_outdated_until_they_are_written() {
    let root = workspace("<!-- figures: compare-publishes -->\nold\n<!-- end of figures -->\n");
    let old = outdated(root.path()).unwrap();
    let paths: Vec<_> = old.iter().map(|(path, _)| path.strip_prefix(root.path()).unwrap()).collect();
    assert_eq!(paths, [Path::new("docs/page.md"), Path::new(PICTURE)]);
    old.iter().for_each(|(path, text)| fs::write(path, text).unwrap());
    assert_eq!(outdated(root.path()).unwrap(), []);
    // The picture serves dark paper without the page, and needs no other file.
    let picture = fs::read_to_string(root.path().join(PICTURE)).unwrap();
    assert!(picture.contains("@media (prefers-color-scheme: dark)") && !picture.contains("<image"), "{picture}");
    assert_eq!(picture.matches("http").count(), picture.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
}

#[test]
fn a_block_without_an_end_is_named() {
    let root = workspace("text\n<!-- figures: compare -->\n");
    let error = outdated(root.path()).unwrap_err();
    assert!(matches!(error, DocumentError::Block(..)), "{error:?}");
    assert!(error.to_string().contains("page.md: line 2: figures without an end"), "{error}");
}

#[test]
fn another_file_is_no_results_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.json");
    assert!(matches!(Results::read(&file), Err(ReadError::Read { .. })));
    fs::write(&file, "{\"format\": 1}").unwrap();
    let error = Results::read(&file).unwrap_err();
    assert!(
        matches!(error, ReadError::Content { .. }) && error.to_string().contains("format: invalid type"),
        "{error}"
    );
    let other = fs::read_to_string(FIXTURE).unwrap().replace("zonelist-results-1", "zonelist-results-0");
    fs::write(&file, other).unwrap();
    assert!(matches!(Results::read(&file), Err(ReadError::Format { .. })));
}
