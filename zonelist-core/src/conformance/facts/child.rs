//! What may hang or crash runs in a process of its own.

use core::fmt::Display;
use std::{
    env, format,
    io::Write,
    os::unix::process::ExitStatusExt,
    process::Command,
    string::{String, ToString},
    thread,
};

/// Whose fact it is that a child process asks.
const SUBJECT: &str = "ZONELIST_FACT_OF";
const VERDICT: &str = "verdict: ";

/// Says what became of it, and ends the process at once, whatever its threads are at.
///
/// The heap may be what hangs: nothing here reaches for it.
pub fn ends(verdict: impl Display) -> ! {
    let mut line = [0; 256];
    let whole = line.len();
    let mut rest = &mut line[..];
    // On a line of its own: the harness may have begun one. What is too long is cut short.
    let _ = write!(rest, "\n{VERDICT}{verdict}\n");
    let length = whole - rest.len();
    // SAFETY: the line is as long as that.
    unsafe { libc::write(libc::STDOUT_FILENO, line.as_ptr().cast(), length) };
    // SAFETY: it never returns.
    unsafe { libc::_exit(0) }
}

/// Whose fact this process is to find out, if it is a child.
#[must_use]
pub fn subject() -> Option<String> {
    env::var(SUBJECT).ok()
}

/// Runs a test again in a process of its own, for a subject: what that [ends] with, or how it died.
///
/// `test` is the name of the calling test as the harness has it.
///
/// # Panics
/// This program can't be run again.
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

/// Ends the process with `verdict` if `progress` stands still for some seconds. Never returns otherwise.
pub fn watch(verdict: &str, progress: impl Fn() -> usize) -> ! {
    const STILL: u32 = 60;
    let (mut last, mut still) = (progress(), 0);
    loop {
        thread::sleep(core::time::Duration::from_millis(100));
        let now = progress();
        still = if now == last { still + 1 } else { 0 };
        last = now;
        if still == STILL {
            ends(verdict);
        }
    }
}
