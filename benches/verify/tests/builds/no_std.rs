//! Which schemes can live without std and without a heap: a program with neither is linked with
//! each, and run ([`freestanding/src/main.rs`](../../freestanding/src/main.rs)).

use std::{
    path::Path,
    process::{Command, ExitStatus},
};

use zonelist_schemes::SchemeId;
use zonelist_verify::cargo;

/// Builds the program with a scheme; what the compiler says, if it does not.
fn build(scheme: &str) -> Result<(), String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("freestanding");
    let mut cargo = cargo(Path::new(&target()));
    cargo.args(["build", "--quiet", "--release", "--locked", "--features", scheme]).current_dir(package);
    let output = cargo.output().expect("cargo");
    output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

fn target() -> String {
    format!("{}/freestanding", env!("CARGO_TARGET_TMPDIR"))
}

fn run() -> ExitStatus {
    Command::new(format!("{}/release/freestanding", target())).status().expect("the program")
}

#[test]
fn a_scheme_runs_without_std_and_a_heap_where_it_says_so() {
    for scheme in SchemeId::all() {
        let (name, facts) = (scheme.name(), scheme.facts());
        // The program has no heap: what needs one can't be linked, whether or not it needs std.
        assert_eq!(facts.no_std, facts.no_alloc, "{name}: the program tells these apart for nobody");
        match build(name) {
            Ok(()) => {
                let status = run();
                println!("{name}: {status}");
                assert!(facts.no_std && status.success(), "{name}: {status}");
            }
            Err(said) => {
                let error = said.lines().find(|line| line.starts_with("error")).unwrap_or_default();
                println!("{name}: {error}");
                assert!(!facts.no_std, "{name}: {said}");
                // Two panic handlers: the program's, and that of the std that came with the scheme.
                assert!(error.contains("panic_impl"), "{name}: {said}");
            }
        }
    }
}
