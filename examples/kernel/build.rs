//! Links by `kernel.ld`: for the host's target through the C compiler, for a bare target by its linker itself.

fn main() {
    let script = format!("{}/kernel.ld", std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    println!("cargo::rerun-if-changed={script}");
    println!("cargo::rustc-link-arg-bins=-T{script}");
    let bare = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none");
    let host = ["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"];
    let arguments = if bare { &["--no-pie"][..] } else { &host };
    arguments.iter().for_each(|argument| println!("cargo::rustc-link-arg-bins={argument}"));
}
