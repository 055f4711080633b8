//! Builds of the kernel, and their runs under qemu.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The emulator, of Debian's package `qemu-system-x86`.
pub(crate) const QEMU: &str = "qemu-system-x86_64";

/// A kernel that has printed nothing more for minutes hangs.
const HANGS: Duration = Duration::from_secs(300);

pub(crate) fn is_installed() -> bool {
    Command::new(QEMU).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// True if the compiler has the core library for that target.
pub(crate) fn has_target(target: &str) -> bool {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let folder = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    folder.is_ok_and(|folder| fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()))
}

/// Builds the kernel with a scheme, for the host's target or another. Returns its path.
pub(crate) fn build(scheme: &str, target: Option<&str>) -> Result<PathBuf, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--locked", "--bin", "kernel"]);
    cargo.args(["--features", &scheme.to_lowercase()]).arg("--target-dir").arg(&folder);
    cargo.args(target.iter().flat_map(|target| ["--target", target])).current_dir(env!("CARGO_MANIFEST_DIR"));
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    let built = folder.join(target.unwrap_or_default()).join("release/kernel");
    status.success().then_some(built).ok_or_else(|| format!("the kernel with {scheme} does not build"))
}

/// Boots the kernel with 1 or 4 CPUs on two nodes of 256 MiB. Returns what it has printed, if it exits with success.
pub(crate) fn boot(kernel: &PathBuf, cpus: usize) -> Result<String, String> {
    let (first, second) = if cpus == 1 { (",cpus=0", "") } else { (",cpus=0-1", ",cpus=2-3") };
    let printed = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serial.txt");
    let file = fs::File::create(&printed).map_err(|error| format!("{}: {error}", printed.display()))?;
    let mut qemu = Command::new(QEMU);
    qemu.args(["-machine", "q35,accel=tcg", "-nodefaults", "-no-reboot", "-display", "none", "-m", "512M"]);
    qemu.args(["-smp", &cpus.to_string(), "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
    qemu.args(["-object", "memory-backend-ram,id=m0,size=256M", "-object", "memory-backend-ram,id=m1,size=256M"]);
    qemu.args(["-numa", &format!("node,nodeid=0,memdev=m0{first}")]);
    qemu.args(["-numa", &format!("node,nodeid=1,memdev=m1{second}"), "-numa", "dist,src=0,dst=1,val=21"]);
    qemu.arg("-kernel").arg(kernel).stdin(Stdio::null()).stdout(file);
    let mut running = qemu.spawn().map_err(|error| format!("{QEMU}: {error}"))?;
    let text = || fs::read_to_string(&printed).map_err(|error| format!("{}: {error}", printed.display()));
    let started = Instant::now();
    loop {
        match running.try_wait() {
            // The kernel writes 0x10 for success to `isa-debug-exit`, which shifts it and adds 1.
            Ok(Some(status)) if status.code() == Some(0x21) => return text(),
            Ok(Some(status)) => return Err(format!("{QEMU}: {status}, after\n{}", text()?)),
            Ok(None) if started.elapsed() < HANGS => thread::sleep(Duration::from_millis(20)),
            _ => {
                let _ = running.kill();
                let _ = running.wait();
                return Err(format!("{cpus} CPUs: no end after {HANGS:?}, after\n{}", text()?));
            }
        }
    }
}
