//! loom's atomics, which say what is done to them: for the models.
//!
//! Every operation goes to loom as it is, and into the log of the thread's execution: whose it is,
//! where in the source, what it read or wrote. That makes a timeline of any interleaving, and a list
//! of every place where our code says an ordering. It also makes mutants, without a word in the source:
//! one such place has a weaker ordering, one fence is left out, one store takes effect one step late.

use std::{
    borrow::ToOwned,
    boxed::Box,
    cell::RefCell,
    collections::HashMap,
    env, format,
    panic::Location,
    println,
    string::{String, ToString},
    sync::{Arc, OnceLock},
    thread,
    vec::Vec,
};

use loom::sync::atomic as raw;
pub use raw::Ordering;

/// A place in the source.
pub type Place = &'static Location<'static>;

/// Something that an atomic's value stands for, as a number.
pub type Value = u64;

/// One step of an execution.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who made it: see [`Log::actor`].
    pub actor: usize,
    /// Where.
    pub place: Place,
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
    Exchange { object: usize, before: Value, after: Value },
    /// A fence.
    Fence { ordering: Ordering },
    /// Nothing that memory knows of: what somebody says of himself.
    Said(Box<str>),
}

/// What has happened in one execution.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Since [`Log::clear`].
    pub events: Vec<Event>,
    /// Where each object was made.
    pub born: Vec<Place>,
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
    /// Stores that are late, each with whose it is.
    static LATE: RefCell<Vec<(usize, Late)>> = RefCell::default();
    /// Places come by, and whether each is the mutant's.
    static KNOWN: RefCell<HashMap<usize, bool>> = RefCell::default();
}

impl Log {
    /// Begins an execution: nothing has happened, nobody is there.
    pub fn clear(model: &str, number: u64) {
        LATE.with_borrow_mut(Vec::clear);
        LOG.set(Self { model: (model.to_owned(), number), ..Self::default() });
    }

    /// Ends it: stores that are late take effect.
    pub fn end() {
        LATE.take().into_iter().for_each(|(_, store)| store());
    }

    /// Forgets what has happened so far, but not who is there and what atomics hold.
    pub fn from_here() {
        LOG.with_borrow_mut(|log| log.events.clear());
    }

    /// Nothing that happens from now on belongs to the story.
    pub fn end_here() {
        LOG.with_borrow_mut(|log| log.ended = true);
    }

    /// Says what whoever is running is called.
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

    /// How often an actor has waited for somebody: see [`Backoff`](super::Backoff).
    #[must_use]
    pub fn waits(actor: usize) -> u32 {
        LOG.with_borrow(|log| log.waits.get(actor).copied().unwrap_or(0))
    }

    /// Notes that whoever is running waits.
    pub(super) fn wait() {
        let actor = Self::actor();
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

    /// Has whoever is running interrupted after so many steps from now, once.
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

/// Before each step of whoever is running; says who that is.
fn before() -> usize {
    let actor = Log::actor();
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
    actor
}

/// Behind each step: it is noted, and then stores that are late take effect.
fn after(actor: usize, place: Place, step: Step) {
    note(actor, place, step);
    settle(actor);
}

fn note(actor: usize, place: Place, step: Step) {
    LOG.with_borrow_mut(|log| {
        if !log.ended {
            log.events.push(Event { actor, place, step });
        }
    });
}

fn born(place: Place, value: Value) -> usize {
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
    let late: Vec<_> = LATE.with_borrow_mut(|late| late.extract_if(.., |(owner, _)| *owner == actor).collect());
    late.into_iter().for_each(|(_, store)| store());
}

/// What the environment asks for.
struct Asked {
    /// Says once for each model what places it comes by: `ZONELIST_SITES`.
    sites: bool,
    /// One deliberate fault: what is wrong, and where. `ZONELIST_MUTANT` has both, with a tab between.
    ///
    /// - `relaxed`, `acquire`, `release`: an operation with a weaker ordering; a fence left out.
    /// - `acqrel`: a fence that orders no store before a load.
    /// - `late`: a store that takes effect behind the same thread's next step.
    /// - `fault`: a step left out or out of order, by name, where the source asks for it.
    mutant: Option<(String, String)>,
}

fn asked() -> &'static Asked {
    static ASKED: OnceLock<Asked> = OnceLock::new();
    ASKED.get_or_init(|| {
        let split = |said: String| said.split_once('\t').map(|(what, place)| (what.to_owned(), place.to_owned()));
        Asked {
            sites: env::var_os("ZONELIST_SITES").is_some(),
            mutant: env::var("ZONELIST_MUTANT").ok().and_then(split),
        }
    })
}

/// Whether the environment has `ZONELIST_SITES`.
pub(crate) fn sites_are_asked_for() -> bool {
    asked().sites
}

/// What is wrong with a place, if anything is. `key` is its address: what is asked at every step must be quick.
fn wrong(key: usize, place: impl Fn() -> String, operation: &str, ordering: &str) -> Option<&'static str> {
    let Asked { sites, mutant } = asked();
    if !sites && mutant.is_none() {
        return None;
    }
    // A model runs on one thread of the system, whatever threads it has of its own.
    let is = KNOWN.with_borrow_mut(|known| {
        *known.entry(key).or_insert_with(|| {
            let place = place();
            if *sites {
                let model = thread::current().name().unwrap_or("main").to_owned();
                println!("\nsite\t{model}\t{place}\t{operation}\t{ordering}");
            }
            let is = mutant.as_ref().is_some_and(|(_, mutated)| *mutated == place);
            if is {
                // What is not reached has shown nothing.
                println!("\nmutant reached");
            }
            is
        })
    });
    mutant.as_ref().filter(|_| is).map(|(what, _)| what.as_str())
}

fn wrong_at(place: Place, operation: &str, said: Ordering) -> Option<&'static str> {
    let word = match said {
        Ordering::Relaxed => "Relaxed",
        Ordering::Acquire => "Acquire",
        Ordering::Release => "Release",
        Ordering::AcqRel => "AcqRel",
        _ => "SeqCst",
    };
    wrong(core::ptr::from_ref(place).addr(), || place.to_string(), operation, word)
}

/// Whether a fault of that name is asked for.
pub(super) fn fault(name: &str) -> bool {
    wrong(name.as_ptr().addr(), || name.to_owned(), "fault", "") == Some("fault")
}

/// The ordering that an operation has here, or that a mutant gives it.
fn ordering(place: Place, operation: &str, said: Ordering) -> Ordering {
    match wrong_at(place, operation, said) {
        Some("relaxed") => Ordering::Relaxed,
        Some("acquire") => Ordering::Acquire,
        Some("release") => Ordering::Release,
        _ => said,
    }
}

/// A fence, as [`core::sync::atomic::fence`].
#[track_caller]
pub fn fence(said: Ordering) {
    let place = Location::caller();
    let actor = before();
    match wrong_at(place, "fence", said) {
        Some("relaxed") => {}
        Some("acqrel") => raw::fence(Ordering::AcqRel),
        _ => raw::fence(said),
    }
    after(actor, place, Step::Fence { ordering: said });
}

macro_rules! atomic {
    ($name:ident $(<$t:ident>)?, $raw:ty, $type:ty, $value:expr, {$($more:tt)*}) => {
        #[doc = concat!("As [`core::sync::atomic::", stringify!($name), "`].")]
        #[derive(Debug)]
        pub struct $name $(<$t>)? {
            atomic: Arc<$raw>,
            object: usize,
        }

        impl $(<$t: 'static>)? $name $(<$t>)? {
            /// An atomic of that value.
            #[track_caller]
            #[must_use]
            pub fn new(value: $type) -> Self {
                Self { object: born(Location::caller(), Self::number(value)), atomic: Arc::new(<$raw>::new(value)) }
            }

            fn number(value: $type) -> Value {
                ($value)(value)
            }

            /// As `core`'s.
            #[track_caller]
            pub fn load(&self, said: Ordering) -> $type {
                let place = Location::caller();
                let actor = before();
                let value = self.atomic.load(ordering(place, "load", said));
                let newest = newest(self.object, None);
                after(actor, place, Step::Load { object: self.object, value: Self::number(value), newest });
                value
            }

            /// As `core`'s.
            #[track_caller]
            pub fn store(&self, value: $type, said: Ordering) {
                let place = Location::caller();
                let actor = before();
                let weaker = ordering(place, "store", said);
                let (atomic, object) = (Arc::clone(&self.atomic), self.object);
                let store = move || {
                    atomic.store(value, weaker);
                    newest(object, Some(Self::number(value)));
                    note(actor, place, Step::Store { object, value: Self::number(value) });
                };
                if wrong_at(place, "store", said) == Some("late") {
                    settle(actor);
                    LATE.with_borrow_mut(|late| late.push((actor, Box::new(store))));
                } else {
                    store();
                    settle(actor);
                }
            }

            #[track_caller]
            fn exchange<R>(
                &self,
                operation: &str,
                said: Ordering,
                exchange: impl FnOnce(&$raw, Ordering) -> (R, $type, $type),
            ) -> R {
                let place = Location::caller();
                let actor = before();
                let (result, from, to) = exchange(&self.atomic, ordering(place, operation, said));
                let (before, after) = (Self::number(from), Self::number(to));
                newest(self.object, Some(after));
                self::after(actor, place, Step::Exchange { object: self.object, before, after });
                result
            }

            /// As `core`'s.
            #[track_caller]
            pub fn swap(&self, value: $type, said: Ordering) -> $type {
                self.exchange("swap", said, |raw, said| {
                    let before = raw.swap(value, said);
                    (before, before, value)
                })
            }

            /// As `core`'s.
            ///
            /// # Errors
            /// The value, if it is another.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $type,
                new: $type,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$type, $type> {
                self.exchange("compare_exchange", success, |raw, success| {
                    let result = raw.compare_exchange(current, new, success, failure);
                    let (before, after) = match result {
                        Ok(before) => (before, new),
                        Err(before) => (before, before),
                    };
                    (result, before, after)
                })
            }

            /// As `core`'s, and never fails without a cause.
            ///
            /// # Errors
            /// The value, if it is another.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $type,
                new: $type,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$type, $type> {
                self.compare_exchange(current, new, success, failure)
            }

            $($more)*
        }
    };
}

macro_rules! fetch {
    ($($name:ident: $type:ty, $after:expr;)*) => {
        $(
            /// As `core`'s.
            #[track_caller]
            pub fn $name(&self, operand: $type, said: Ordering) -> $type {
                self.exchange(stringify!($name), said, |raw, said| {
                    let before = raw.$name(operand, said);
                    (before, before, ($after)(before, operand))
                })
            }
        )*
    };
}

macro_rules! integer {
    ($name:ident, $type:ident) => {
        atomic!($name, raw::$name, $type, |value: $type| value as Value, {
            fetch! {
                fetch_add: $type, |a: $type, b| a.wrapping_add(b);
                fetch_sub: $type, |a: $type, b| a.wrapping_sub(b);
                fetch_and: $type, |a: $type, b: $type| a & b;
                fetch_or: $type, |a: $type, b: $type| a | b;
                fetch_xor: $type, |a: $type, b: $type| a ^ b;
                fetch_max: $type, |a: $type, b| a.max(b);
                fetch_min: $type, |a: $type, b| a.min(b);
            }
        });
    };
}
integer!(AtomicU32, u32);
integer!(AtomicUsize, usize);
atomic!(AtomicBool, raw::AtomicBool, bool, |value: bool| Value::from(value), {
    fetch! {
        fetch_and: bool, |a: bool, b: bool| a & b;
        fetch_or: bool, |a: bool, b: bool| a | b;
        fetch_xor: bool, |a: bool, b: bool| a ^ b;
    }
});
atomic!(AtomicPtr<T>, raw::AtomicPtr<T>, *mut T, |value: *mut T| value.addr() as Value, {});
