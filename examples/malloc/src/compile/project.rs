//! A C project whose sources come from crates.io: fetched by cargo, built by make.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The crates that have the sources, in their exact versions.
const MANIFEST: &str = r#"
[package]
name = "sources"
version = "0.0.0"
edition = "2021"

[workspace]

[dependencies]
lua-src = "=547.0.0"
zstd-sys = { version = "=2.0.16", default-features = false }
"#;

/// The folders of the short form: Lua 5.4.
const SHORT: [&str; 1] = ["lua-src/lua-5.4.7"];

/// The folders of the long form: four versions of Lua, and zstd.
const LONG: [&str; 7] = [
    "lua-src/lua-5.4.7",
    "lua-src/lua-5.3.6",
    "lua-src/lua-5.2.4",
    "lua-src/lua-5.1.5",
    "zstd-sys/zstd/lib/common",
    "zstd-sys/zstd/lib/compress",
    "zstd-sys/zstd/lib/decompress",
];

/// A project to build.
pub(crate) struct Project {
    /// The folder of the build: the same for each one, since debug information names it.
    pub(crate) folder: PathBuf,
    /// The folder of all fetched sources.
    pub(crate) vendor: PathBuf,
    /// The sources that are compiled.
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) makefile: String,
}

/// Fetches the sources into a folder.
pub(crate) fn fetch(folder: &Path, long: bool) -> Result<Project, Box<dyn Error>> {
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    fs::write(folder.join("Cargo.toml"), MANIFEST)?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let fetched = Command::new(cargo).args(["vendor", "--quiet", "vendor"]).current_dir(folder).output()?;
    if !fetched.status.success() {
        let why = String::from_utf8_lossy(&fetched.stderr).into_owned();
        return Err(format!("cargo vendor: {why}; expected crates.io, or its crates in cargo's cache").into());
    }
    let vendor = folder.join("vendor");
    let mut sources = Vec::new();
    for part in if long { &LONG[..] } else { &SHORT } {
        for entry in fs::read_dir(vendor.join(part))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "c") {
                sources.push(path);
            }
        }
    }
    sources.sort();
    let makefile = makefile(&sources);
    Ok(Project { folder: folder.join("build"), vendor, sources, makefile })
}

/// The rules: an object of each source, a library of all objects, and a shared library of Lua 5.4.
fn makefile(sources: &[PathBuf]) -> String {
    let (mut rules, mut objects, mut lua) = (String::new(), String::new(), String::new());
    for (nth, source) in sources.iter().enumerate() {
        let (object, source) = (format!("{nth}.o"), source.display().to_string());
        let flags = "-O1 -g -fPIC -DLUA_USE_POSIX -DLUA_COMPAT_5_3 -DZSTD_DISABLE_ASM";
        rules.push_str(&format!("{object}: {source}\n\tcc {flags} -c -o {object} {source}\n"));
        objects.push_str(&format!(" {object}"));
        if source.contains("lua-5.4.7") {
            lua.push_str(&format!(" {object}"));
        }
    }
    format!(
        "all: library.a lua.so\n{rules}library.a:{objects}\n\tar rcs library.a{objects}\nlua.so:{lua}\n\tcc -g -shared -o lua.so{lua} -lm\n"
    )
}
