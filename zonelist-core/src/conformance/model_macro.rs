//! The macro `model!`, which explores a scheme by one line, and the functions that it calls.

#[cfg(not(loom))]
use super::outer_build::{OuterBuild, features};

/// Explores a scheme by loom, and holds it to its facts: a test for each shape of
/// [`conformance::models::suite`](crate::conformance).
///
/// ```text
/// zonelist_core::model!(my_scheme: MyScheme = MyScheme::new(ROOM));
/// ```
///
/// # First steps
///
/// 1. `Cargo.toml`: `zonelist-core` under `[dependencies]`, and again under `[dev-dependencies]` with
///    `features = ["model"]`. The package has to be a library, of any name.
/// 2. `src/lib.rs`: the scheme. The example of [`Scheme`](crate::publish::Scheme) is one, word for word.
/// 3. `tests/models.rs`: an import of the scheme (`use my_crate::MyScheme;`) and the line above. `ROOM`,
///    [a node and four zones](crate::conformance::ROOM), is in scope for the scheme's table.
/// 4. `cargo test --test models`. It builds that file once more under `--cfg loom`, in a folder `models` beside `debug`
///    and `release`, and runs its models: every interleaving of readers and publishers that threads and the memory
///    model allow, each walk judged by the scheme's own [`FACTS`](crate::publish::Scheme::FACTS).
/// 5. The rest of the facts: the macro `facts!`, with the feature `facts` beside `model`, in a file `tests/facts.rs`.
///
/// # How far a scheme is explored
///
/// The scheme is made anew for each interleaving. There are three stages, and the first shape that fails ends the run:
///
/// 1. The probe, which takes no time: whether loom sees the steps of the scheme.
/// 2. The *short set*, a thousand interleavings of each shape. It finds most faults of a scheme of one table within a
///    minute, its build included.
/// 3. The long set, which takes from seconds to minutes. Some faults need its larger number of interleavings, such as a
///    double buffer that is written over too early.
///
/// `ZONELIST_MODELS=short cargo test` ends behind the short set, and goes on to all shapes where one fails.
/// `ZONELIST_MODELS=exhaustive` has no bound. With `retires` in front of the name, as in
/// `model!(retires my_scheme: MyScheme = ..)`, the scheme is also held to grace periods.
///
/// # What a scheme takes from `zonelist_core::sync`
///
/// loom sees only the types that it replaces. So that the same source is explored and runs:
///
/// | in place of | take |
/// |---|---|
/// | `core::sync::atomic::*` | [`sync::atomic`](crate::sync::atomic) |
/// | `std::sync::{Mutex, RwLock}` and their guards | [`sync::{Mutex, RwLock}`](crate::sync), with the same calls; without std [`Locked`](crate::sync::Locked) |
/// | `core::cell::UnsafeCell` | [`sync::UnsafeCell`](crate::sync::UnsafeCell) |
/// | a `Box` whose pointer readers share | [`sync::VersionBox`](crate::sync::VersionBox), and a [`VersionRef`](crate::sync::VersionRef) for each walk |
/// | a loop that spins | [`sync::Backoff`](crate::sync::Backoff) in it |
/// | `SeqCst` loads and stores that have to be seen in one order | [`fence(SeqCst)`](crate::sync::atomic::fence) between them |
/// | nothing: a table of atomics that is written over | a [`sync::Track`](crate::sync::Track) beside it, which each walk reads and each rewrite writes: loom then takes the two for plain memory, and finds a rewrite that nothing orders behind a walk |
///
/// Without loom these are the items of `core` and `std` themselves, or cost nothing. Under loom no constructor is
/// `const`: an array is made by [`core::array::from_fn`]. Names of the left column in the files that define the scheme
/// are reported before anything is explored. A comment with the words `not explored` on that line, or in the comment above,
/// permits the name.
///
/// # Messages
///
/// | message | meaning |
/// |---|---|
/// | `std::sync::RwLock: not explored; use zonelist_core::sync::RwLock` | loom does not see it: the table above |
/// | `no walk of S makes a step that loom sees` | loom does not see a type in a crate that the scheme uses |
/// | `for 10 s no thread has made a step` | a thread has a lock that loom does not see, and another waits for it |
/// | `a walk after a publish of [..], with no publish under way, shows [..]` | the walk is wrong without any other thread |
/// | `a walk of [..] breaks Snapshot: missed` | a walk breaks the guarantee, by this anomaly |
/// | `An ordering is too weak: store as Relaxed at ..: with Release it holds` | no other fault was found |
/// | `It fails whatever the orderings are` | the model fails also with each access as strong as loom has them: a step is missing or in the wrong order, or a `fence(SeqCst)` is missing |
/// | `freed while a walk held it` | a [`VersionBox`](crate::sync::VersionBox) was dropped too early; or nothing orders the drop behind the end of the walk, as where a count is decremented by `Relaxed` |
/// | `Causality violation: Concurrent read and write accesses` | nothing orders two accesses of an [`UnsafeCell`](crate::sync::UnsafeCell) or a [`Track`](crate::sync::Track); no ordering is named for these |
/// | `an allocation is refused wrongly` | a request found no zone, though some zone of every version serves it |
/// | `exceeded maximum number of branches` | a thread waits for what no other thread will do: a publish waits for a reader that reports nothing, or for itself |
/// | `a reader waits, and is said to be wait-free` | the facts promise more than the scheme does: it takes a lock or waits by a [`Backoff`](crate::sync::Backoff). A loop without either is not seen |
/// | `the features of this build are not known` | [below](#the-build-that-is-explored) |
/// | `all walks showed the same` | no publish met a walk, though a thousand interleavings were explored |
///
/// A failure leaves a *timeline*: a column for each thread, a line for each step, with the fewest changes from one
/// thread to another. Atomics are called by the field or variable that they are made for, or else by the type in whose
/// `impl` they are made. A word that is a zoneref is shown as its zone, and a pointer as `@1`, `@2`, and so on. The
/// objects `active`, `request`, `acknowledged`, `requested`, `stickyerror` and the first `spin` are those of
/// [`Published`](crate::publish::Published), and not the scheme's.
///
/// # What it does not see
///
/// - A thread that stores to an atomic behind a load of its own of the *same* atomic: loom never shows another thread
///   the value before. A writer should keep what it stored, as behind a lock or in a cell of its own, and not load it
///   back. Read-modify-writes are explored.
/// - Barriers that the system runs in other threads: they are in the kernel. This macro has a full fence on both sides
///   around the scheme ([`FullFence`](crate::publish::FullFence)). The schemes of this workspace are also explored with
///   a model of `membarrier(2)`: a fence in each other thread at some point of the call ([what was
///   explored](crate::conformance::explored)). That the kernel does so is assumed. A barrier pair of another crate is
///   not explored: its contract is that of [`Barrier`](crate::publish::Barrier).
/// - A load that moves behind a later store of the same thread to another atomic (load buffering), and values out of
///   thin air. `SeqCst` on a load or store counts as acquire and release; only fences are sequentially consistent.
/// - Reuse of memory: an address is used once in an interleaving, so that no pointer is taken for an older one (ABA).
/// - Faults that need more than a few threads, publishes and zones. The shapes, and how far each was explored, are
///   printed.
/// - Time, signals, forks and the heap: the macro `facts!`, with the feature `facts`.
///
/// # The build that is explored
///
/// | of the outer `cargo test` | in the build under loom |
/// |---|---|
/// | `--features`, `--all-features`, `--no-default-features`, features that another member of the workspace enables | the same features of the package, which are printed |
/// | `dependency/feature` | not passed on: enable it by a feature of the package, as `checked = ["zonelist-core/checked"]` |
/// | `--target` | the same |
/// | `--cfg` in `RUSTFLAGS` or a configuration file | the same; no other flag |
/// | `--release`, `--profile` | always the profile `loom`: optimised, with debug assertions |
/// | `--target-dir`, `CARGO_TARGET_DIR` | the folder `models` within it, or `ZONELIST_MODELS_DIR` |
/// | versions | those of the lock file, always `--locked` |
/// | `--offline` | not passed on: `CARGO_NET_OFFLINE=true`, after a `cargo fetch`, which also fetches loom |
/// | `--config`, `--manifest-path` | not passed on |
///
/// The features are those of cargo's record of the test program, beside that program. Without a record, as where the
/// program was copied, the models of a package with features are refused, and `ZONELIST_MODELS_FEATURES=one,two` names
/// those to explore; an empty value stands for none. It also takes precedence over the record.
#[cfg(not(loom))]
#[macro_export]
macro_rules! model {
    (retires $name:ident: $scheme:ty = $make:expr) => {
        $crate::model!($name: $scheme = $make);
    };
    ($name:ident: $scheme:ty = $make:expr) => {
        #[test]
        fn $name() {
            #[allow(unused_imports, reason = "a scheme's maker may need it")]
            use $crate::conformance::ROOM;

            // A type error is reported before anything is built under loom.
            let _: fn() -> $scheme = || $make;
            let (package, scheme) = (env!("CARGO_MANIFEST_DIR"), core::any::type_name::<$scheme>());
            $crate::conformance::expect_explored(package, stringify!($name), scheme);
            $crate::conformance::run_models(package, env!("CARGO_CRATE_NAME"), stringify!($name));
        }
    };
}

/// Explores a scheme by loom: the form that the macro has under loom, a module with a test for each shape.
#[cfg(loom)]
#[macro_export]
macro_rules! model {
    (retires $name:ident: $scheme:ty = $make:expr) => {
        $crate::model!(@ $name: $scheme = $make; a_grace_period);
    };
    ($name:ident: $scheme:ty = $make:expr) => {
        $crate::model!(@ $name: $scheme = $make;);
    };
    (@ $name:ident: $scheme:ty = $make:expr; $($more:ident)?) => {
        mod $name {
            #[allow(unused_imports, reason = "a scheme's maker may need them")]
            use {super::*, $crate::conformance::ROOM};

            fn make() -> $scheme {
                $make
            }

            $crate::model!(@ $name
                a_reader_and_a_publisher
                a_list_that_was_longer
                two_readers
                two_publishers
                an_early_exit
                a_walk_across_publishes
                two_walks
                a_reader_that_comes_and_goes
                a_remembered_zone
                the_races_of_2022
                an_allocation_at_the_tail
                an_interrupt
                $($more)?
            );
        }
    };
    (@ $name:ident $($shape:ident)*) => {
        $(
            #[test]
            fn $shape() {
                $crate::conformance::models::probe(stringify!($name), env!("CARGO_MANIFEST_DIR"), make);
                $crate::conformance::models::suite::$shape(stringify!($name), make);
            }
        )*
    };
}

/// Searches the sources that define a scheme for names that loom does not see, before anything is built: see
/// [`model!`](crate::model).
///
/// # Panics
/// If there is such a name.
#[cfg(not(loom))]
pub fn expect_explored(package: &str, model: &str, scheme: &str) {
    let unseen = super::sources::unseen(package, scheme);
    let lines: std::string::String = unseen.iter().map(|unseen| std::format!("\n{unseen}")).collect();
    assert!(unseen.is_empty(), "model {model} is not explored:{lines}\n");
}

/// Builds a test file under loom's cfg, and runs the models of that name in it.
///
/// Called by [`model!`](crate::model). The output is cargo's. The build has the features of the test program that calls
/// this, its target, and each `--cfg` of its compiler flags. `ZONELIST_MODELS_FEATURES` in the environment names other
/// features. `ZONELIST_MODELS_DIR` sets the build folder. `ZONELIST_MODELS_RUSTFLAGS` adds compiler flags, for crates
/// that need a cfg of their own to be modelled, such as `--cfg crossbeam_loom`.
///
/// # Panics
/// If the features are not known, if the file does not build, or if a model fails.
#[cfg(not(loom))]
pub fn run_models(package: &str, test: &str, models: &str) {
    use std::{env, io::Write as _, path::Path};

    let exe = env::current_exe().expect("the path of this test");
    let outer = OuterBuild::of(&exe);
    let asked = env::var("ZONELIST_MODELS_FEATURES").ok();
    let features = features(Path::new(package), asked.as_deref(), outer.as_ref());
    let features = features.unwrap_or_else(|why| panic!("model {models} is not explored: {why}")).join(",");
    let mut run = loom_cargo(package, &exe, outer.as_ref());
    run.args(["test", "--profile", "loom", "--no-default-features", "--features", &features]);
    // The outer cargo has brought the lock file up to date, for all targets and cfgs.
    run.arg("--locked");
    // Only of this package, also where it is the root of a workspace.
    env::var_os("CARGO_PKG_NAME").into_iter().for_each(|name| _ = run.arg("--package").arg(name));
    if let Some(target) = outer.as_ref().and_then(|outer| outer.target.as_ref()) {
        run.args(["--target", target]);
    }
    run.args(["--test", outer.as_ref().map_or(test, |outer| &outer.test), "--", "--nocapture"]);
    run.arg(std::format!("{models}::"));
    // Not by `eprintln!`: the test harness would capture the line.
    let tell = |what: &str| _ = writeln!(std::io::stderr(), "\n{models} {what}\n");
    let named = if features.is_empty() { "none" } else { &features };
    tell(&std::format!("is built once more, under --cfg loom and with the profile `loom`; features: {named}"));
    let explore = |run: &mut std::process::Command| {
        let status = run.status().expect("cargo runs");
        assert!(status.success(), "a model of {models} fails, or does not build: see above");
    };
    if env::var_os("ZONELIST_MODELS").is_none() {
        // Most faults show early, so the short set comes first.
        let begun = std::time::Instant::now();
        explore(run.env("ZONELIST_MODELS", "short").env("ZONELIST_FIRST", ""));
        let after = begun.elapsed().as_secs();
        tell(&std::format!(
            "passes the short set after {after} s, its build included; the long set follows. \
             `ZONELIST_MODELS=short cargo test` ends here."
        ));
        run.env_remove("ZONELIST_MODELS").env_remove("ZONELIST_FIRST");
    }
    explore(&mut run);
}

/// The cargo that builds models: its folder, compiler flags and profile.
#[cfg(not(loom))]
fn loom_cargo(package: &str, exe: &std::path::Path, outer: Option<&OuterBuild>) -> std::process::Command {
    use std::{env, path::Path, path::PathBuf, string::String, vec::Vec};

    let mut run = std::process::Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LOOM_")).for_each(|(name, _)| {
        run.env_remove(name);
    });
    // Beside `debug` and `release`, in a folder of its own, since all crates are built with another cfg.
    let beside = || exe.ancestors().nth(3).map_or_else(|| Path::new(package).join("target"), Path::to_path_buf);
    let beside = || outer.map_or_else(beside, |outer| outer.folder.clone()).join("models");
    let target = env::var_os("ZONELIST_MODELS_DIR").map_or_else(beside, PathBuf::from);
    let more = env::var("ZONELIST_MODELS_RUSTFLAGS").unwrap_or_default();
    let cfgs = outer.into_iter().flat_map(|outer| &outer.cfgs).flat_map(|cfg| ["--cfg", cfg]);
    let flags: Vec<&str> = ["--cfg", "loom"].into_iter().chain(more.split_whitespace()).chain(cfgs).collect();
    // Not by `RUSTFLAGS`: the value of a cfg may have spaces.
    run.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).env_remove("RUSTFLAGS");
    run.current_dir(package).env("CARGO_TARGET_DIR", target);
    // The timeline shows where a model fails, and a backtrace does not.
    run.env("RUST_BACKTRACE", "0");
    // Only loom runs long enough to be worth full optimisation; of all other crates the compilation takes the time.
    // Without any optimisation a model takes more stack than its threads have. The same profile is in this workspace's
    // Cargo.toml.
    let settings = ["inherits='release'", "opt-level=1", "debug-assertions=true", "lto='off'", "codegen-units=16"];
    let settings = settings.map(String::from);
    let levels = ["loom", "generator"].map(|package| std::format!("package.{package}.opt-level=3"));
    for setting in settings.iter().chain(&levels) {
        run.args(["--config", &std::format!("profile.loom.{setting}")]);
    }
    run
}
