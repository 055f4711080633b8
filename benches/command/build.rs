//! Passes the compiler, the profile and the commit to the command, which prints them with each measurement.

use std::{env, path::Path, process::Command};

fn main() {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    println!("cargo::rustc-env=ZONELIST_COMPILER={}", printed(&variable("RUSTC"), &["--version"]).unwrap_or_default());
    println!("cargo::rustc-env=ZONELIST_PROFILE={} (opt-level {})", variable("PROFILE"), variable("OPT_LEVEL"));
    // A package outside a repository has no commit.
    let Some(folder) = printed("git", &["rev-parse", "--absolute-git-dir"]) else { return };
    let Some(commit) = printed("git", &["rev-parse", "--short=12", "HEAD"]) else { return };
    let has_changes = printed("git", &["status", "--porcelain", "--untracked-files=no"]).is_some();
    println!("cargo::rustc-env=ZONELIST_COMMIT={commit}{}", if has_changes { "+" } else { "" });
    // The log has a line for each commit. Changes are seen if they are in the sources of a library or of this package.
    for path in ["HEAD", "logs/HEAD"].map(|file| Path::new(&folder).join(file)).into_iter().filter(|path| path.exists())
    {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    for sources in ["benches", "zonelist-core", "zonelist-epoch", "zonelist-seq", "zonelist-inplace"] {
        println!("cargo::rerun-if-changed=../../{sources}");
    }
}

/// What a program prints, without the last line break; `None` if it fails or prints nothing.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
