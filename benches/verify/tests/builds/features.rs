//! The features of a `cargo test` are those of the build that its models explore. The crate is
//! [`newcomers`](../../newcomers/src/lib.rs), which has a fault with the feature `fault` only.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use super::own_scheme::{models, target};

/// Runs a command in the crate. Returns whether it succeeds, and its output.
fn output(command: &mut Command) -> (bool, String) {
    // With the folder and the flags of this workspace's models, so that their dependencies are not built again.
    command.env("ZONELIST_MODELS_DIR", models()).env("ZONELIST_MODELS_RUSTFLAGS", "--cfg crossbeam_loom");
    command.env("ZONELIST_MODELS", "short").env_remove("ZONELIST_MODELS_FEATURES");
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("newcomers"));
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let said = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (status.success(), said)
}

/// Runs or builds one test file with these arguments of cargo.
fn test(file: &str, arguments: &[&str]) -> (bool, String) {
    output(zonelist_verify::cargo(&target()).args(["test", "--locked", "--test", file]).args(arguments))
}

#[test]
fn models_explore_the_features_of_the_outer_build() {
    let (passes, said) = test("by-feature", &[]);
    assert!(passes && said.contains("features: none\n"), "{said}");
    for file in ["by-feature", "required"] {
        let (passes, said) = test(file, &["--features", "fault"]);
        assert!(!passes, "{file} passes:\n{said}");
        for words in ["features: fault\n", "breaks Snapshot: ", "A publish stores the end of its list first"] {
            assert!(said.contains(words), "{file}: {words:?} is not in\n{said}");
        }
    }
}

#[test]
fn models_of_unknown_features_are_refused() {
    let (builds, said) = test("by-feature", &["--no-run"]);
    let path =
        said.lines().find_map(|line| line.trim().strip_prefix("Executable tests/by-feature.rs (")?.strip_suffix(')'));
    let built = path.unwrap_or_else(|| panic!("builds: {builds}\n{said}"));
    // Away from cargo's record of the build.
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("copied");
    fs::copy(built, &copy).expect("a copy");
    let (passes, said) = output(&mut Command::new(&copy));
    assert!(
        !passes && said.contains("model by_feature is not explored: the features of this build are not known"),
        "{said}"
    );
}
