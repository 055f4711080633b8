//! What tests of several packages need: which set is asked for, and a cargo for builds of their own, as in `tests/`.

use std::{
    env,
    path::Path,
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A cargo that is not disturbed by what the cargo around a test, or its user, has set for it, and
/// that builds into a folder of its own.
#[must_use]
pub fn cargo(target: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("LOOM_") || ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CARGO_BUILD_TARGET"].contains(&&*name)
        {
            cargo.env_remove(&*name);
        }
    }
    cargo.env("CARGO_TARGET_DIR", target);
    cargo
}

/// Whether the long set is asked for, by `ZONELIST_LONG`: `cargo xtask long` sets it.
#[must_use]
pub fn is_long() -> bool {
    env::var_os("ZONELIST_LONG").is_some()
}

/// How often something random is tried: so often in the long set, and a number of times less often in the short one.
#[must_use]
pub fn cases(long: u32, less: u32) -> u32 {
    if is_long() { long } else { long.div_ceil(less) }
}

/// The packages that are the library.
pub const LIBRARIES: [&str; 4] = ["zonelist-core", "zonelist-seq", "zonelist-inplace", "zonelist-epoch"];

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Does something with each, on as many threads as there are CPUs.
pub fn in_parallel<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    at_once(thread::available_parallelism().map_or(2, usize::from), items, work)
}

/// Does something with each, on so many threads. Returns what came of each, in their order.
///
/// # Panics
/// `work` does.
pub fn at_once<I: Sync, T: Send>(threads: usize, items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { break };
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
