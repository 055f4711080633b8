//! Walks in the destructors of a thread's locals.

use core::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};
use std::{boxed::Box, format, string::ToString, sync::mpsc, thread, thread_local, vec::Vec};

use super::child::{ends, watch};
use crate::{
    conformance::Sample,
    publish::{Platform, Published, ReaderSlots, Scheme},
};

/// Calls a function when it is dropped.
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

/// Walks in the destructors of thread-locals, one made before the first walk of its thread and one behind it. Then ends
/// the process with [`PASSED`](super::PASSED), or with the failure as the verdict.
///
/// # Panics
/// If the lists do not fit.
pub fn walks_in_a_destructor<S: Scheme + 'static, P: Platform + 'static>(make: impl Fn() -> S, sample: &Sample) {
    let Sample { versions, requests } = sample;
    // Leaked, since the thread is not scoped.
    let published: &'static Published<S, P> =
        Box::leak(Box::new(Published::with_platform(make(), ReaderSlots::boxed(2))));
    published.publish(&versions[0]).expect("room");
    let (node, request) = requests[0];
    let (send, seen) = mpsc::channel();
    let ended = thread::spawn(move || {
        // One local is made before the thread-locals of the scheme, and one behind. Whatever the sequence of the
        // destructors is, one of the two walks when those of the scheme are destroyed.
        let walks = |send: mpsc::Sender<usize>| {
            move || {
                let mut reader = published.reader().expect("a reader slot");
                let count = reader.enter().walk(node, &published.filter(&request)).count();
                // May fail without harm: the receiver may have been dropped.
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
        ends(if well { super::PASSED.to_string() } else { format!("{ended:?}, {seen:?} zones") });
    });
}
