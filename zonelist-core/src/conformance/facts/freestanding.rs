//! Whether a package can live without std, and without a heap: a program with neither is built with it.

use std::{
    env, format, fs,
    path::{Path, PathBuf},
    process::Command,
    string::{String, ToString},
};

/// What a program without std, and with no allocator, comes to with a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Freestanding {
    /// It is built: the package needs neither.
    NoAlloc,
    /// An allocator is missing: the package needs a heap.
    NoStd,
    /// Std comes with the package.
    Std,
    /// It does not build for another reason: what the compiler says.
    Fails(String),
}

/// Builds a program without std and without an allocator that has the package in it, without its default features.
///
/// # Panics
/// The program can't be written, or cargo does not run.
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
    // The same versions of what it depends on.
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
    let said = String::from_utf8_lossy(&output.stderr);
    match () {
        () if output.status.success() => Freestanding::NoAlloc,
        () if said.contains("panic_impl") => Freestanding::Std,
        () if said.contains("no global memory allocator") => Freestanding::NoStd,
        () => Freestanding::Fails(said.to_string()),
    }
}

/// A folder for the program, beside `debug` or `release`.
fn folder_of(package: &str) -> PathBuf {
    let exe = env::current_exe().expect("the path of this test");
    exe.ancestors().nth(3).unwrap_or(Path::new("target")).join("freestanding").join(package)
}
