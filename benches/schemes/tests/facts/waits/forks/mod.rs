//! The child of a fork: it waits for no thread of its parent, whatever these were doing, and no page is allocated
//! twice.

mod allocator;
mod grace_periods;
mod operations;
mod zones;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Page frames of a zone: enough for the per-CPU pages to keep some.
const FRAMES: u64 = 1 << 13;

/// The number of forks during each task of another thread.
const FORKS: usize = 12;

/// Seconds after which a child counts as hung. A child needs milliseconds.
const TIMEOUT: u32 = 60;

/// Forks, and returns what `child` returns in the child. An alarm ends a child that hangs.
///
/// # Panics
/// The child dies, or `child` returns the number of a check that failed.
fn forked(child: impl FnOnce() -> Result<[usize; 3], u8>) -> [usize; 3] {
    let mut pipe = [0; 2];
    // SAFETY: the array has room for the two descriptors that the call writes.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    // SAFETY: the child runs `child`, and then ends by `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: `alarm` has no conditions. Its signal has no handler, so it ends the process.
        unsafe { libc::alarm(TIMEOUT) };
        let (word, code) = match catch_unwind(AssertUnwindSafe(child)) {
            Ok(Ok(losses)) => (losses.map(|lost| lost as u8), 0),
            Ok(Err(code)) => ([0; 3], i32::from(code)),
            Err(_) => ([0; 3], 98),
        };
        // SAFETY: the pointer and the length are those of `word`.
        unsafe { libc::write(pipe[1], word.as_ptr().cast(), word.len()) };
        // SAFETY: `_exit` has no conditions.
        unsafe { libc::_exit(code) }
    }
    assert!(pid > 0, "fork: {}", std::io::Error::last_os_error());
    let mut status = 0;
    // SAFETY: `status` is a local variable that the call may write.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    // If the child died without a write, the read below would wait for this end of the pipe.
    // SAFETY: this function owns the descriptor, and does not use it again.
    unsafe { libc::close(pipe[1]) };
    let mut word = [0_u8; 3];
    // SAFETY: the buffer has room for `word.len()` bytes.
    unsafe { libc::read(pipe[0], word.as_mut_ptr().cast(), word.len()) };
    // SAFETY: this function owns the descriptor, and does not use it again.
    unsafe { libc::close(pipe[0]) };
    assert!(!libc::WIFSIGNALED(status), "the child hangs, or dies by signal {}", libc::WTERMSIG(status));
    assert_eq!(libc::WEXITSTATUS(status), 0, "the child's check of this number failed");
    word.map(usize::from)
}
