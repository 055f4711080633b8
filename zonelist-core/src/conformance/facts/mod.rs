//! Measurements of a scheme's facts by native runs. [`facts!`](crate::facts) compares them with
//! [`Scheme::FACTS`](crate::publish::Scheme::FACTS).
//!
//! Each fact has a function that takes the constructor of a scheme, and lists for it, and returns the measurement. A
//! function that may hang or crash ends its process with a verdict: [`child`] runs it in a child process. For Linux.

pub mod allocation;
pub mod below_allocator;
pub mod check;
pub mod child;
pub mod fork;
pub mod freestanding;
pub mod heap;
pub mod interrupt;
pub mod signals;
pub mod threads;

use core::cell::Cell;
use std::{env, thread_local, time::SystemTime};

pub use heap::Heap;

/// The verdict on a run without a failure.
pub const PASSED: &str = "passed";

/// The number of random cases: `long` in the long set, which `ZONELIST_LONG` selects, and a `less`-th of that
/// otherwise.
fn cases(long: u32, less: u32) -> u32 {
    if env::var_os("ZONELIST_LONG").is_some() { long } else { long.div_ceil(less) }
}

/// A random number below `below`, by xorshift: it varies the point at which a thread is stopped.
fn random(below: u32) -> u32 {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64);
    let mut state = if STATE.get() == 0 { now() | 1 } else { STATE.get() };
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    STATE.set(state);
    (state >> 32) as u32 % below
}
