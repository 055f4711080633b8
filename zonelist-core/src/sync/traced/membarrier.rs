//! A model of membarrier(2): a full fence in each other thread, at some point between call and return.
//!
//! ```text
//! heavy half:    fence; request a fence of each other thread; sleep until each has served its request; fence
//! other thread:  before each access: if a request is pending, fence, and wake each heavy half that lacked only this
//! ```
//!
//! A request is served by a fence of the thread. It also counts as served while the thread has ended, has not begun, or
//! is still: blocked, or in a heavy half itself. Such a thread makes no access before its next fence, and has fenced
//! after its last access, as the kernel does when it takes a thread off its CPU. So each of these states is as good as
//! a fence at the request.
//!
//! Requests are plain memory, which loom does not see. The search is complete because a thread *loads* a word of its
//! own before each access, and a request *exchanges* that word. loom takes the two for dependent, and explores the
//! request before and after the load. The word never changes, so that no load has a choice of values.
//!
//! The fence is the processor's, not the compiler's. A store that a mutant has moved behind the thread's next step
//! stays there, and the fence may run between the two.
//!
//! The model is stronger than the kernel in one respect, as all SeqCst fences of loom are: a fence orders the thread
//! behind everything that other threads had fenced, and so orders plain memory too. See `explored`.

use std::{boxed::Box, cell::RefCell, panic::Location, sync::Arc, vec::Vec};

use loom::sync::atomic as raw;

use super::{
    Log,
    Ordering::{Relaxed, SeqCst},
    SourceLocation, Step, note,
    sink::{self, Next},
};

/// The number of threads that loom allows in a model.
const THREADS: usize = 5;

/// The state of the model in one execution; empty if membarrier is not modelled.
#[derive(Default)]
struct Membarriers {
    /// By thread number: see [`Log::actor`].
    threads: Vec<Thread>,
    sleepers: Vec<Sleeper>,
}

/// The requests of one thread.
struct Thread {
    /// Loaded by the thread before each access, exchanged by each request; its value has no meaning.
    word: Arc<raw::AtomicBool>,
    /// The number of fences requested so far.
    requested: u32,
    /// The value of `requested` at the thread's last fence.
    fenced: u32,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Has made no access.
    Unborn,
    Running,
    /// Makes no access before its next fence.
    Still,
}

/// A heavy half that waits for other threads.
struct Sleeper {
    thread: loom::thread::Thread,
    /// The other threads, each with the number of its request.
    requests: Vec<(usize, u32)>,
}

std::thread_local! {
    static ALL: RefCell<Membarriers> = RefCell::default();
}

loom::thread_local! {
    /// Dropped when its thread ends.
    static END: RefCell<Option<End>> = RefCell::new(None);
}

/// Makes its thread still for good when dropped.
struct End(usize);

impl Drop for End {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            sink::before(self.0, Next::Other);
            rest(self.0);
        }
    }
}

impl Membarriers {
    /// True if a thread has served this request.
    fn is_served(&self, &(actor, request): &(usize, u32)) -> bool {
        let thread = &self.threads[actor];
        thread.progress != Progress::Running || thread.fenced >= request
    }

    /// Removes the sleepers whose requests are all served.
    fn woken(&mut self) -> Vec<loom::thread::Thread> {
        let sleepers = core::mem::take(&mut self.sleepers);
        let served = |sleeper: &Sleeper| sleeper.requests.iter().all(|request| self.is_served(request));
        let (awake, asleep): (Vec<_>, Vec<_>) = sleepers.into_iter().partition(served);
        self.sleepers = asleep;
        awake.into_iter().map(|sleeper| sleeper.thread).collect()
    }
}

/// Begins to model membarrier in this execution. Called before the execution has a second thread.
pub fn begin() {
    let thread =
        |_| Thread { word: Arc::new(raw::AtomicBool::new(false)), requested: 0, fenced: 0, progress: Progress::Unborn };
    ALL.set(Membarriers { threads: (0..THREADS).map(thread).collect(), sleepers: Vec::new() });
}

/// Begins an execution, without a model of membarrier.
pub(super) fn clear() {
    ALL.take();
}

/// True if this execution models membarrier.
#[must_use]
pub fn is_modelled() -> bool {
    ALL.with_borrow(|all| !all.threads.is_empty())
}

/// Called before each access of a thread: runs the fence that a heavy half has requested of it.
pub(super) fn before_access(actor: usize, place: SourceLocation) {
    let Some(word) = word(actor) else { return };
    // Other threads run before this returns, and may request a fence of this one.
    word.load(Relaxed);
    let begins = with(actor, |thread| core::mem::replace(&mut thread.progress, Progress::Running)) == Progress::Unborn;
    if begins {
        END.with(|end| end.replace(Some(End(actor))));
    }
    if is_due(actor) {
        note(actor, place, Step::Said(Box::from("runs a full fence for a heavy half")));
        fence(actor);
    }
}

/// The heavy half of the barrier pair: returns once each other thread has run a full fence since the call.
///
/// # Panics
/// The execution does not model membarrier.
#[track_caller]
pub fn heavy() {
    assert!(is_modelled(), "a heavy half without a model of it: make what is published by `models::asymmetric`");
    let actor = Log::actor();
    sink::before(actor, Next::Other);
    note(actor, Location::caller(), Step::Said(Box::from("heavy half: begins")));
    if super::fault("membarrier: a fence of the caller's alone") {
        return raw::fence(SeqCst);
    }
    // Another heavy half does not wait for this thread, which makes no access until the fence below.
    stand_still(actor);
    let others = (0..THREADS).filter(|&other| other != actor);
    let requests = others.map(|other| (other, request_fence(other))).collect();
    let waits = ALL.with_borrow_mut(|all| {
        let sleeper = Sleeper { thread: loom::thread::current(), requests };
        let waits = !sleeper.requests.iter().all(|request| all.is_served(request));
        if waits {
            all.sleepers.push(sleeper);
        }
        waits
    });
    if waits {
        loom::thread::park();
    }
    with(actor, |thread| thread.progress = Progress::Running);
    fence(actor);
    note(actor, Location::caller(), Step::Said(Box::from("heavy half: every other thread has run a full fence")));
}

/// Waits for the end of a thread of a model.
///
/// # Panics
/// The thread has panicked.
pub fn join<T>(thread: loom::thread::JoinHandle<T>) -> T {
    while_blocked(|| thread.join()).expect("a thread of the model")
}

/// Runs an operation that may block and makes no access that a model explores. No heavy half waits for this thread
/// meanwhile.
///
/// If membarrier is modelled, a thread that blocks in loom in any other way keeps heavy halves waiting for ever, which
/// loom reports as a deadlock.
pub fn while_blocked<R>(wait: impl FnOnce() -> R) -> R {
    let actor = Log::actor();
    sink::before(actor, Next::Other);
    rest(actor);
    let result = wait();
    if is_modelled() {
        if is_due(actor) {
            fence(actor);
        }
        with(actor, |thread| thread.progress = Progress::Running);
    }
    result
}

/// Requests a fence of a thread. Returns the number of the request.
fn request_fence(actor: usize) -> u32 {
    // Never succeeds: it only makes loom take this and the thread's loads for dependent.
    let _ = word(actor).map(|word| word.compare_exchange(true, true, Relaxed, Relaxed));
    with(actor, |thread| {
        thread.requested += 1;
        thread.requested
    })
}

/// Makes a thread still, as late as possible. The program has no fence here without a heavy half, and an early fence
/// could hide that some step needs one.
fn rest(actor: usize) {
    if is_modelled() {
        loom::thread::yield_now();
    }
    stand_still(actor);
}

/// Makes a thread still: it fences, and no heavy half waits for it until it runs again.
fn stand_still(actor: usize) {
    let Some(word) = word(actor) else { return };
    word.load(Relaxed);
    with(actor, |thread| thread.progress = Progress::Still);
    fence(actor);
}

/// Runs a full fence, which serves all requests so far, and wakes the heavy halves that waited for it.
fn fence(actor: usize) {
    raw::fence(SeqCst);
    with(actor, |thread| thread.fenced = thread.requested);
    // An unpark orders the steps of this thread before those of the sleeper, as the fence does: all of them are before
    // it.
    ALL.with_borrow_mut(Membarriers::woken).iter().for_each(loom::thread::Thread::unpark);
}

/// True if a request of a thread is pending.
fn is_due(actor: usize) -> bool {
    with(actor, |thread| thread.fenced != thread.requested)
}

/// The word of a thread, if membarrier is modelled. The word is accessed while [`ALL`] is not borrowed: other threads
/// run then.
fn word(actor: usize) -> Option<Arc<raw::AtomicBool>> {
    ALL.with_borrow(|all| all.threads.get(actor).map(|thread| Arc::clone(&thread.word)))
}

fn with<R>(actor: usize, access: impl FnOnce(&mut Thread) -> R) -> R {
    ALL.with_borrow_mut(|all| access(&mut all.threads[actor]))
}
