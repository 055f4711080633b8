//! Facts of a scheme, found out by running the real thing: what a scheme says of itself in
//! [`Scheme::FACTS`](crate::publish::Scheme::FACTS) is held to these by [`facts!`](crate::facts).
//!
//! Each fact is a function of what makes a scheme, and of lists for it, that returns what it measured. What may hang, or
//! end in a crash, ends its process with a verdict: [`child`] runs it in one of its own. For Linux.

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

/// The verdict on what ends as it should.
pub const WELL: &str = "does well";

/// How often something random is tried: a number of times less often unless `ZONELIST_LONG` asks for the long set.
fn cases(long: u32, less: u32) -> u32 {
    if env::var_os("ZONELIST_LONG").is_some() { long } else { long.div_ceil(less) }
}

/// A random number below another: so that nothing is stopped at the same point each time.
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
