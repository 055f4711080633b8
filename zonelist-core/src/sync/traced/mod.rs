//! loom's atomics and locks with a log of each operation. Compiled under loom only, for the models.
//!
//! Every operation is passed to loom unchanged, and recorded in the log of the execution: the thread, the location in
//! the source, and the value that was read or written. From the log come a timeline of any interleaving and a list of
//! every location where our code states an ordering. The same wrappers make mutants without a change of the source: one
//! location has a weaker ordering, one fence is left out, or one store takes effect one step late.
//!
//! | file | content |
//! |---|---|
//! | `atomics`, `locks` | the wrappers of loom's types |
//! | `mod` | [`Log`]: the steps of one execution |
//! | `membarrier` | a model of membarrier(2) |
//! | `sink` | stores that a left out compiler fence lets sink behind later loads |
//! | `versions` | the memory of versions, and a check that no walk uses it after it is freed |
//! | `wrong` | the mutant or the stronger ordering of a location |
//! | `places` | paths and texts of sources |
//! | `watch` | detects a model that has stopped |

mod atomics;
mod locks;
pub mod membarrier;
mod places;
mod sink;
pub(super) mod versions;
mod watch;
mod wrong;

use std::{borrow::ToOwned, boxed::Box, cell::RefCell, format, panic::Location, string::String, sync::Arc, vec::Vec};

pub use atomics::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, compiler_fence, fence,
};
pub use locks::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, TracedCell};
pub use loom::sync::atomic::Ordering;
pub(crate) use places::{shown, source};
use sink::Next;
pub(crate) use watch::Watch;
pub(super) use wrong::fault;
pub(crate) use wrong::{Site, Stronger, is_quiet, is_stronger, quiet, sites_are_asked_for, stronger};

/// A location in the source.
pub type SourceLocation = &'static Location<'static>;

/// The value of an atomic, as a number.
pub type Value = u64;

/// One step of an execution.
#[derive(Clone, Debug)]
pub struct Event {
    /// The thread that made the step: see [`Log::actor`].
    pub actor: usize,
    /// The location of the call.
    pub place: SourceLocation,
    /// What the step did.
    pub step: Step,
}

/// What a step did. Objects are numbered in the sequence in which they were made.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields have the names of their contents")]
pub enum Step {
    /// A load. `newest` is the last stored value: memory may show an older one.
    Load { object: usize, value: Value, newest: Value },
    /// A store.
    Store { object: usize, value: Value },
    /// A read-modify-write. Equal values mean that nothing was stored.
    ReadModifyWrite { object: usize, before: Value, after: Value },
    /// A fence.
    Fence { ordering: Ordering },
    /// An operation on a lock or a cell.
    Did { object: usize, what: &'static str },
    /// An operation on a version, by the version's address.
    Version { at: Value, what: &'static str },
    /// No access to memory: a remark in words.
    Said(Box<str>),
}

/// The steps of one execution so far.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The steps since [`Log::clear`] or [`Log::from_here`].
    pub events: Vec<Event>,
    /// The location where each object was made.
    pub born: Vec<SourceLocation>,
    /// The name of the model, and the number of the execution.
    pub model: (String, u64),
    /// The names of the threads.
    pub actors: Vec<String>,
    newest: Vec<Value>,
    threads: Vec<loom::thread::ThreadId>,
    waits: Vec<u32>,
    interrupt: Option<Interrupt>,
    interrupted: Option<usize>,
    ended: bool,
    /// The meaning of a panic within the current step.
    explanation: Option<String>,
}

/// An interrupt of a thread, with the number of steps before it.
#[derive(Clone)]
struct Interrupt {
    actor: usize,
    after: usize,
    handler: Arc<dyn Fn()>,
}

impl core::fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Interrupt").field("actor", &self.actor).field("after", &self.after).finish_non_exhaustive()
    }
}

type Late = Box<dyn FnOnce()>;

std::thread_local! {
    static LOG: RefCell<Log> = RefCell::default();
    /// Stores that have not taken effect yet, each with its thread and location.
    static LATE: RefCell<Vec<(usize, SourceLocation, Late)>> = RefCell::default();
}

impl Log {
    /// Begins an execution, with an empty log and no threads.
    pub fn clear(model: &str, number: u64) {
        LATE.with_borrow_mut(Vec::clear);
        sink::clear();
        membarrier::clear();
        versions::clear();
        watch::begin();
        LOG.set(Self { model: (model.to_owned(), number), ..Self::default() });
    }

    /// Ends an execution: late stores take effect.
    pub fn end() {
        LATE.take().into_iter().for_each(|(.., store)| store());
        sink::end();
        versions::end();
    }

    /// Runs a step whose panic has this meaning.
    fn explained<R>(what: String, step: impl FnOnce() -> R) -> R {
        LOG.with_borrow_mut(|log| log.explanation = Some(what));
        let result = step();
        LOG.with_borrow_mut(|log| log.explanation = None);
        result
    }

    /// The meaning of a panic within the current step.
    pub(crate) fn explanation() -> Option<String> {
        Self::read(|log| log.explanation.clone())
    }

    /// Drops the steps so far from the log, but keeps the threads and the values of atomics.
    pub fn from_here() {
        LOG.with_borrow_mut(|log| log.events.clear());
    }

    /// Records no further step.
    pub fn end_here() {
        LOG.with_borrow_mut(|log| log.ended = true);
    }

    /// Names the running thread.
    pub fn call(name: &str) {
        let actor = Self::actor();
        LOG.with_borrow_mut(|log| name.clone_into(&mut log.actors[actor]));
    }

    /// Reads the log so far. Within a change of the log, an empty one.
    pub fn read<R>(read: impl FnOnce(&Self) -> R) -> R {
        LOG.with(|log| match log.try_borrow() {
            Ok(log) => read(&log),
            Err(_) => read(&Self::default()),
        })
    }

    /// The number of the running thread: 0 for the model's first thread, then in the sequence of their first steps.
    #[must_use]
    pub fn actor() -> usize {
        let id = loom::thread::current().id();
        LOG.with_borrow_mut(|log| {
            let known = log.threads.iter().position(|&thread| thread == id);
            known.unwrap_or_else(|| {
                log.threads.push(id);
                log.waits.push(0);
                log.actors.push(format!("thread {}", log.waits.len()));
                log.waits.len() - 1
            })
        })
    }

    /// The number of waits of a thread for another: see [`Backoff`](super::Backoff).
    #[must_use]
    pub fn waits(actor: usize) -> u32 {
        LOG.with_borrow(|log| log.waits.get(actor).copied().unwrap_or(0))
    }

    /// Records a wait of the running thread.
    ///
    /// # Panics
    /// The running thread is interrupted, and its interrupt waits: what it waits for can't go on.
    pub(super) fn wait() {
        let actor = Self::actor();
        sink::before(actor, Next::Other);
        let interrupted = LOG.with_borrow_mut(|log| {
            log.waits[actor] += 1;
            log.interrupted == Some(actor)
        });
        assert!(!interrupted, "an interrupt waits for what it has interrupted, for ever");
    }

    /// Records a remark in words.
    #[track_caller]
    pub fn say(what: impl Into<String>) {
        let actor = Self::actor();
        settle(actor);
        note(actor, Location::caller(), Step::Said(what.into().into_boxed_str()));
    }

    /// Interrupts the running thread once, `after` steps from now.
    pub fn interrupt(after: usize, handler: impl Fn() + 'static) {
        let actor = Self::actor();
        LOG.with_borrow_mut(|log| log.interrupt = Some(Interrupt { actor, after, handler: Arc::new(handler) }));
    }

    /// Cancels the interrupt. True if it had not happened yet.
    #[must_use]
    pub fn uninterrupted() -> bool {
        LOG.with_borrow_mut(|log| log.interrupt.take()).is_some()
    }
}

/// Called before the running thread accesses memory that loom checks as plain memory.
#[track_caller]
pub(super) fn before_plain() {
    let actor = Log::actor();
    sink::before(actor, Next::Plain);
    membarrier::before_access(actor, Location::caller());
}

/// Called before each step of the running thread. Returns the thread's number.
#[track_caller]
fn before(place: SourceLocation, next: Next) -> usize {
    let actor = Log::actor();
    sink::before(actor, next);
    watch::step(actor, place);
    // The interrupt runs on this thread, before the step that it precedes takes place.
    let due = LOG.with_borrow_mut(|log| match &mut log.interrupt {
        Some(interrupt) if interrupt.actor == actor && interrupt.after == 0 => log.interrupt.take(),
        Some(interrupt) if interrupt.actor == actor => {
            interrupt.after -= 1;
            None
        }
        _ => None,
    });
    if let Some(interrupt) = due {
        LOG.with_borrow_mut(|log| log.interrupted = Some(actor));
        (interrupt.handler)();
        LOG.with_borrow_mut(|log| log.interrupted = None);
    }
    membarrier::before_access(actor, place);
    actor
}

/// Called after each step: records the step, and then lets late stores take effect.
fn after(actor: usize, place: SourceLocation, step: Step) {
    note(actor, place, step);
    settle(actor);
}

/// Records a step.
fn note(actor: usize, place: SourceLocation, step: Step) {
    LOG.with_borrow_mut(|log| {
        if !log.ended {
            log.events.push(Event { actor, place, step });
        }
    });
}

/// Records a new object. Returns the object's number.
fn born(place: SourceLocation, value: Value) -> usize {
    LOG.with_borrow_mut(|log| {
        log.born.push(place);
        log.newest.push(value);
        log.born.len() - 1
    })
}

/// The last stored value of an object; replaced by `stored`, if there is one.
fn newest(object: usize, stored: Option<Value>) -> Value {
    LOG.with_borrow_mut(|log| {
        // An object from before this execution is not in the log, and in none of its timelines.
        let Some(newest) = log.newest.get_mut(object) else { return stored.unwrap_or_default() };
        core::mem::replace(newest, stored.unwrap_or(*newest))
    })
}

/// Lets the late stores of a thread take effect.
fn settle(actor: usize) {
    if LATE.with_borrow(Vec::is_empty) {
        return;
    }
    let late: Vec<_> = LATE.with_borrow_mut(|all| {
        let (late, others) = core::mem::take(all).into_iter().partition(|(owner, ..)| *owner == actor);
        *all = others;
        late
    });
    for (_, place, store) in late {
        // The processor executes the store only now: a fence of membarrier may come before it.
        membarrier::before_access(actor, place);
        store();
    }
}
