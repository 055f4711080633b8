//! Walks in the child of a fork, while the publisher is stopped at some point within a publish.
//!
//! ```text
//!   repeat, each time at another point of a publish:
//!     stop the publishing thread by a signal
//!     fork; the child walks until a walk is whole
//!     wait for the child, or kill it behind a limit
//!     let the publishing thread go on
//! ```

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
    publish::{Platform, Published, ReaderSlots, Scheme, Walk},
};

/// Forks, each at another point of a publish. A sixth of them in the short set, for a scheme that declares the fact.
const FORKS: u32 = 60;

/// Walks in a child, before it concludes that no walk is ever whole.
const WALKS: usize = 100_000;

/// The outcome of a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Child {
    /// Its walks ended.
    Walked,
    /// Every walk reported that it may be torn.
    NeverWhole,
    /// A walk did not end.
    Hung,
    /// It died.
    Died,
}

/// Forks, waits for the child, and kills it after `limit`.
fn forked(child: impl FnOnce() -> bool, limit: Duration) -> Child {
    // SAFETY: the child calls `child` and ends. Of the locks that another thread may have held at the fork, `child`
    // takes only those of the scheme, which are what is tested.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let code = if child() { 0 } else { 1 };
        // SAFETY: `_exit` has no conditions.
        unsafe { libc::_exit(code) }
    }
    assert!(pid > 0, "fork: {}", std::io::Error::last_os_error());
    let (begun, mut status) = (Instant::now(), 0);
    // SAFETY: `status` is a local that lives until the call returns.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == 0 {
        if begun.elapsed() > limit {
            // SAFETY: `pid` is a child that was not reaped yet, so that no other process has that number.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            // SAFETY: a null status is permitted.
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

/// The outcome of walks in the children of forks, each with the publisher stopped at some point within a publish: the
/// first that is not [`Child::Walked`], if there is one.
///
/// # Panics
/// If the lists do not fit, or if the system does not fork.
pub fn after_fork<S: Scheme, P: Platform>(make: impl Fn() -> S, sample: &Sample) -> Child {
    let Sample { versions, requests } = sample;
    let published: Published<S, P> = Published::with_platform(make(), ReaderSlots::boxed(1));
    published.publish(&versions[0]).expect("room");
    let (mut reader, filter) = (published.reader().expect("a reader slot"), published.filter(&requests[0].1));
    // A child of a scheme that does not declare the fact is likely to hang.
    let limit = Duration::from_secs(if S::FACTS.after_fork { 60 } else { 2 });
    let publishes = |stop: &Stop, is_wanted: &dyn Fn() -> bool| {
        for version in versions.iter().cycle().take_while(|_| is_wanted()) {
            // `try_publish` does not wait for the reader below, which may be online between walks.
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
            stop.stopped(victim, || forked(|| (0..WALKS).any(|_| whole()), limit))
        };
        (0..cases(FORKS, if S::FACTS.after_fork { 6 } else { 1 }))
            .map(|_| fork())
            .find(|&outcome| outcome != Child::Walked)
            .unwrap_or(Child::Walked)
    })
}
