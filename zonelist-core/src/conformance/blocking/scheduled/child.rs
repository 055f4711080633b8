//! The child of a fork, made while another thread of the run is stopped.
//!
//! A real one. To the system the threads of a run are one, so all of them are in the child, but nothing of another is ever
//! run there: it is stopped, as where there are none.

use std::{boxed::Box, format, panic, string::String};

use super::{super::operations::Op, Ground, Outcome, Watch, await_held, this_thread};
use crate::{
    publish::Scheme,
    sync::control::{Control, HOPELESS},
};

/// Seconds that a child is given, which needs a few milliseconds: a hang is a failure then.
const PATIENCE: u32 = 100;

/// What an operation comes to in a child that has cleaned up behind its parent's other threads; nothing, if none of them
/// could be stopped. The parent does the operation, too, when the child is no more.
pub(super) fn observed<S: Scheme>(ground: &Ground<S>, op: Op<'_>) -> Option<Outcome> {
    let mut forking = Forking { ground, outcome: None, pipe: None };
    op(&mut forking);
    forking.outcome
}

/// Forks where the operation begins.
struct Forking<'g, S: Scheme> {
    ground: &'g Ground<S>,
    /// In the parent, what the child came to.
    outcome: Option<Outcome>,
    /// In the child, where to say what it comes to.
    pipe: Option<libc::c_int>,
}

impl<S: Scheme> Watch for Forking<'_, S> {
    fn ready(&mut self) {
        await_held();
    }

    fn begin(&mut self) {
        self.ready();
        if !Control::with(|control| control.held) {
            return;
        }
        let mut pipe = [0; 2];
        // SAFETY: there is room for the two.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0, "a pipe");
        // SAFETY: the child does the operation, and ends.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "a child");
        if pid == 0 {
            self.pipe = Some(pipe[1]);
            begin_child(pipe[1]);
            // SAFETY: this is the child of a fork, made by this thread. Others are stopped for good.
            unsafe { self.ground.after_fork() };
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

/// What the child comes to.
fn outcome(pid: libc::pid_t, pipe: [libc::c_int; 2]) -> Outcome {
    let (mut word, mut status) = ([0; 64], 0);
    // SAFETY: the status is ours.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert!(libc::WIFEXITED(status), "the child of a fork hangs, or dies");
    // SAFETY: there is room for as much, and the child has written it.
    let len = unsafe { libc::read(pipe[0], word.as_mut_ptr().cast(), word.len()) };
    for end in pipe {
        // SAFETY: it is ours, and not used any more.
        unsafe { libc::close(end) };
    }
    let word = word.get(..len as usize).expect("a word");
    match core::str::from_utf8(word).expect("text") {
        "never" => Outcome::Never,
        ended => Outcome::Ends(String::from(ended.strip_prefix("ends:").expect("no panic in the child")).into()),
    }
}

/// In the child: it ends at a panic, and at a wait that is one for ever, since nothing is released.
fn begin_child(pipe: libc::c_int) {
    // SAFETY: it has no conditions. Its signal is not handled, and ends the process.
    unsafe { libc::alarm(PATIENCE) };
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

/// Ends the child, and says that to its parent.
fn end_with(pipe: libc::c_int, word: &str) -> ! {
    // SAFETY: the word is as long as that.
    unsafe { libc::write(pipe, word.as_ptr().cast(), word.len()) };
    // SAFETY: it has no conditions. Nothing of the parent's is dropped, nor run at the end.
    unsafe { libc::_exit(0) }
}
