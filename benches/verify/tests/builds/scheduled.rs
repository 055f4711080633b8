//! Tests under shuttle, a deterministic scheduler: built with a cfg of their own, into one folder.

use std::{path::Path, process::Command};

use zonelist_verify::{LIBRARIES, cargo, workspace};

/// The cargo command that runs `tests/<test>.rs` of each package under the scheduler.
pub(crate) fn scheduled(test: &str) -> Command {
    let mut cargo = cargo(&Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("progress"));
    cargo.env("RUSTFLAGS", "--cfg shuttle").current_dir(workspace());
    cargo.args(["test", "--locked", "--profile", "loom", "--test", test]);
    cargo.args(LIBRARIES.iter().flat_map(|package| ["--package", package]));
    cargo
}
