//! Walks when a thread's locals are destroyed.

use core::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};
use std::{boxed::Box, format, string::ToString, sync::mpsc, thread, thread_local, vec::Vec};

use super::child::{ends, watch};
use crate::{
    conformance::Sample,
    publish::{Barrier, Published, Scheme},
};

/// Does something when it goes.
struct Last(Box<dyn FnMut()>);

impl Drop for Last {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static EARLY: RefCell<Option<Last>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// Walks in the destructors of thread-locals, made before and behind the first walk of their thread; then ends the
/// process with [`WELL`](super::WELL), or with what went wrong.
///
/// # Panics
/// The lists do not fit.
pub fn walks_in_a_destructor<S: Scheme + 'static, B: Barrier + 'static>(make: impl Fn() -> S, sample: &Sample) {
    let Sample { versions, requests } = sample;
    // Its thread outlives every scope.
    let published: &'static Published<S, B, 2> = Box::leak(Box::new(Published::new(make())));
    published.publish(&versions[0]).expect("room");
    let (node, request) = requests[0];
    let (send, seen) = mpsc::channel();
    let ended = thread::spawn(move || {
        // One local is made before what the scheme itself keeps for the thread, and one behind:
        // whichever goes first, both have to walk.
        let walks = |send: mpsc::Sender<usize>| {
            move || {
                let mut reader = published.reader().expect("a reader slot");
                let count = reader.enter().walk(node, &published.filter(&request)).count();
                // The receiver may be gone, and that is no matter.
                let _ = send.send(count);
            }
        };
        EARLY.with_borrow_mut(|early| *early = Some(Last(Box::new(walks(send.clone())))));
        walks(send.clone())();
        LATE.with_borrow_mut(|late| *late = Some(Last(Box::new(walks(send)))));
    });
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| watch("hangs in a destructor", || usize::from(done.load(SeqCst))));
        let ended = ended.join();
        let expected = versions[0].lists().of(node, request.scope).iter();
        let expected = expected.filter(|entry| request.admits(entry.zone())).count();
        let seen: Vec<usize> = seen.iter().collect();
        let well = ended.is_ok() && seen == [expected; 3];
        ends(if well { super::WELL.to_string() } else { format!("{ended:?}, {seen:?} zones") });
    });
}
