//! Processes that are waited for with a deadline, and what they used.

use std::{
    io,
    mem::MaybeUninit,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The time for a process, above which it counts as waiting for ever.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a process and the children that it waited for used.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    /// User time in seconds.
    pub(crate) user: f64,
    /// The largest resident memory of one process, in MiB.
    pub(crate) resident: f64,
}

/// Runs a command to its end. Its output is discarded.
pub(crate) fn run(command: &mut Command) -> io::Result<Used> {
    // A group of its own, so that a deadline ends the children too.
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0).spawn()?;
    let id = child.id().cast_signed();
    let end = Instant::now() + PATIENCE;
    loop {
        let (mut status, mut used) = (0, MaybeUninit::<libc::rusage>::zeroed());
        // SAFETY: the process is a child of this one, and both places are there for the outcome.
        let waited = unsafe { libc::wait4(id, &mut status, libc::WNOHANG, used.as_mut_ptr()) };
        if waited < 0 {
            return Err(io::Error::last_os_error());
        }
        if waited == id {
            if status != 0 {
                return Err(io::Error::other(format!("{command:?} ended with status {status:#x}; expected 0")));
            }
            // SAFETY: all zeros is a value, and the call has written it.
            let used = unsafe { used.assume_init() };
            let user = used.ru_utime.tv_sec as f64 + used.ru_utime.tv_usec as f64 / 1e6;
            return Ok(Used { user, resident: used.ru_maxrss as f64 / 1024.0 });
        }
        if Instant::now() > end {
            // SAFETY: the group is that of the child, which has not been waited for.
            unsafe { libc::kill(-id, libc::SIGKILL) };
            return Err(io::Error::other(format!("{command:?} did not end within {PATIENCE:?}")));
        }
        thread::sleep(Duration::from_millis(2));
    }
}
