//! The cargo that tests run, for builds of their own: in `tests/`.

use std::{env, path::Path, process::Command};

/// A cargo that is not disturbed by what the cargo around a test, or its user, has set for it, and
/// that builds into a folder of its own.
#[must_use]
pub fn cargo(target: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("LOOM_") || ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CARGO_BUILD_TARGET"].contains(&&*name)
        {
            cargo.env_remove(&*name);
        }
    }
    cargo.env("CARGO_TARGET_DIR", target);
    cargo
}
