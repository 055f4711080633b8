//! Where a scheme may be used: each fact by a test that runs the real thing.
//!
//! What may hang, or end in a crash, runs in a process of its own. What measures is
//! `zonelist_core::conformance::facts`, which a scheme of another package is held to its facts by too.

#![cfg(target_os = "linux")]

mod allocation;
mod alone;
mod child;
mod fork;
mod leaked;
mod panics;
mod progress;
mod retires;
mod signals;
mod threads;
mod waits;

#[global_allocator]
static HEAP: zonelist_core::conformance::facts::Heap = zonelist_core::conformance::facts::Heap;
