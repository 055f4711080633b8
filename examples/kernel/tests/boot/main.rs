//! Builds the kernel with both schemes, boots it with one and four CPUs, and checks what it prints.
//!
//! Without qemu it reports that it skipped the boots; with `ZONELIST_STRICT=1` that is a failure. With `ZONELIST_BLESS=1`
//! it rewrites the picture of the screen.

mod qemu;
mod screen;
mod svg;

use std::{env, process::ExitCode};

/// The target of a kernel without an operating system, which is built where it is installed.
const BARE: &str = "x86_64-unknown-none";

fn main() -> ExitCode {
    match run() {
        Ok(skipped) if skipped && env::var_os("ZONELIST_STRICT").is_some() => {
            println!("failed: ZONELIST_STRICT is set, and a part was skipped");
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether a part was skipped.
fn run() -> Result<bool, String> {
    let can_boot = qemu::is_installed();
    if !can_boot {
        println!("skipped: {} is not installed, so no kernel was booted", qemu::QEMU);
    }
    let has_bare = qemu::has_target(BARE);
    if !has_bare {
        println!("skipped: the target {BARE} is not installed");
    }
    for scheme in ["Presence", "Qsbr"] {
        let targets = [None, Some(BARE)].into_iter().take(1 + usize::from(has_bare));
        for target in targets {
            let kernel = qemu::build(scheme, target)?;
            for cpus in [1, 4].into_iter().filter(|_| can_boot) {
                let printed = qemu::boot(&kernel, cpus)?;
                let seen = screen::check(&printed, scheme, cpus).map_err(|error| format!("{error}, in\n{printed}"))?;
                println!("{scheme}, {cpus} CPUs, target {}: {seen}", target.unwrap_or("of the host"));
                if (scheme, cpus, target) == ("Presence", 4, None) {
                    svg::check(&printed)?;
                }
            }
        }
    }
    Ok(!can_boot || !has_bare)
}
