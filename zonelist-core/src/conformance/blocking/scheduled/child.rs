//! The child of a fork that is made while another thread of the run is stopped.
//!
//! The fork is a real one. shuttle's threads are one thread of the system, so all of them exist in the child. The
//! stopped thread never runs there, which is the same as if it did not exist.

use std::{boxed::Box, format, panic, string::String};

use super::{super::operations::Op, Fixture, OperationObserver, Outcome, await_held, this_thread};
use crate::{
    publish::Scheme,
    sync::control::{Control, HOPELESS},
};

/// Seconds after which a child counts as hung. A child needs a few milliseconds.
const TIMEOUT: u32 = 100;

/// The outcome of an operation in a child that has called `after_fork`. `None`, if no other thread could be stopped.
/// The parent does the operation too, after the child has ended.
pub(super) fn observed<S: Scheme>(fixture: &Fixture<S>, op: Op<'_>) -> Option<Outcome> {
    let mut forking = Forking { fixture, outcome: None, pipe: None };
    op(&mut forking);
    forking.outcome
}

/// Forks at the beginning of the operation.
struct Forking<'g, S: Scheme> {
    fixture: &'g Fixture<S>,
    /// In the parent, the child's outcome.
    outcome: Option<Outcome>,
    /// In the child, the end of the pipe to which its outcome is written.
    pipe: Option<libc::c_int>,
}

impl<S: Scheme> OperationObserver for Forking<'_, S> {
    fn ready(&mut self) {
        await_held();
    }

    fn begin(&mut self) {
        self.ready();
        if !Control::with(|control| control.held) {
            return;
        }
        let mut pipe = [0; 2];
        // SAFETY: the array has room for the two descriptors that the call writes.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0, "a pipe");
        // SAFETY: the system has one thread of this process, so the child may run any code; it ends by `_exit`.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "a child");
        if pid == 0 {
            self.pipe = Some(pipe[1]);
            begin_child(pipe[1]);
            // SAFETY: this is the child of a fork that this thread made; the scheduler never runs the stopped thread
            // here.
            unsafe { self.fixture.after_fork() };
            Control::with(|control| control.operator = Some(this_thread()));
        } else {
            self.outcome = Some(outcome(pid, pipe));
            Control::with(|control| control.released = true);
        }
    }

    fn end(&mut self, what: &'static str) {
        self.pipe.inspect(|&pipe| end_with(pipe, &format!("ends:{what}")));
    }
}

/// Waits for the child to end, and returns its outcome.
fn outcome(pid: libc::pid_t, pipe: [libc::c_int; 2]) -> Outcome {
    let (mut word, mut status) = ([0; 64], 0);
    // SAFETY: `status` is a local variable that the call may write.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert!(libc::WIFEXITED(status), "the child of a fork hangs, or dies by a signal");
    // SAFETY: the buffer has room for `word.len()` bytes.
    let len = unsafe { libc::read(pipe[0], word.as_mut_ptr().cast(), word.len()) };
    for end in pipe {
        // SAFETY: this function owns the descriptor, and does not use it again.
        unsafe { libc::close(end) };
    }
    let word = word.get(..len as usize).expect("a word");
    match core::str::from_utf8(word).expect("text") {
        "never" => Outcome::Never,
        ended => Outcome::Ends(String::from(ended.strip_prefix("ends:").expect("no panic in the child")).into()),
    }
}

/// Makes the child end at a panic, and at a wait for ever, since nothing is released in the child.
fn begin_child(pipe: libc::c_int) {
    // SAFETY: `alarm` has no conditions. Its signal has no handler, so it ends the process.
    unsafe { libc::alarm(TIMEOUT) };
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() == Some(&HOPELESS) {
            end_with(pipe, "never");
        }
        before(panic);
        end_with(pipe, "panics");
    }));
    Control::with(|control| control.hopeless = true);
}

/// Writes a word to the parent, and ends the child.
fn end_with(pipe: libc::c_int, word: &str) -> ! {
    // SAFETY: the pointer and the length are those of `word`.
    unsafe { libc::write(pipe, word.as_ptr().cast(), word.len()) };
    // SAFETY: `_exit` has no conditions. It runs no destructor and no exit handler of the parent.
    unsafe { libc::_exit(0) }
}
