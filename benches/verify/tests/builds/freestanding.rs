//! Builds of the programs of [`freestanding`](../../freestanding/Cargo.toml), into one folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use zonelist_schemes::SchemeId;

/// The folder of their package.
pub(crate) fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("freestanding")
}

fn target() -> String {
    format!("{}/freestanding", env!("CARGO_TARGET_TMPDIR"))
}

/// Builds or checks a program with these features.
///
/// # Errors
/// The messages of the compiler, if the build fails.
pub(crate) fn cargo(command: &str, program: &str, features: &str) -> Result<(), String> {
    let mut cargo = zonelist_verify::cargo(Path::new(&target()));
    cargo.args([command, "--quiet", "--release", "--locked", "--bin", program, "--features", features]);
    let output = cargo.current_dir(package()).output().expect("cargo");
    output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Links both programs with all the schemes that need no std, once for all tests.
pub(crate) fn with_every_scheme() -> Result<(), &'static str> {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    let build = || {
        let schemes: Vec<_> = SchemeId::all().into_iter().filter(|scheme| scheme.facts().no_std).collect();
        assert_eq!(schemes.len(), 7, "schemes that need no std");
        let features: String = schemes.iter().map(|scheme| format!("{},", scheme.name())).collect();
        cargo("build", "freestanding", &features)?;
        cargo("build", "allocator", &format!("allocator,{features}"))?;
        // Under another name, since other tests build the program with other features.
        std::fs::rename(format!("{}/release/allocator", target()), format!("{}/release/every", target()))
            .map_err(|error| error.to_string())
    };
    BUILT.get_or_init(build).as_ref().map_err(String::as_str).copied()
}

/// Runs a program.
///
/// # Panics
/// If the program fails.
pub(crate) fn runs(program: &str) {
    let status = Command::new(format!("{}/release/{program}", target())).status().expect("the program");
    assert!(status.success(), "{program}: {status}");
}
