//! What may hang or crash runs in a process of its own, one for each scheme.

use std::{env, fmt::Display, io::Write, os::unix::process::ExitStatusExt, process::Command, thread};

use zonelist_schemes::SchemeId;
use zonelist_verify::at_once;

const SCHEME: &str = "ZONELIST_FACT_OF";
const VERDICT: &str = "verdict: ";

/// Says what became of it, and ends the process at once, whatever its threads are at.
///
/// The heap may be what hangs: nothing here reaches for it.
pub(crate) fn ends(verdict: impl Display) -> ! {
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

/// What became of `body`, which has to call [`ends`], with each scheme: its word, or how the process died.
///
/// `test` is the name of the calling test as the harness has it. In a child this does not return.
pub(crate) fn verdicts(test: &str, body: impl Fn(SchemeId)) -> Vec<(SchemeId, String)> {
    if let Ok(name) = env::var(SCHEME) {
        body(name.parse().expect("a scheme's name"));
        ends("came back without a verdict");
    }
    let verdict = |scheme: SchemeId| {
        let mut child = Command::new(env::current_exe().expect("this program"));
        let child = child.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(SCHEME, scheme.name());
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
    };
    // Most of the time is spent waiting for what hangs: a few at once.
    let verdicts = at_once(AT_ONCE, &SchemeId::all(), |&scheme| (scheme, verdict(scheme)));
    verdicts.iter().for_each(|(scheme, verdict)| println!("{}: {verdict}", scheme.name()));
    verdicts
}

/// Processes at once: more would take the CPUs from one another, and look as if they hung.
const AT_ONCE: usize = 3;

/// Ends the process with `verdict` if `progress` stands still for some seconds. Never returns otherwise.
pub(crate) fn watch(verdict: &str, progress: impl Fn() -> usize) -> ! {
    const STILL: u32 = 60;
    let (mut last, mut still) = (progress(), 0);
    loop {
        thread::sleep(std::time::Duration::from_millis(100));
        let now = progress();
        still = if now == last { still + 1 } else { 0 };
        last = now;
        if still == STILL {
            ends(verdict);
        }
    }
}
