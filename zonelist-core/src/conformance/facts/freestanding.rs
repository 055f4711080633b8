//! A build of a package into a program without std and without a heap, which shows whether it needs either.

use std::{
    env, format, fs,
    path::{Path, PathBuf},
    process::Command,
    string::{String, ToString},
};

/// The outcome of a build of a package into a program without std and without an allocator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Freestanding {
    /// The program builds: the package needs neither.
    NoAlloc,
    /// An allocator is missing: the package needs a heap.
    NoStd,
    /// The package links std.
    Std,
    /// The program does not build for another reason: the messages of the compiler.
    Fails(String),
}

/// Builds a program without std and without an allocator that links the package without its default features.
///
/// # Panics
/// If the program can't be written, or if cargo does not run.
#[must_use]
pub fn freestanding(package: &str, folder: &str) -> Freestanding {
    let program = folder_of(package);
    fs::create_dir_all(&program).expect("a folder beside the tests' own");
    let manifest = format!(
        "[package]\nname = \"freestanding\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n\
         crate-type = [\"staticlib\"]\n[profile.dev]\npanic = \"abort\"\n[workspace]\n\
         [dependencies]\n{package} = {{ path = {folder:?}, default-features = false }}\n"
    );
    let code = format!(
        "#![no_std]\nextern crate {} as _;\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo<'_>) -> ! {{\n    \
         loop {{}}\n}}\n",
        package.replace('-', "_")
    );
    for (file, text) in [("Cargo.toml", manifest), ("lib.rs", code)] {
        fs::write(program.join(file), text).expect("a file beside the tests' own");
    }
    // With the versions of the dependencies that the package itself is built with.
    let lock = Path::new(folder).ancestors().map(|above| above.join("Cargo.lock")).find(|lock| lock.exists());
    if let Some(lock) = lock {
        fs::copy(lock, program.join("Cargo.lock")).expect("a file beside the tests' own");
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(flags);
    }
    cargo.env("CARGO_TARGET_DIR", program.with_file_name("target")).current_dir(&program);
    let output = cargo.args(["check", "--quiet"]).output().expect("cargo");
    let errors = String::from_utf8_lossy(&output.stderr);
    match () {
        () if output.status.success() => Freestanding::NoAlloc,
        // Two panic handlers: that of the program, and that of std.
        () if errors.contains("panic_impl") => Freestanding::Std,
        () if errors.contains("no global memory allocator") => Freestanding::NoStd,
        () => Freestanding::Fails(errors.to_string()),
    }
}

/// The folder of the program, beside `debug` and `release`.
fn folder_of(package: &str) -> PathBuf {
    let exe = env::current_exe().expect("the path of this test");
    exe.ancestors().nth(3).unwrap_or(Path::new("target")).join("freestanding").join(package)
}
