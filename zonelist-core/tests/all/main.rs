//! The tests of this package that need no program of their own: a folder for each part of the library.
#![cfg(not(loom))]

mod auto_traits;
mod checker;
mod hostile;
mod hotplug;
mod identity;
mod locking;
mod made_up;
mod page_alloc;
mod publish;
#[cfg(all(target_os = "linux", not(miri)))]
mod statics;
mod stress;
mod support;
mod unchecked_values;
mod zone;

/// The number of cases of a random test: `long` in the long set of tests (`ZONELIST_LONG`), and the `less`th part of
/// that in the short set.
fn cases(long: u32, less: u32) -> u32 {
    if is_long() { long } else { long.div_ceil(less) }
}

fn is_long() -> bool {
    std::env::var_os("ZONELIST_LONG").is_some()
}
