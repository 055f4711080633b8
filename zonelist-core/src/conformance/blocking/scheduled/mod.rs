//! What operations come to beside what is held, by a scheduler that stops threads where it likes.
//!
//! Something is held, or a thread is stopped at some step of what it does; another thread does an operation. That *waits*
//! if it does not end before the former is released, and ends then; else it *ends*. For a thread that is stopped, this is
//! asked at each of its steps, or at a sample of them, and the operation waits if it does at one of them.

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
    Ground, Make, Operation, Powers, Watch, Work,
    operations::{Op, operations},
};
use crate::{
    publish::Scheme,
    sync::control::{Control, HOPELESS},
};
use holders::{Held, Holder, holders};
use scheduler::Stopping;

/// What an operation did while something was held.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    /// It ended, with that to say.
    Ends(Cow<'static, str>),
    /// It ended only when that was released.
    Waits,
    /// It waited for what its own thread held.
    Never,
}

/// Steps that a run has room for: many times what any needs.
const STEPS: usize = 1_000_000;

/// Bytes of stack that a thread of a run has: operations on the machine need more than shuttle gives.
const STACK: usize = 1 << 19;

/// More steps than a thread has that waits for nothing.
const ENOUGH: usize = 20_000;

/// One step in this number has a process forked at it, which takes a while.
const STRIDE: usize = 5;

/// The environment variable `ZONELIST_STRIDE`: one in this number of steps of a stopped thread is tried. All without it.
fn asked_stride() -> usize {
    env::var("ZONELIST_STRIDE").ok().and_then(|stride| stride.parse().ok()).filter(|&stride| stride > 0).unwrap_or(1)
}

/// Prints a line for each operation of a scheme and each thing held: `cell`, the scheme, the operation, what is held, and
/// what the operation comes to, with tabs between.
///
/// # Panics
/// An operation does not end though what was held is released.
pub fn cells<S: Scheme + Send + 'static>(make: Make<S>, powers: Powers<S>) {
    silence_hopeless_waits();
    for (number, operation) in operations::<S>().iter().enumerate() {
        for holders in holders::<S>().chunk_by(|one, next| one.name == next.name) {
            let all = holders.iter().flat_map(|holder| outcomes(make, powers, (number, operation), holder)).collect();
            println!("\ncell\t{}\t{}\t{}\t{}", S::FACTS.scheme, operation.name, holders[0].name, word(&all));
        }
    }
}

/// A panic that is part of the plan need not be printed.
fn silence_hopeless_waits() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&HOPELESS) {
            before(panic);
        }
    }));
}

/// In one word, what an operation came to at all steps. It waits, if it does at one of them.
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

/// All that an operation comes to: nothing, if there is no such operation, or what it is to stand beside can't be.
fn outcomes<S: Scheme + Send + 'static>(
    make: Make<S>,
    powers: Powers<S>,
    (number, operation): (usize, &Operation<S>),
    holder: &Holder<S>,
) -> BTreeSet<Outcome> {
    let mut outcomes = BTreeSet::new();
    let forked = matches!(holder.held, Held::Forked(_));
    let stride = asked_stride() * if forked { STRIDE } else { 1 };
    // Each operation is done at other steps than the next one, and in a sample at the first step too.
    let first = (asked_stride() > 1).then_some(0);
    for point in first.into_iter().chain((number % stride..ENOUGH).step_by(stride)) {
        let (outcome, past) = run(make, powers, operation, holder, point);
        outcomes.extend(outcome);
        if past || !matches!(holder.held, Held::Stopped(_) | Held::Forked(_)) {
            return outcomes;
        }
    }
    panic!("{}: {} goes on for ever", operation.name, holder.name);
}

/// One run: what the operation came to, and whether there is nothing more to be asked.
fn run<S: Scheme + Send + 'static>(
    make: Make<S>,
    powers: Powers<S>,
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
    let into = Arc::clone(&result);
    let (operation, holder) = (*operation, *holder);
    Control::with(|control| *control = Control { point, ..Control::default() });
    Runner::new(Stopping::new(point as u64), config).run(move || {
        let ground = Ground::new(make, powers, holders::on_low);
        let op = (operation.prepare)(&ground);
        *into.lock().expect("no panic") = op.map(|op| beside(&ground, op, &holder));
    });
    let outcome = result.lock().expect("no panic").take();
    let over = outcome.is_none() || Control::with(|control| control.past);
    (outcome.flatten(), over)
}

/// Has something held, and does the operation.
fn beside<S: Scheme + Send + 'static>(ground: &Ground<S>, op: Op<'_>, holder: &Holder<S>) -> Option<Outcome> {
    match holder.held {
        Held::Stopped(work) => thread::scope(|scope| {
            scope.spawn(move || be_stopped(ground, work));
            observed(op)
        }),
        Held::Forked(work) => thread::scope(|scope| {
            scope.spawn(move || be_stopped(ground, work));
            child::observed(ground, op)
        }),
        Held::Elsewhere(hold) => thread::scope(|scope| {
            scope.spawn(move || hold(ground));
            observed(op)
        }),
        Held::Here(hold) => {
            let (mut op, mut outcome) = (Some(op), None);
            hold(ground, &mut || {
                Control::with(|control| (control.held, control.hopeless) = (true, true));
                outcome = op.take().and_then(observed);
            });
            outcome
        }
    }
}

/// Is stopped at some step of a work.
fn be_stopped<S: Scheme>(ground: &Ground<S>, work: Work<S>) {
    let mut work = work.prepare(ground);
    Control::with(|control| control.victim = Some(this_thread()));
    work();
    Control::with(|control| (control.victim, control.past) = (None, !control.held));
}

fn await_held() {
    while !Control::with(|control| control.held || control.past) {
        thread::yield_now();
    }
}

/// Does the operation once something is held, and says whether it waited for that; nothing, if it never is.
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

#[derive(Default)]
struct Observer {
    outcome: Option<Outcome>,
}

impl Watch for Observer {
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
