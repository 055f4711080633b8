//! Tests of each fact of each scheme, in real threads, signals, forks and processes.
//!
//! Tests that may hang or crash run in a process of their own. The measurements are those of
//! `zonelist_core::conformance::facts`, which also test schemes of other packages.

#![cfg(target_os = "linux")]

mod allocation;
mod alone;
mod child;
mod fork;
mod guide;
mod leaked;
mod panics;
mod progress;
mod reclaim;
mod remembered;
mod signals;
mod threads;
mod waits;

#[global_allocator]
static HEAP: zonelist_core::conformance::facts::Heap = zonelist_core::conformance::facts::Heap;
