//! loom's atomics, which say what is done to them: for the models.
//!
//! Every operation goes to loom as it is, and into the log of the thread's execution: whose it is,
//! where in the source, what it read or wrote. That makes a timeline of any interleaving, and a list
//! of every place where our code says an ordering. It also makes mutants, without a word in the source:
//! one such place has a weaker ordering, one fence is left out, one store takes effect one step late.

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

/// A place in the source.
pub type CodeLocation = &'static Location<'static>;

/// Something that an atomic's value stands for, as a number.
pub type Value = u64;

/// One step of an execution.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who made it: see [`Log::actor`].
    pub actor: usize,
    /// Where.
    pub place: CodeLocation,
    /// What.
    pub step: Step,
}

/// What a step does. Objects are numbered in the order of their birth.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "fields of the names of what they hold")]
pub enum Step {
    /// `newest` is what was last stored: memory may show an older value.
    Load { object: usize, value: Value, newest: Value },
    /// A store.
    Store { object: usize, value: Value },
    /// A load and a store in one. The same value means that nothing was stored.
    ReadModifyWrite { object: usize, before: Value, after: Value },
    /// A fence.
    Fence { ordering: Ordering },
    /// What becomes of a lock or a cell.
    Did { object: usize, what: &'static str },
    /// What becomes of a version, by its address.
    Version { at: Value, what: &'static str },
    /// No access to memory: what an actor reports of itself.
    Said(Box<str>),
}

/// What has happened in one execution.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Since [`Log::clear`].
    pub events: Vec<Event>,
    /// Where each object was made.
    pub born: Vec<CodeLocation>,
    /// Which execution of which model it is.
    pub model: (String, u64),
    /// What actors are called.
    pub actors: Vec<String>,
    newest: Vec<Value>,
    threads: Vec<loom::thread::ThreadId>,
    waits: Vec<u32>,
    interrupt: Option<Interrupt>,
    interrupted: Option<usize>,
    ended: bool,
    /// What a panic amid this step means.
    explanation: Option<String>,
}

/// What interrupts an actor, before which of its steps.
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
    /// Stores that are late, each with whose it is, and where.
    static LATE: RefCell<Vec<(usize, CodeLocation, Late)>> = RefCell::default();
}

impl Log {
    /// Begins an execution: no step is done, and no actor is there.
    pub fn clear(model: &str, number: u64) {
        LATE.with_borrow_mut(Vec::clear);
        sink::clear();
        membarrier::clear();
        versions::clear();
        watch::begin();
        LOG.set(Self { model: (model.to_owned(), number), ..Self::default() });
    }

    /// Ends it: stores that are late take effect.
    pub fn end() {
        LATE.take().into_iter().for_each(|(.., store)| store());
        sink::end();
        versions::end();
    }

    /// Does something whose panic means this.
    fn explained<R>(what: String, step: impl FnOnce() -> R) -> R {
        LOG.with_borrow_mut(|log| log.explanation = Some(what));
        let result = step();
        LOG.with_borrow_mut(|log| log.explanation = None);
        result
    }

    /// What a panic amid the step that is under way means.
    pub(crate) fn explanation() -> Option<String> {
        Self::read(|log| log.explanation.clone())
    }

    /// Forgets what has happened so far, but not who is there and what atomics hold.
    pub fn from_here() {
        LOG.with_borrow_mut(|log| log.events.clear());
    }

    /// Nothing that happens from now on belongs to the story.
    pub fn end_here() {
        LOG.with_borrow_mut(|log| log.ended = true);
    }

    /// Names the running actor.
    pub fn call(name: &str) {
        let actor = Self::actor();
        LOG.with_borrow_mut(|log| name.clone_into(&mut log.actors[actor]));
    }

    /// The execution so far; of a thread that is in the midst of a step, nothing.
    pub fn read<R>(read: impl FnOnce(&Self) -> R) -> R {
        LOG.with(|log| match log.try_borrow() {
            Ok(log) => read(&log),
            Err(_) => read(&Self::default()),
        })
    }

    /// Who is running: 0 for the thread that the model began with, then as they came.
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

    /// How often an actor has waited: see [`Backoff`](super::Backoff).
    #[must_use]
    pub fn waits(actor: usize) -> u32 {
        LOG.with_borrow(|log| log.waits.get(actor).copied().unwrap_or(0))
    }

    /// Records that the running actor waits.
    pub(super) fn wait() {
        let actor = Self::actor();
        sink::before(actor, Next::Other);
        let interrupted = LOG.with_borrow_mut(|log| {
            log.waits[actor] += 1;
            log.interrupted == Some(actor)
        });
        assert!(!interrupted, "an interrupt waits for what it has interrupted, for ever");
    }

    /// Notes something in words.
    #[track_caller]
    pub fn say(what: impl Into<String>) {
        let actor = Self::actor();
        settle(actor);
        note(actor, Location::caller(), Step::Said(what.into().into_boxed_str()));
    }

    /// Interrupts the running actor once, after this number of steps from now.
    pub fn interrupt(after: usize, handler: impl Fn() + 'static) {
        let actor = Self::actor();
        LOG.with_borrow_mut(|log| log.interrupt = Some(Interrupt { actor, after, handler: Arc::new(handler) }));
    }

    /// Whether the interrupt is still to come; then it no longer is.
    #[must_use]
    pub fn uninterrupted() -> bool {
        LOG.with_borrow_mut(|log| log.interrupt.take()).is_some()
    }
}

/// Before the running thread touches memory that loom takes for plain.
#[track_caller]
pub(super) fn before_plain() {
    let actor = Log::actor();
    sink::before(actor, Next::Plain);
    membarrier::before_access(actor, Location::caller());
}

/// Before each step of the running actor, whose number it returns.
#[track_caller]
fn before(place: CodeLocation, next: Next) -> usize {
    let actor = Log::actor();
    sink::before(actor, next);
    watch::step(actor, place);
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

/// Behind each step: it is noted, and then stores that are late take effect.
fn after(actor: usize, place: CodeLocation, step: Step) {
    note(actor, place, step);
    settle(actor);
}

fn note(actor: usize, place: CodeLocation, step: Step) {
    LOG.with_borrow_mut(|log| {
        if !log.ended {
            log.events.push(Event { actor, place, step });
        }
    });
}

fn born(place: CodeLocation, value: Value) -> usize {
    LOG.with_borrow_mut(|log| {
        log.born.push(place);
        log.newest.push(value);
        log.born.len() - 1
    })
}

fn newest(object: usize, stored: Option<Value>) -> Value {
    LOG.with_borrow_mut(|log| {
        // An object that is older than this execution's log is in none of its timelines.
        let Some(newest) = log.newest.get_mut(object) else { return stored.unwrap_or_default() };
        core::mem::replace(newest, stored.unwrap_or(*newest))
    })
}

/// Lets stores that are late take effect.
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
        // The processor comes by it only now, so that a fence of its own may be before it.
        membarrier::before_access(actor, place);
        store();
    }
}
