//! A walk in the child of a fork. The publisher stays behind, stopped wherever it was within a publish.

use core::ptr;
use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    cases,
    interrupt::{Stop, beside},
};
use crate::{
    conformance::Sample,
    publish::{Barrier, Published, Scheme, Walk},
};

/// Forks, each at another point of a publish; a sixth of them in the short set, where nothing should come of it.
const FORKS: u32 = 60;

/// Walks in a child, before it takes it that none is ever whole.
const WALKS: usize = 100_000;

/// What became of a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Child {
    /// Its walks ended.
    Walked,
    /// Every walk said that it may be torn.
    NeverWhole,
    /// A walk did not end.
    Hung,
    /// It died.
    Died,
}

/// Forks, and says what becomes of the child, which is given so long.
fn forked(child: impl FnOnce() -> bool, patience: Duration) -> Child {
    // SAFETY: the child does what `child` does, which takes no lock that another thread can have had
    // but those that are tested, and ends at once.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let code = if child() { 0 } else { 1 };
        // SAFETY: it never returns.
        unsafe { libc::_exit(code) }
    }
    assert!(pid > 0, "fork: {}", std::io::Error::last_os_error());
    let (begun, mut status) = (Instant::now(), 0);
    // SAFETY: the status is ours.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == 0 {
        if begun.elapsed() > patience {
            // SAFETY: it is our child, and was not waited for yet.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            // SAFETY: it needs no status.
            unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
            return Child::Hung;
        }
        thread::yield_now();
    }
    match (libc::WIFEXITED(status), libc::WEXITSTATUS(status)) {
        (true, 0) => Child::Walked,
        (true, 1) => Child::NeverWhole,
        _ => Child::Died,
    }
}

/// What becomes of a walk in the child of a fork, whose publisher is stopped somewhere within a publish.
///
/// # Panics
/// The lists do not fit, or the system does not fork.
pub fn after_fork<S: Scheme, B: Barrier>(make: impl Fn() -> S, sample: &Sample) -> Child {
    let Sample { versions, requests } = sample;
    let published: Published<S, B, 1> = Published::new(make());
    published.publish(&versions[0]).expect("room");
    let (mut reader, filter) = (published.reader().expect("a reader slot"), published.filter(&requests[0].1));
    let patience = Duration::from_secs(if S::FACTS.after_fork { 60 } else { 2 });
    let publishes = |stop: &Stop, goes_on: &dyn Fn() -> bool| {
        for version in versions.iter().cycle().take_while(|_| goes_on()) {
            // It does not wait for its reader below, which may be online between walks.
            let _ = stop.within(|| published.try_publish(version));
        }
    };
    beside(publishes, |stop, victim| {
        let mut fork = || {
            reader.quiescent();
            let mut whole = || {
                let guard = reader.enter();
                let mut walk = guard.walk(requests[0].0, &filter);
                walk.by_ref().count() > 0 && !walk.must_retry()
            };
            stop.stopped(victim, || forked(|| (0..WALKS).any(|_| whole()), patience))
        };
        (0..cases(FORKS, if S::FACTS.after_fork { 6 } else { 1 }))
            .map(|_| fork())
            .find(|&became| became != Child::Walked)
            .unwrap_or(Child::Walked)
    })
}
