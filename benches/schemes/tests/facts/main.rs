//! Where a scheme may be used: each fact by a test that runs the real thing.
//!
//! What may hang, or end in a crash, runs in a process of its own.

#![cfg(target_os = "linux")]

mod allocation;
mod alone;
mod child;
mod fork;
mod heap;
mod interrupt;
mod leaked;
mod panics;
mod progress;
mod retires;
mod signals;
mod threads;
mod waits;
