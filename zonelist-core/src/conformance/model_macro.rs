//! The macro `model!`, which explores a scheme by one line, and the functions that it calls.

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
/// | `a walk behind a publish of [..], and beside none, shows [..]` | the walk is wrong without any other thread |
/// | `a walk of [..] breaks Snapshot: missed` | a walk breaks the guarantee, by this anomaly |
/// | `An ordering is too weak: store as Relaxed at ..: with Release it holds` | no other fault was found |
/// | `It fails whatever the orderings are` | the model fails also with each access as strong as loom has them: a step is missing or in the wrong order, or a `fence(SeqCst)` is missing |
/// | `freed while a walk held it` | a [`VersionBox`](crate::sync::VersionBox) was dropped too early; or nothing orders the drop behind the end of the walk, as where a count is decremented by `Relaxed` |
/// | `Causality violation: Concurrent read and write accesses` | nothing orders two accesses of an [`UnsafeCell`](crate::sync::UnsafeCell) or a [`Track`](crate::sync::Track); no ordering is named for these |
/// | `an allocation is refused wrongly` | a request found no zone, though some zone of every version serves it |
/// | `exceeded maximum number of branches` | a thread waits for what no other thread will do: a publish waits for a reader that reports nothing, or for itself |
/// | `a reader waits, and is said to be wait-free` | the facts promise more than the scheme does: it takes a lock or waits by a [`Backoff`](crate::sync::Backoff). A loop without either is not seen |
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
/// Called by [`model!`](crate::model). The output is cargo's. `ZONELIST_MODELS_DIR` in the environment sets the build
/// folder. `ZONELIST_MODELS_RUSTFLAGS` adds compiler flags, for crates that need a cfg of their own to be modelled,
/// such as `--cfg crossbeam_loom`.
///
/// # Panics
/// If the file does not build, or if a model fails.
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
    // Beside `debug` and `release`, in a folder of its own, since all crates are built with another cfg.
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
    // The timeline shows where a model fails, and a backtrace does not.
    run.env("RUST_BACKTRACE", "0");
    // Only loom runs long enough to be worth full optimisation; of all other crates the compilation takes the time.
    // Without any optimisation a model takes more stack than its threads have. The same profile is in this workspace's
    // Cargo.toml.
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
        // Most faults show early, so the short set comes first.
        let begun = std::time::Instant::now();
        explore(run.env("ZONELIST_MODELS", "short").env("ZONELIST_FIRST", ""));
        let after = begun.elapsed().as_secs();
        // Not by `eprintln!`: the test harness would capture the line.
        let _ = writeln!(
            std::io::stderr(),
            "\n{models} passes the short set after {after} s, its build included; the long set follows. \
             `ZONELIST_MODELS=short cargo test` ends here.\n"
        );
        run.env_remove("ZONELIST_MODELS").env_remove("ZONELIST_FIRST");
    }
    explore(&mut run);
}
