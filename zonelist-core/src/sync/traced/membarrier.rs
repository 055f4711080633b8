//! membarrier(2) as a model can have it: a full fence in each other thread, at some point between call and return.
//!
//! ```text
//! heavy half:    fence; mark each other thread; sleep until all of them are done; fence
//! other thread:  before each access: if it is marked, fence, and wake the heavy halves that it was the last one for
//! ```
//!
//! A thread is done with a mark once it has fenced behind it, has ended, has not begun, or stands still: it is
//! blocked, or runs a heavy half itself. These four make no access before the next fence of their own, and behind
//! their last access they have fenced too, which is what the kernel does when it takes a thread off its CPU. So each
//! of them is as good as a fence at the mark.
//!
//! ZoneWatermarks are plain memory, which loom does not see. What makes the search complete is that a thread *loads* a word of
//! its own before each access, and a mark *exchanges* that word: loom takes the two for dependent, and explores the
//! mark before and behind the load. The word never changes, so that no load has a choice of values.
//!
//! The processor's fence is not the compiler's: a store that a mutant has moved behind the thread's next step stays
//! there, and the fence may run between the two.
//!
//! Stronger than the kernel in one thing only, as all SeqCst fences of loom are: behind a fence a thread is ordered
//! behind all that other threads had fenced, so that plain memory is, too. See `explored`.

use std::{boxed::Box, cell::RefCell, panic::Location, sync::Arc, vec::Vec};

use loom::sync::atomic as raw;

use super::{
    CodeLocation, Log,
    Ordering::{Relaxed, SeqCst},
    Step, note,
    sink::{self, Next},
};

/// Threads that a model of loom's may have.
const THREADS: usize = 5;

/// What the model of one execution knows; empty where membarrier is not modelled.
#[derive(Default)]
struct Membarriers {
    /// By their actors' numbers.
    threads: Vec<Thread>,
    sleepers: Vec<Sleeper>,
}

/// One thread, as heavy halves know it.
struct Thread {
    /// Loaded by the thread before each access, exchanged by each mark; holds nothing.
    word: Arc<raw::AtomicBool>,
    /// How often it was marked, and how often when it last fenced.
    fences: u32,
    fenced: u32,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It has made no access.
    Unborn,
    Running,
    /// It makes none before its next fence.
    Still,
}

/// A heavy half that waits for other threads.
struct Sleeper {
    thread: loom::thread::Thread,
    /// Actors, and the mark that each was given.
    marked: Vec<(usize, u32)>,
}

std::thread_local! {
    static ALL: RefCell<Membarriers> = RefCell::default();
}

loom::thread_local! {
    /// Goes when its thread ends.
    static END: RefCell<Option<End>> = RefCell::new(None);
}

/// Stands still for good when it goes.
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
    fn is_done(&self, &(actor, mark): &(usize, u32)) -> bool {
        let thread = &self.threads[actor];
        thread.progress != Progress::Running || thread.fenced >= mark
    }

    /// Takes out the sleepers that no thread keeps waiting.
    fn woken(&mut self) -> Vec<loom::thread::Thread> {
        let sleepers = core::mem::take(&mut self.sleepers);
        let done = |sleeper: &Sleeper| sleeper.marked.iter().all(|marked| self.is_done(marked));
        let (awake, asleep): (Vec<_>, Vec<_>) = sleepers.into_iter().partition(done);
        self.sleepers = asleep;
        awake.into_iter().map(|sleeper| sleeper.thread).collect()
    }
}

/// Begins to model membarrier in this execution, before it has a second thread.
pub fn begin() {
    let thread =
        |_| Thread { word: Arc::new(raw::AtomicBool::new(false)), fences: 0, fenced: 0, progress: Progress::Unborn };
    ALL.set(Membarriers { threads: (0..THREADS).map(thread).collect(), sleepers: Vec::new() });
}

/// Models it no more.
pub(super) fn clear() {
    ALL.take();
}

/// Whether this execution models it.
#[must_use]
pub fn is_modelled() -> bool {
    ALL.with_borrow(|all| !all.threads.is_empty())
}

/// Before each access of a thread: the fence that a heavy half wants of it.
pub(super) fn before_access(actor: usize, place: CodeLocation) {
    let Some(word) = word(actor) else { return };
    // Other threads run before this returns, and may mark this one.
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

/// The writer's half: returns once each other thread has run a full fence since the call.
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
    stand_still(actor);
    let others = (0..THREADS).filter(|&other| other != actor);
    let marked = others.map(|other| (other, mark(other))).collect();
    let waits = ALL.with_borrow_mut(|all| {
        let sleeper = Sleeper { thread: loom::thread::current(), marked };
        let waits = !sleeper.marked.iter().all(|marked| all.is_done(marked));
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
/// The thread has.
pub fn join<T>(thread: loom::thread::JoinHandle<T>) -> T {
    while_blocked(|| thread.join()).expect("a thread of the model")
}

/// Does what may block, and makes no access that a model explores: no heavy half waits for this thread meanwhile.
///
/// A thread that is blocked in loom otherwise, with membarrier modelled, keeps heavy halves waiting for ever, which loom
/// reports as a deadlock.
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

/// ZoneWatermarks a thread; which mark it is.
fn mark(actor: usize) -> u32 {
    // Never succeeds: it only tells loom that this and the thread's loads depend on one another.
    let _ = word(actor).map(|word| word.compare_exchange(true, true, Relaxed, Relaxed));
    with(actor, |thread| {
        thread.fences += 1;
        thread.fences
    })
}

/// Stands still, as late as can be: without a heavy half there would be no fence here, and where one comes early it
/// could hide that something needed it.
fn rest(actor: usize) {
    if is_modelled() {
        loom::thread::yield_now();
    }
    stand_still(actor);
}

/// Fences; until it goes on, a thread makes no access, and is waited for by no heavy half.
fn stand_still(actor: usize) {
    let Some(word) = word(actor) else { return };
    word.load(Relaxed);
    with(actor, |thread| thread.progress = Progress::Still);
    fence(actor);
}

/// Runs a full fence for all requests so far, and wakes those that waited for it.
fn fence(actor: usize) {
    raw::fence(SeqCst);
    with(actor, |thread| thread.fenced = thread.fences);
    // An unpark orders what the thread has done before what the sleeper does next: all of it is before the fence.
    ALL.with_borrow_mut(Membarriers::woken).iter().for_each(loom::thread::Thread::unpark);
}

fn is_due(actor: usize) -> bool {
    with(actor, |thread| thread.fenced != thread.fences)
}

/// The word of a thread, if membarrier is modelled. Not used while [`ALL`] is borrowed: other threads run then.
fn word(actor: usize) -> Option<Arc<raw::AtomicBool>> {
    ALL.with_borrow(|all| all.threads.get(actor).map(|thread| Arc::clone(&thread.word)))
}

fn with<R>(actor: usize, look: impl FnOnce(&mut Thread) -> R) -> R {
    ALL.with_borrow_mut(|all| look(&mut all.threads[actor]))
}
