//! What waits for what, where real threads, signals, forks and sandboxes are needed to show it.
//!
//! The rest is shown by a deterministic scheduler, which `table` runs: `tests/blocking.rs` of each package.

#![cfg(target_os = "linux")]

#[path = "../common/cargo.rs"]
mod cargo;
#[path = "../facts/child.rs"]
#[allow(dead_code, reason = "each test needs a part of it")]
mod child;
mod forks;
#[path = "../heap/mod.rs"]
mod heap;
#[path = "../facts/interrupt.rs"]
#[allow(dead_code, reason = "each test needs a part of it")]
mod interrupt;
mod leaks;
mod sandbox;
mod setup;
#[cfg(target_arch = "x86_64")]
mod steps;
mod table;
