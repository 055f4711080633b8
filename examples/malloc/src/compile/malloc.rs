//! The mallocs that a program can run with.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    process::Command,
};

/// A malloc, by the library that is preloaded.
#[derive(Clone)]
pub(crate) enum Malloc {
    /// That of the C library.
    Glibc,
    /// Mimalloc, at that path.
    Mimalloc(PathBuf),
    /// That of this package.
    Ours {
        library: PathBuf,
        scheme: &'static str,
        /// The file to which each process appends the counts of its storm; `None` for no storm.
        storm: Option<PathBuf>,
    },
}

impl Malloc {
    /// Makes a command run with this malloc.
    pub(crate) fn set(&self, command: &mut Command) {
        for name in ["LD_PRELOAD", "ZONELIST_MALLOC_SCHEME", "ZONELIST_MALLOC_STORM", "ZONELIST_MALLOC_LOG"] {
            command.env_remove(name);
        }
        match self {
            Self::Glibc => {}
            Self::Mimalloc(library) => _ = command.env("LD_PRELOAD", library),
            Self::Ours { library, scheme, storm } => {
                command.env("LD_PRELOAD", library).env("ZONELIST_MALLOC_SCHEME", scheme);
                if let Some(log) = storm {
                    command.env("ZONELIST_MALLOC_STORM", "1").env("ZONELIST_MALLOC_LOG", log);
                }
            }
        }
    }
}

impl fmt::Display for Malloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Glibc => f.pad("glibc"),
            Self::Mimalloc(_) => f.pad("mimalloc"),
            Self::Ours { scheme, .. } => f.pad(scheme),
        }
    }
}

/// The library of this package, and beside it the stress program. Cargo builds neither of them for `cargo run`, so this
/// program asks for both.
pub(crate) fn library() -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let folder = program.parent().unwrap_or(Path::new("."));
    let target = folder.parent().unwrap_or(folder);
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--release", "--locked", "--package", env!("CARGO_PKG_NAME"), "--target-dir"]);
    let status = build.arg(target).current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    let library = target.join("release/libzonelist_malloc.so");
    if status.success() && library.exists() {
        Ok(library)
    } else {
        Err(io::Error::other(format!("{build:?}: {status}; expected it to make {}", library.display())))
    }
}

/// Mimalloc as a library to preload, if Debian's package libmimalloc2.0 is installed.
pub(crate) fn mimalloc() -> Option<Malloc> {
    let names = ["libmimalloc.so.2.0", "libmimalloc.so.2"];
    let paths = names.map(|name| Path::new("/usr/lib/x86_64-linux-gnu").join(name));
    paths.into_iter().find(|path| path.exists()).map(Malloc::Mimalloc)
}
