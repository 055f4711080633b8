//! What waits for what, where real threads, signals, forks and sandboxes are needed to show it.
//!
//! The rest is shown by a deterministic scheduler: `tests/blocking.rs` of each package, which `benches/verify` runs.

mod forked_operations;
mod forks;
mod leaks;
mod sandbox;
mod setup;
#[cfg(target_arch = "x86_64")]
mod steps;
