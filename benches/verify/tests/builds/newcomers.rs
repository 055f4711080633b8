//! Messages of the kit for schemes as a first user may write them. The smallest scheme of the documentation passes. A
//! lock that loom does not see is named, and so is the fault of each of six faulty schemes. The schemes are in
//! [`newcomers`](../../newcomers/src/lib.rs), outside the workspace.

use std::{
    fs,
    path::Path,
    process::Output,
    thread,
    time::{Duration, Instant},
};

use zonelist_verify::in_parallel;

use super::own_scheme::{models, target};

/// Runs tests of one file. Returns whether they pass, their output, and the duration.
fn test(file: &str, arguments: &[&str], short: bool) -> (bool, String, Duration) {
    let mut cargo = zonelist_verify::cargo(&target());
    // With the folder and the flags of this workspace's models, so that their dependencies are not built again.
    cargo.env("ZONELIST_MODELS_DIR", models()).env("ZONELIST_MODELS_RUSTFLAGS", "--cfg crossbeam_loom");
    if short {
        cargo.env("ZONELIST_MODELS", "short");
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("newcomers");
    cargo.args(["test", "--locked", "--test", file, "--"]).args(arguments).current_dir(package);
    let begun = Instant::now();
    let Output { status, stdout, stderr } = cargo.output().expect("cargo");
    let said = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (status.success(), said, begun.elapsed())
}

/// The place of a line in the sources of the crate `newcomers`, as `path:number`.
fn at(file: &str, line: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("newcomers/src").join(file);
    let source = fs::read_to_string(&path).expect("a source");
    let number = source.lines().position(|text| text.contains(line)).unwrap_or_else(|| panic!("{line:?} in {file}"));
    format!("{}:{}", path.display(), number + 1)
}

/// Checks the failure of a scheme: its output has all of these words.
fn fails((scheme, words): &(&str, Vec<String>)) {
    let (passes, said, after) = test("schemes", &["--exact", scheme], false);
    assert!(!passes, "{scheme} passes:\n{said}");
    for word in words {
        assert!(said.contains(word), "{scheme}: {word:?} is not in\n{said}");
    }
    // Failures that would not name the fault.
    for unclear in ["SIGSEGV", "all walks showed the same"] {
        assert!(!said.contains(unclear), "{scheme}: {unclear:?} is in\n{said}");
    }
    println!("{scheme}: named after {:.1} s", after.as_secs_f32());
}

#[test]
fn a_newcomer_s_scheme_holds_or_what_is_wrong_with_it_is_named() {
    // The first run builds all schemes.
    let (passes, said, after) = test("schemes", &["--exact", "smallest"], true);
    assert!(passes, "{said}");
    println!("smallest: holds after {:.1} s", after.as_secs_f32());
    let explored = said.lines().filter(|line| line.contains("model smallest: ") && line.contains(" interleavings, "));
    assert!(explored.count() > 10, "{said}");

    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let with = |all: &[&str], at: String| [words(all), vec![at]].concat();
    let named = [
        ("held_lock", with(&["one waits for a lock that loom does not see"], at("elsewhere.rs", "count.load("))),
        (
            "hidden_lock",
            with(&["std::sync::Mutex: not explored; use zonelist_core::sync::Mutex"], at("hidden.rs", "use std::sync")),
        ),
        ("hidden_crate", words(&["no walk of Wrapped makes a step that loom sees, though it shows what is published"])),
        (
            "terminator_first",
            with(
                &[
                    "breaks Snapshot: ",
                    "A publish stores the end of its list first, before its zones, at",
                    "words 2 := 0",
                ],
                at("terminator_first.rs", "self.0.end("),
            ),
        ),
        (
            "old_length",
            words(&["shows [1/Normal, 0/Normal, 1/Normal]; the length of a list before it seems to be kept"]),
        ),
        (
            "freed_early",
            with(
                &["freed while a walk held it: the version made at", "@1 is freed"],
                at("freed_early.rs", "VersionBox::from_raw(old)"),
            ),
        ),
        (
            "relaxed_close",
            with(
                &["An ordering is too weak:\n  store as Relaxed at", ": with Release it holds.", "sequence := "],
                at("relaxed_close.rs", "self.sequence.store(number, Relaxed)"),
            ),
        ),
        (
            "wait_free_lock",
            words(&[
                " waits, and is said to be wait-free",
                "the step of the timeline that reads `is waited for` shows for what",
                " is waited for\n",
            ]),
        ),
        // Not a table of atomics: no hint at its terminator.
        ("emptied_first", words(&["breaks Snapshot: ", "\nA walk showed no zone, though every version has one.\n"])),
    ];
    // The first scheme runs concurrently with the others: it only waits until the kit reports that no thread makes a
    // step.
    let (waits, others) = named.split_at(1);
    thread::scope(|scope| {
        scope.spawn(|| waits.iter().for_each(fails));
        in_parallel(others, fails);
    });
}

#[test]
fn what_loom_does_not_see_is_named_however_it_is_spelled() {
    let (passes, said, _) = test("schemes", &["--exact", "spelled"], false);
    assert!(!passes, "{said}");
    let named: Vec<&str> =
        said.lines().filter_map(|line| line.split_once(": not explored; ")).map(|(what, _)| what).collect();
    let expected = [
        "std::cell::UnsafeCell",
        "std::sync::Mutex",
        "std::sync::atomic::AtomicBool",
        "std::sync::atomic::AtomicU32",
        "std::sync::mpsc",
        "std::sync::atomic::AtomicUsize",
        "std::sync::OnceLock",
        "cell::Cell",
        "Box::from_raw",
        "Box::into_raw",
    ];
    assert_eq!(named, expected, "{said}");
    assert!(said.contains("mpsc: not explored; expected atomics or locks of zonelist_core::sync"), "{said}");
}

#[test]
fn a_newcomer_s_facts_are_compared_with_measurements() {
    let facts = ["allocates", "no_alloc", "interrupt_safe", "registers", "retires"].map(|fact| format!("liar::{fact}"));
    let (passes, said, _) = test("facts", &facts.each_ref().map(String::as_str), false);
    assert!(!passes, "{said}");
    for (fact, outcome) in [
        ("allocates", "FAILED"),
        ("no_alloc", "FAILED"),
        ("interrupt_safe", "FAILED"),
        ("registers", "ok"),
        ("retires", "ok"),
    ] {
        assert!(said.contains(&format!("test liar::{fact} ... {outcome}")), "{fact}:\n{said}");
    }
    for fact in ["allocates", "no_std", "interrupt_safe"] {
        let sentence = format!("Liar: its FACTS.{fact} on the left, what was measured on the right");
        assert!(said.contains(&sentence), "{sentence:?} is not in\n{said}");
    }
    // Those that have to be equal to what is measured, of the scheme in the documentation.
    let equal = ["allocates", "registers", "retires", "stalled_reader"].map(|fact| format!("smallest::{fact}"));
    let (passes, said, _) = test("smallest", &equal.each_ref().map(String::as_str), false);
    assert!(passes && said.contains("4 passed"), "{said}");
}
