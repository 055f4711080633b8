//! Runs of the command as a user starts it, and what several tests need for them.

use std::{
    ffi::OsStr,
    fs,
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `zonelist` with these arguments. Text on stdout, which is no terminal here, must be plain ASCII of at most 100
/// columns.
pub(crate) fn zonelist<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonelist"));
    let output = command.args(args).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let run = Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    for line in run.stdout.lines().filter(|line| !line.starts_with(['{', '[', '|'])) {
        assert!(line.is_ascii() && line.len() <= 100, "{:?}: {line}", command.get_args());
    }
    run
}

/// Runs `zonelist`, which must succeed without a message.
pub(crate) fn succeed(args: &[&str]) -> Run {
    let run = zonelist(args);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
    run
}

/// Runs `zonelist`, which must succeed without a message and print JSON.
pub(crate) fn json(args: &[&str]) -> Value {
    serde_json::from_str(&succeed(args).stdout).unwrap()
}

/// A recorded machine as JSON.
pub(crate) fn recorded(name: &str) -> Value {
    let path = format!("{}/../goldens/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A lock for tests that load all CPUs: if several ran at a time, none would make progress.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static LOAD: Mutex<()> = Mutex::new(());
    LOAD.lock().unwrap_or_else(PoisonError::into_inner)
}
