//! The page of this crate shows what the lines say of each faulty scheme. Here they are run, and their output is compared.

use std::{env, process::Command};

/// The first line of a block of the page begins with this. A test file and a test follow.
const BLOCK: &str = "```text,";

/// The output of a test that must fail.
fn failure(file: &str, test: &str) -> String {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // A failure of the long set is not shown earlier than one of the short set.
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env("ZONELIST_MODELS", "short");
    let output = cargo.args(["test", "--test", file, "--", "--exact", test]).output().expect("cargo runs");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(!output.status.success(), "{test} passes:\n{said}");
    said
}

#[test]
fn the_page_shows_what_the_lines_say() {
    let page = include_str!("../README.md");
    let mut blocks = 0;
    for block in page.split(BLOCK).skip(1) {
        let (title, rest) = block.split_once('\n').expect("a title");
        let (shown, _) = rest.split_once("\n```").expect("the end of a block");
        let (file, test) = title.split_once(',').expect("a test file and a test");
        let said = failure(file, test);
        // The parts follow each other, with other lines between them.
        let mut rest = &said[..];
        for part in shown.split("\n...\n") {
            let at =
                rest.find(part).unwrap_or_else(|| panic!("{test}: not in its output:\n{part}\nThe output:\n{said}"));
            rest = &rest[at + part.len()..];
        }
        blocks += 1;
    }
    assert_eq!(blocks, 6);
}

#[test]
fn the_scheme_has_fewer_than_60_lines_of_code() {
    let code = include_str!("../src/one_word.rs").lines().map(str::trim);
    let lines = code.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    assert!(lines < 60, "{lines}");
}
