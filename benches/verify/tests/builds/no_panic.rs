//! The page allocator has no path to a panic without std: a program that calls every public function of it links with a
//! panic handler that calls an undefined function
//! ([`freestanding/src/allocator.rs`](../../freestanding/src/allocator.rs)).
//!
//! This is tested with each scheme that needs no heap, and with a heap that reports when it has no room. It is true of
//! release builds only: overflow checks make each sum a path to a panic. The other tests run with these checks.

use std::{fs, path::Path};

use zonelist_verify::{is_long, sources};

use super::freestanding::{cargo, package, runs, with_every_scheme};

#[test]
fn the_allocator_is_linked_without_a_way_to_panic_and_runs() {
    with_every_scheme().unwrap_or_else(|said| panic!("{said}"));
    runs("every");
    // Each needs a build of its own.
    let apart: &[&str] = if is_long() { &["checked", "heap", "checked,heap"] } else { &["checked,heap"] };
    for with in apart {
        cargo("build", "allocator", &format!("allocator,InPlace,{with}"))
            .unwrap_or_else(|said| panic!("{with}: {said}"));
        runs("allocator");
    }
    let said = cargo("build", "allocator", "allocator,InPlace,panics").expect_err("a path to a panic");
    assert!(said.contains("a_path_to_a_panic_is_left"), "{said}");
}

/// Public functions that the program does not call by name, and why.
const NOT_CALLED: [(&str, &str); 2] = [
    ("fixed", "for schemes that allocate"),
    // Functions of `ReadToken` and `Writer`, which only schemes get.
    ("step stop changing lock start_grace_period wait_grace_period", "the schemes call them"),
];

/// Modules that exist only with a heap, or for tests.
const OTHERS: [&str; 6] = ["conformance", "heap", "hotplug", "sync", "topology", "zonelist/owned"];

/// The names of the public functions in a file.
fn public_functions(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().take_while(|line| !line.starts_with("mod tests")).map(str::trim_start);
    lines.filter_map(|line| {
        let rest = line.strip_prefix("pub ")?;
        let rest = rest.strip_prefix("const ").unwrap_or(rest);
        let rest = rest.strip_prefix("unsafe ").unwrap_or(rest).strip_prefix("fn ")?;
        rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
    })
}

#[test]
fn the_program_calls_every_public_function() {
    let program: String =
        sources(&package().join("src")).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let words: std::collections::HashSet<_> =
        program.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../zonelist-core/src");
    let mut functions = 0;
    for file in sources(&core) {
        let path = file.strip_prefix(&core).unwrap().to_str().unwrap();
        if OTHERS.iter().any(|other| path.starts_with(other)) {
            continue;
        }
        for name in public_functions(&fs::read_to_string(&file).unwrap()) {
            let excepted = NOT_CALLED.iter().any(|(names, _)| names.split(' ').any(|other| other == name));
            assert!(excepted || words.contains(name), "{}: `{name}` is not called by the program", file.display());
            functions += 1;
        }
    }
    assert!(functions > 150, "{functions} functions found");
}
