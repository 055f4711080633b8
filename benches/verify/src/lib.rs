//! Helpers of tests in several packages: the choice of the short or long set, and a cargo for builds of their own.

pub mod failure;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A cargo that builds into a folder of its own, without the compiler flags and loom settings of the environment.
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

/// True if `ZONELIST_LONG` selects the long set: `cargo xtask long` sets it.
#[must_use]
pub fn is_long() -> bool {
    env::var_os("ZONELIST_LONG").is_some()
}

/// The number of random cases: `long` in the long set, and a `less`-th of that in the short set.
#[must_use]
pub fn cases(long: u32, less: u32) -> u32 {
    if is_long() { long } else { long.div_ceil(less) }
}

/// The packages of the library.
pub const LIBRARIES: [&str; 4] = ["zonelist-core", "zonelist-seq", "zonelist-inplace", "zonelist-epoch"];

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Folders that are not written by hand: builds, and records of kernels.
const GENERATED: [&str; 4] = ["target", ".git", "goldens", "built-in"];

/// All files below a folder that are written by hand.
///
/// # Panics
/// If a folder can't be read.
#[must_use]
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let (folders, mut files): (Vec<_>, Vec<_>) =
        entries.map(|entry| entry.expect("an entry").path()).partition(|path| path.is_dir());
    let by_hand = folders.iter().filter(|folder| !GENERATED.iter().any(|generated| folder.ends_with(generated)));
    files.extend(by_hand.flat_map(|folder| files_below(folder)));
    files
}

/// The Rust sources below a folder.
///
/// # Panics
/// If a folder can't be read.
#[must_use]
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    files_below(folder).into_iter().filter(|file| file.extension().is_some_and(|end| end == "rs")).collect()
}

/// Calls `work` for each item, on as many threads as there are CPUs. Returns the results in the sequence of the items.
///
/// # Panics
/// If `work` panics.
pub fn in_parallel<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    at_once(thread::available_parallelism().map_or(2, usize::from), items, work)
}

/// Calls `work` for each item, on `threads` threads. Returns the results in the sequence of the items.
///
/// # Panics
/// If `work` panics.
pub fn at_once<I: Sync, T: Send>(threads: usize, items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    // Relaxed: only the number counts. The lock orders the results.
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
