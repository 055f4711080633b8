//! Child processes, for tests that may hang or crash.

use core::fmt::Display;
use std::{
    env, format,
    io::Write,
    os::unix::process::ExitStatusExt,
    process::Command,
    string::{String, ToString},
    thread,
};

/// The variable that names the scheme whose fact a child process measures.
const SUBJECT: &str = "ZONELIST_FACT_OF";
/// The prefix of the line with the verdict.
const VERDICT: &str = "verdict: ";

/// Prints the verdict, and ends the process at once, whatever its threads do.
///
/// Uses no heap, since the heap may be what hangs.
pub fn ends(verdict: impl Display) -> ! {
    let mut line = [0; 256];
    let whole = line.len();
    let mut rest = &mut line[..];
    // On a line of its own: the harness may have begun one. A longer verdict is cut off.
    let _ = write!(rest, "\n{VERDICT}{verdict}\n");
    let length = whole - rest.len();
    // SAFETY: the first `length` bytes of `line` are initialised, and it lives until the call returns.
    unsafe { libc::write(libc::STDOUT_FILENO, line.as_ptr().cast(), length) };
    // SAFETY: `_exit` has no conditions.
    unsafe { libc::_exit(0) }
}

/// The scheme whose fact this process measures, if it is a child.
#[must_use]
pub fn subject() -> Option<String> {
    env::var(SUBJECT).ok()
}

/// Runs a test again in a child process, for a scheme. Returns the verdict that the child [ends] with, or how it died.
///
/// `test` is the name of the calling test in the harness.
///
/// # Panics
/// If this program can't be run again.
#[must_use]
pub fn verdict(test: &str, subject: &str) -> String {
    let mut child = Command::new(env::current_exe().expect("this program"));
    let child = child.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(SUBJECT, subject);
    let output = child.output().expect("this program again");
    let said = String::from_utf8_lossy(&output.stdout);
    let verdict = said.lines().find_map(|line| line.strip_prefix(VERDICT)).map(str::to_string);
    let died = || {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().find(|line| line.contains("overflow") || line.contains("panicked"));
        let signal = output.status.signal().map_or_else(String::new, |signal| format!(" of signal {signal}"));
        format!("dies{signal}: {}", last.unwrap_or("without a word"))
    };
    verdict.unwrap_or_else(died)
}

/// Ends the process with `verdict` if `progress` does not change for some seconds. Never returns.
pub fn watch(verdict: &str, progress: impl Fn() -> usize) -> ! {
    /// Tenths of a second without a change.
    const STALLED: u32 = 60;
    let (mut last, mut unchanged) = (progress(), 0);
    loop {
        thread::sleep(core::time::Duration::from_millis(100));
        let now = progress();
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
        if unchanged == STALLED {
            ends(verdict);
        }
    }
}
