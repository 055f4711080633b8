//! Compiles the contenders in C if the feature `liburcu` is on; does nothing otherwise.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "liburcu")]
    liburcu();
}

#[cfg(feature = "liburcu")]
fn liburcu() {
    const SOURCE: &str = "src/contender/peers/liburcu.c";
    println!("cargo::rerun-if-changed={SOURCE}");
    let mut build = cc::Build::new();
    for flavour in ["liburcu-memb", "liburcu-qsbr", "liburcu-bp"] {
        let probed = pkg_config::Config::new().atleast_version("0.11").probe(flavour);
        let library = probed.unwrap_or_else(|error| {
            panic!("the feature `liburcu` needs liburcu's headers (on Debian: apt install liburcu-dev): {error}")
        });
        build.includes(library.include_paths);
    }
    // The optimisation and loop alignment of the release profile, since that is what the C code is compared with.
    build
        .file(SOURCE)
        .std("gnu11")
        .opt_level(3)
        .flag_if_supported("-falign-loops=64")
        // Code for an executable reads thread-local variables without a call.
        .pic(false)
        .flag_if_supported("-fPIE")
        .warnings(true)
        .compile("zonelist_liburcu");
}
