//! Compiles what is compared in C, if the feature `liburcu` asks for it; nothing otherwise.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "liburcu")]
    liburcu();
}

#[cfg(feature = "liburcu")]
fn liburcu() {
    const SOURCE: &str = "src/contender/liburcu.c";
    println!("cargo::rerun-if-changed={SOURCE}");
    let probed = pkg_config::Config::new().atleast_version("0.11").probe("liburcu-memb");
    let library = probed.unwrap_or_else(|error| {
        panic!("the feature `liburcu` needs liburcu's headers (on Debian: apt install liburcu-dev): {error}")
    });
    // As optimised as what it is compared with, whatever the profile, and its loops as aligned.
    cc::Build::new()
        .file(SOURCE)
        .includes(library.include_paths)
        .std("gnu11")
        .opt_level(3)
        .flag_if_supported("-falign-loops=64")
        // For an executable: what belongs to a thread is found without a call.
        .pic(false)
        .flag_if_supported("-fPIE")
        .warnings(true)
        .compile("zonelist_liburcu");
}
