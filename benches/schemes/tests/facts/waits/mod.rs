//! What waits for what, as far as the tests need real threads, signals, forks and sandboxes.
//!
//! Tests under a deterministic scheduler show the rest: `tests/blocking.rs` of each package, which `benches/verify`
//! runs.

mod forks;
mod leaks;
mod sandbox;
mod setup;
#[cfg(target_arch = "x86_64")]
mod steps;
