//! The tests of this package that need no program of their own: a folder for each part of the library.
#![cfg(not(loom))]

mod arena;
mod checker;
mod hostile;
mod hotplug;
mod identity;
mod lock;
mod offline;
mod ownership;
mod pages;
mod publish;
mod stress;
mod support;
mod zone;

/// How often something random is tried: so often in the long set of tests, which `ZONELIST_LONG` asks for, and a number
/// of times less often in the short one.
fn cases(long: u32, less: u32) -> u32 {
    if is_long() { long } else { long.div_ceil(less) }
}

fn is_long() -> bool {
    std::env::var_os("ZONELIST_LONG").is_some()
}
