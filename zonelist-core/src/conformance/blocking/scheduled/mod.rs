//! The outcome of each operation while something is held, found by a scheduler that can stop a thread at any step.
//!
//! Something is held, or a thread is stopped at one of its steps; another thread does an operation. The operation
//! *waits* if it ends only after the release; else it *ends*. A thread is stopped at each of its steps in turn, or at a
//! sample of them. The operation waits if it waits at one of them.
//!
//! ```text
//! for each operation, for each thing held:
//!     for each step of the thread to stop (once, if no thread is stopped):
//!         run the thread up to the step, and stop it there
//!         start the operation in the other thread
//!         it ends                      -> ends, with its result
//!         it loops until the release   -> waits
//!         only it could release        -> never ends
//!     stop when the thread has no more steps
//! ```

mod child;
mod holders;
mod scheduler;

use std::{
    borrow::Cow,
    boxed::Box,
    collections::BTreeSet,
    env, format,
    panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind},
    println,
    string::String,
    sync::{Arc, Mutex},
    vec::Vec,
};

use shuttle::{Config, FailurePersistence, MaxSteps, Runner, thread};

use super::{
    Fixture, Make, Operation, OperationObserver, OptionalOperations, Task,
    operations::{Op, operations},
};
use crate::{
    publish::Scheme,
    sync::control::{Control, HOPELESS},
};
use holders::{Held, Holder, holders};
use scheduler::Stopping;

/// The outcome of an operation while something was held.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    /// It ended, with this result: the name of an error, or empty.
    Ends(Cow<'static, str>),
    /// It ended only after the release.
    Waits,
    /// It waited for what its own thread holds.
    Never,
}

/// The greatest number of steps of a run: many times what any run needs.
const STEPS: usize = 1_000_000;

/// Bytes of stack of each thread of a run: operations on the machine need more than shuttle's default.
const STACK: usize = 1 << 19;

/// More steps than any task has that waits for nothing.
const MAX_POINTS: usize = 20_000;

/// A process is forked at every fifth step of a task only, since a fork takes long.
const FORK_STRIDE: usize = 5;

/// The environment variable `ZONELIST_STRIDE` as a number `n`: a thread is stopped at every `n`th step; at each without
/// it.
fn requested_stride() -> usize {
    env::var("ZONELIST_STRIDE").ok().and_then(|stride| stride.parse().ok()).filter(|&stride| stride > 0).unwrap_or(1)
}

/// Prints a line for each operation of a scheme and each thing held: `cell`, the scheme, the operation, the thing held,
/// and the outcome, separated by tabs.
///
/// # Panics
/// An operation does not end after the release.
pub fn cells<S: Scheme + Send + 'static>(make: Make<S>, optional: OptionalOperations<S>) {
    silence_hopeless_waits();
    for (number, operation) in operations::<S>().iter().enumerate() {
        for holders in holders::<S>().chunk_by(|one, next| one.name == next.name) {
            let all = holders.iter().flat_map(|holder| outcomes(make, optional, (number, operation), holder)).collect();
            println!("\ncell\t{}\t{}\t{}\t{}", S::FACTS.scheme, operation.name, holders[0].name, word(&all));
        }
    }
}

/// Stops the panic hook from printing the panics by which hopeless waits end.
fn silence_hopeless_waits() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&HOPELESS) {
            before(panic);
        }
    }));
}

/// The outcomes at all steps, as the page's cell. The operation waits if it waits at one step.
fn word(outcomes: &BTreeSet<Outcome>) -> String {
    if outcomes.contains(&Outcome::Never) {
        return "never ends".into();
    }
    if outcomes.contains(&Outcome::Waits) {
        return "waits".into();
    }
    let ends = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Ends(what) if what.is_empty() => Some("ends".into()),
        Outcome::Ends(what) => Some(format!("`{what}`")),
        Outcome::Waits | Outcome::Never => None,
    });
    let ends: Vec<String> = ends.collect();
    if ends.is_empty() { "can't be".into() } else { ends.join(" or ") }
}

/// All outcomes of an operation. None, if the scheme lacks the operation, or the thing can't be held under the scheme.
fn outcomes<S: Scheme + Send + 'static>(
    make: Make<S>,
    optional: OptionalOperations<S>,
    (number, operation): (usize, &Operation<S>),
    holder: &Holder<S>,
) -> BTreeSet<Outcome> {
    let mut outcomes = BTreeSet::new();
    let forked = matches!(holder.held, Held::Forked(_));
    let stride = requested_stride() * if forked { FORK_STRIDE } else { 1 };
    // A sample has other steps for each operation, and the first step for all.
    let first = (requested_stride() > 1).then_some(0);
    for point in first.into_iter().chain((number % stride..MAX_POINTS).step_by(stride)) {
        let (outcome, past) = run(make, optional, operation, holder, point);
        outcomes.extend(outcome);
        if past || !matches!(holder.held, Held::Stopped(_) | Held::Forked(_)) {
            return outcomes;
        }
    }
    panic!("{}: {} never ends", operation.name, holder.name);
}

/// One run: the operation's outcome, and true if there is no further step to stop at.
fn run<S: Scheme + Send + 'static>(
    make: Make<S>,
    optional: OptionalOperations<S>,
    operation: &Operation<S>,
    holder: &Holder<S>,
    point: usize,
) -> (Option<Outcome>, bool) {
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(STEPS);
    config.silence_warnings = true;
    config.failure_persistence = FailurePersistence::None;
    config.stack_size = STACK;
    let result = Arc::new(Mutex::new(None));
    let sender = Arc::clone(&result);
    let (operation, holder) = (*operation, *holder);
    Control::with(|control| *control = Control { point, ..Control::default() });
    Runner::new(Stopping::new(point as u64), config).run(move || {
        let fixture = Fixture::new(make, optional, holders::on_low);
        let op = (operation.prepare)(&fixture);
        *sender.lock().expect("no panic") = op.map(|op| while_held(&fixture, op, &holder));
    });
    let outcome = result.lock().expect("no panic").take();
    let over = outcome.is_none() || Control::with(|control| control.past);
    (outcome.flatten(), over)
}

/// Runs the operation while the holder holds.
fn while_held<S: Scheme + Send + 'static>(fixture: &Fixture<S>, op: Op<'_>, holder: &Holder<S>) -> Option<Outcome> {
    match holder.held {
        Held::Stopped(task) => thread::scope(|scope| {
            scope.spawn(move || run_victim(fixture, task));
            observed(op)
        }),
        Held::Forked(task) => thread::scope(|scope| {
            scope.spawn(move || run_victim(fixture, task));
            child::observed(fixture, op)
        }),
        Held::ByOther(hold) => thread::scope(|scope| {
            scope.spawn(move || hold(fixture));
            observed(op)
        }),
        Held::BySame(hold) => {
            let (mut op, mut outcome) = (Some(op), None);
            hold(fixture, &mut || {
                Control::with(|control| (control.held, control.hopeless) = (true, true));
                outcome = op.take().and_then(observed);
            });
            outcome
        }
    }
}

/// Runs a task as the thread that the scheduler stops.
fn run_victim<S: Scheme>(fixture: &Fixture<S>, task: Task<S>) {
    let mut task = task.prepare(fixture);
    Control::with(|control| control.victim = Some(this_thread()));
    task();
    Control::with(|control| (control.victim, control.past) = (None, !control.held));
}

/// Yields until something is held, or can no longer be.
fn await_held() {
    while !Control::with(|control| control.held || control.past) {
        thread::yield_now();
    }
}

/// Runs the operation once something is held, and returns its outcome. `None`, if nothing was held.
fn observed(op: Op<'_>) -> Option<Outcome> {
    let mut observer = Observer::default();
    match catch_unwind(AssertUnwindSafe(|| op(&mut observer))) {
        Ok(()) => observer.outcome,
        Err(why) if why.downcast_ref::<&str>() == Some(&HOPELESS) => {
            Control::with(|control| control.operator = None);
            Some(Outcome::Never)
        }
        Err(why) => resume_unwind(why),
    }
}

/// Records the outcome of an operation of this process.
#[derive(Default)]
struct Observer {
    outcome: Option<Outcome>,
}

impl OperationObserver for Observer {
    fn ready(&mut self) {
        await_held();
    }

    fn begin(&mut self) {
        self.ready();
        Control::with(|control| control.operator = Some(this_thread()));
    }

    fn end(&mut self, what: &'static str) {
        self.outcome = Control::with(|control| {
            (control.operator, control.released) = (None, !control.hopeless);
            let outcome = if control.waited { Outcome::Waits } else { Outcome::Ends(what.into()) };
            control.held.then_some(outcome)
        });
    }
}

fn this_thread() -> usize {
    usize::from(thread::current().id())
}
