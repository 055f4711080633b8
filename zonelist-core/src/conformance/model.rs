//! One line has a scheme explored: the macro, and what runs it.

/// Has a scheme explored by loom, for what its facts promise: a test for each shape of
/// [`conformance::models::suite`](crate::conformance).
///
/// ```text
/// zonelist_core::model!(my_scheme: MyScheme<Box<[Slot]>> = MyScheme::new(Slots::boxed(ROOM)));
/// ```
///
/// It goes into a file of `tests/`, by itself; the feature `model` of this crate among the
/// dev-dependencies brings it. A plain `cargo test` then builds that file once more under
/// `--cfg loom`, in a folder of its own beside what it has built, and runs what it finds: every
/// interleaving of readers and publishers that threads and the memory model allow, each walk judged
/// by the scheme's own [`FACTS`](crate::publish::Scheme::FACTS). What fails leaves a timeline.
///
/// The scheme has to take its atomics from [`sync`](crate::sync::atomic), and is made anew for each
/// interleaving. `ROOM` (a node and four zones) is in scope for its table, and so is all of
/// [`zonelist_core`](crate). With `retires` in front of the name it is also held to grace periods.
#[cfg(not(loom))]
#[macro_export]
macro_rules! model {
    (retires $name:ident: $($rest:tt)*) => {
        $crate::model!($name: $($rest)*);
    };
    ($name:ident: $($rest:tt)*) => {
        #[test]
        fn $name() {
            $crate::conformance::run_models(env!("CARGO_MANIFEST_DIR"), env!("CARGO_CRATE_NAME"), stringify!($name));
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
            use {super::*, $crate::{*, conformance::models::ROOM}};

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
                $crate::conformance::models::suite::$shape(stringify!($name), make);
            }
        )*
    };
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
    // Fast is what runs for long, which is loom; of all else, the compilation is what takes time. Not
    // optimised at all, it would take more stack than a thread of a model has. As in this workspace's Cargo.toml.
    for setting in ["inherits='release'", "opt-level=1", "debug-assertions=true", "lto='off'", "codegen-units=16"] {
        run.args(["--config", &std::format!("profile.loom.{setting}")]);
    }
    for (package, level) in [("loom", 3), ("generator", 3)] {
        run.args(["--config", &std::format!("profile.loom.package.{package}.opt-level={level}")]);
    }
    run.args(["test", "--profile", "loom", "--test", test, "--", "--nocapture"]).arg(std::format!("{models}::"));
    let status = run.status().expect("cargo runs");
    assert!(status.success(), "a model of {models} fails, or does not build: see above");
}
