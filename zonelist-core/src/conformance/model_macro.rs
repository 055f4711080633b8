//! One line has a scheme explored: the macro, and what runs it.

/// Has a scheme explored by loom, for what its facts promise: a test for each shape of
/// [`conformance::models::suite`](crate::conformance).
///
/// ```text
/// zonelist_core::model!(my_scheme: MyScheme = MyScheme::new(ROOM));
/// ```
///
/// # First steps
///
/// 1. `Cargo.toml`: `zonelist-core` under `[dependencies]`, and again under `[dev-dependencies]` with
///    `features = ["model"]`. A library package; its name is up to you.
/// 2. `src/lib.rs`: the scheme. The example of [`Scheme`](crate::publish::Scheme) is one, word for word.
/// 3. `tests/models.rs`: an import of the scheme (`use my_crate::MyScheme;`) and the line above. `ROOM`,
///    [a node and four zones](crate::conformance::ROOM), is in scope for the scheme's table.
/// 4. `cargo test --test models`. It builds that file once more under `--cfg loom`, in the folder `models` beside what
///    it has built, and runs what it finds there: every interleaving of readers and publishers that threads and the
///    memory model allow, each walk judged by the scheme's own [`FACTS`](crate::publish::Scheme::FACTS).
/// 5. The rest of its facts: the macro `facts!`, with the feature `facts` beside `model`, in a file `tests/facts.rs`.
///
/// The scheme is made anew for each interleaving. First it is probed, which takes no time; then comes the *short set*, a
/// thousand interleavings of each shape, which finds most faults of a scheme of one table within a minute, its build
/// included; then the long set, which takes from seconds to minutes and has shapes that need more interleavings, such
/// as a table of two that is written over too early. The first shape that fails ends it. `ZONELIST_MODELS=short cargo test` ends
/// behind the short set, and goes on to all shapes where one fails; `ZONELIST_MODELS=exhaustive` has no bound. With
/// `retires` in front of the name, as in `model!(retires my_scheme: MyScheme = ..)`, the scheme is also held to grace periods.
///
/// # What a scheme takes from `zonelist_core::sync`
///
/// loom sees what it stands in for, and nothing else. So that the same source is explored and runs:
///
/// | in place of | take |
/// |---|---|
/// | `core::sync::atomic::*` | [`sync::atomic`](crate::sync::atomic) |
/// | `std::sync::{Mutex, RwLock}` and their guards | [`sync::{Mutex, RwLock}`](crate::sync), with the same calls; without std [`Locked`](crate::Locked) |
/// | `core::cell::UnsafeCell` | [`sync::UnsafeCell`](crate::sync::UnsafeCell) |
/// | a `Box` whose pointer readers share | [`sync::VersionBox`](crate::sync::VersionBox), and a [`VersionRef`](crate::sync::VersionRef) for each walk |
/// | a loop that spins | [`sync::Backoff`](crate::sync::Backoff) in it |
/// | `SeqCst` loads and stores that have to be seen in one order | [`fence(SeqCst)`](crate::sync::atomic::fence) between them |
/// | nothing: a table of atomics that is written over | a [`sync::Track`](crate::sync::Track) beside it, which each walk reads and each rewrite writes: loom then takes the two for plain memory, and finds a rewrite that nothing orders behind a walk |
///
/// Without loom these are the items of `core` and `std` themselves, or cost nothing. Under loom no constructor is
/// `const`: an array is made by [`core::array::from_fn`]. What else the files that define the scheme name of these is
/// reported before anything is explored; a comment with the words `not explored` on that line, or on the one above,
/// says that it is meant.
///
/// # What it says
///
/// | it says | which means |
/// |---|---|
/// | `std::sync::RwLock: not explored; use zonelist_core::sync::RwLock` | loom does not see it: the table above |
/// | `no walk of S makes a step that loom sees` | the same, in a crate that the scheme uses |
/// | `for 10 s no thread has made a step` | a thread has a lock that loom does not see, and another waits for it |
/// | `a walk behind a publish of [..], and beside none, shows [..]` | it is wrong without any other thread |
/// | `a walk of [..] breaks Snapshot: missed` | a walk that the guarantee rules out, and what is wrong with it |
/// | `An ordering is too weak: store as Relaxed at ..: with Release it holds` | all else is well, as far as explored |
/// | `It fails whatever the orderings are` | with each access as strong as loom has them it fails, too: a step is missing or in the wrong order, or a `fence(SeqCst)` is |
/// | `freed while a walk held it` | a [`VersionBox`](crate::sync::VersionBox) was dropped too early; or nothing orders that behind the end of the walk, as where a count goes down by `Relaxed` |
/// | `Causality violation: Concurrent read and write accesses` | the same of an [`UnsafeCell`](crate::sync::UnsafeCell) or a [`Track`](crate::sync::Track); of neither is an ordering named |
/// | `an allocation is refused wrongly` | a request that some zone of every version serves found none |
/// | `exceeded maximum number of branches` | a thread waits for what no other thread will do: a publish for a reader that has left without a sign, or for itself |
/// | `a reader waits, and is said to be wait-free` | the facts promise more than it does: it comes by a lock or a [`Backoff`](crate::sync::Backoff). A loop without either is not seen |
/// | `all walks showed the same` | no publish met a walk, though a thousand interleavings were explored |
///
/// `door`, `inside`, `gate`, `trouble` and the first `spin` in a timeline are of [`Published`](crate::publish::Published), not of
/// the scheme. What fails leaves a *timeline*: a column for each thread, a line for each step, with the fewest changes from one
/// thread to another. Atomics are called by the field or variable that they are made for, else by the type in whose
/// `impl` that stands. A word that is a zoneref is shown as its zone, and a pointer as `@1`, `@2`, and so on.
///
/// # What it does not see
///
/// - A thread that stores to an atomic behind a load of its own of the *same* atomic: loom never shows another thread
///   the value before. A writer should keep what it stored, as behind a lock or in a cell of its own, and not load it back.
///   Read-modify-writes are explored.
/// - Barriers that the system runs in other threads: they are in the kernel. This macro has a full fence on both sides
///   around the scheme ([`FullFence`](crate::publish::FullFence)). Of `membarrier(2)` there is a model, a fence in each
///   other thread at some point of the call, which our own schemes are explored with
///   ([what was explored](crate::conformance::explored)); that the kernel does so is assumed. A pair of your own is not
///   explored: its contract is that of [`Barrier`](crate::publish::Barrier).
/// - A load that moves behind a later store of the same thread to another atomic (load buffering), and values out of
///   thin air. `SeqCst` on a load or store counts as acquire and release; only fences are sequentially consistent.
/// - Reuse of memory: an address is used once in an interleaving, so that no pointer is taken for an older one (ABA).
/// - More than a few threads, publishes and zones: what needs more of them to go wrong. The shapes, and how far each was
///   explored, are printed.
/// - Time, signals, forks and the heap: the macro `facts!`, with the feature `facts`.
///
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

            // What does not compile is seen before anything is built under loom.
            let _: fn() -> $scheme = || $make;
            let (package, scheme) = (env!("CARGO_MANIFEST_DIR"), core::any::type_name::<$scheme>());
            $crate::conformance::expect_explored(package, stringify!($name), scheme);
            $crate::conformance::run_models(package, env!("CARGO_CRATE_NAME"), stringify!($name));
        }
    };
}

/// Has a scheme explored by loom: this is what that is under loom.
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

/// Looks for what loom does not see in the sources that define a scheme, before anything is built: see
/// [`model!`](crate::model).
///
/// # Panics
/// There is something.
#[cfg(not(loom))]
pub fn expect_explored(package: &str, model: &str, scheme: &str) {
    let unseen = super::sources::unseen(package, scheme);
    let lines: std::string::String = unseen.iter().map(|unseen| std::format!("\n{unseen}")).collect();
    assert!(unseen.is_empty(), "model {model} is not explored:{lines}\n");
}

/// Builds a test file under loom's cfg, and runs the models in it of that name.
///
/// What [`model!`](crate::model) calls; the output is cargo's. With `ZONELIST_MODELS_DIR` in the environment it builds
/// into that folder, and with `ZONELIST_MODELS_RUSTFLAGS` with these flags too: for crates that need a cfg of their own
/// to be modelled, such as `--cfg crossbeam_loom`.
///
/// # Panics
/// It does not build, or a model fails.
#[cfg(not(loom))]
pub fn run_models(package: &str, test: &str, models: &str) {
    use std::{
        env,
        io::Write as _,
        path::{Path, PathBuf},
        process::Command,
    };

    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let exe = env::current_exe().expect("the path of this test");
    // Beside `debug` or `release`; a folder of its own, as all of it is built with another cfg.
    let beside = || exe.ancestors().nth(3).map_or_else(|| Path::new(package).join("target"), Path::to_path_buf);
    let target = env::var_os("ZONELIST_MODELS_DIR").map_or_else(|| beside().join("models"), PathBuf::from);
    let mut run = Command::new(cargo);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("LOOM_") || name == "CARGO_ENCODED_RUSTFLAGS" {
            run.env_remove(&*name);
        }
    }
    let more = env::var("ZONELIST_MODELS_RUSTFLAGS").unwrap_or_default();
    let flags = std::format!("--cfg loom {more}");
    run.current_dir(package).env("RUSTFLAGS", flags.trim_end()).env("CARGO_TARGET_DIR", target);
    // The timeline is what shows where it fails.
    run.env("RUST_BACKTRACE", "0");
    // Fast is what runs for long, which is loom; of all else, the compilation is what takes time. Not
    // optimised at all, it would take more stack than a thread of a model has. As in this workspace's Cargo.toml.
    for setting in ["inherits='release'", "opt-level=1", "debug-assertions=true", "lto='off'", "codegen-units=16"] {
        run.args(["--config", &std::format!("profile.loom.{setting}")]);
    }
    for (package, level) in [("loom", 3), ("generator", 3)] {
        run.args(["--config", &std::format!("profile.loom.package.{package}.opt-level={level}")]);
    }
    run.args(["test", "--profile", "loom", "--test", test, "--", "--nocapture"]).arg(std::format!("{models}::"));
    let explore = |run: &mut Command| {
        let status = run.status().expect("cargo runs");
        assert!(status.success(), "a model of {models} fails, or does not build: see above");
    };
    if env::var_os("ZONELIST_MODELS").is_none() {
        // What is wrong mostly shows early.
        let begun = std::time::Instant::now();
        explore(run.env("ZONELIST_MODELS", "short").env("ZONELIST_FIRST", ""));
        let after = begun.elapsed().as_secs();
        // Not by a macro: the harness would keep that to itself.
        let _ = writeln!(
            std::io::stderr(),
            "\n{models} passes the short set after {after} s, its build included; the long set follows. \
             `ZONELIST_MODELS=short cargo test` ends here.\n"
        );
        run.env_remove("ZONELIST_MODELS").env_remove("ZONELIST_FIRST");
    }
    explore(&mut run);
}
