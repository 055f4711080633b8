//! The exploration of a model within a bound, the report of how far it went, and the report of a failure.

use std::{
    boxed::Box,
    env, format, panic, println,
    string::{String, ToString},
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use super::Timeline;
use crate::sync::traced::{
    Log, SourceLocation, Watch, is_quiet, is_stronger, quiet, shown, sites_are_asked_for, source,
};

/// How far a model is to be explored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// Every interleaving.
    Exhaustive,
    /// Every interleaving with at most this number of preemptions.
    Preemptions(usize),
    /// Every interleaving if there are fewer than this number; else all with at most three preemptions, two or one. If
    /// even those with one are too many, only this number of them.
    Within(u64),
}

impl Bound {
    /// The bound of each model of a suite.
    pub const SUITE: Self = Self::Within(10_000);

    /// The bound after the environment variable `ZONELIST_MODELS`: `exhaustive` removes it, `short` sets it to at most
    /// `short` interleavings, and a number to at most that number.
    pub(super) fn asked(self, short: u64) -> Self {
        match env::var("ZONELIST_MODELS").as_deref() {
            Ok("exhaustive") => Self::Exhaustive,
            Ok("short") => Self::Within(short),
            Ok(number) => number.parse().map_or(self, Self::Within),
            Err(_) => self,
        }
    }

    /// True if the environment variable selects the short set.
    pub(super) fn is_short_asked() -> bool {
        env::var("ZONELIST_MODELS").is_ok_and(|asked| asked == "short")
    }

    /// Interleavings of a model in the short set: enough for its test to see a fault of what it explores, as
    /// the long set shows.
    pub(super) const SHORT: u64 = 1_000;
}

/// How far a model was explored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Explored {
    /// Interleavings run.
    pub interleavings: u64,
    /// The greatest number of preemptions in an interleaving; `None` if there was no bound.
    pub preemptions: Option<usize>,
    /// True if all interleavings within that bound were run.
    pub complete: bool,
}

impl core::fmt::Display for Explored {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} interleavings, ", self.interleavings)?;
        match self.preemptions {
            None => f.write_str("exhaustive")?,
            Some(1) => f.write_str("at most 1 preemption")?,
            Some(most) => write!(f, "at most {most} preemptions")?,
        }
        if self.complete { Ok(()) } else { f.write_str(", not all") }
    }
}

/// Runs every interleaving of a model within the bound, and prints and returns their number.
///
/// # Panics
/// If the model panics, or has fewer than two interleavings.
pub fn explore(name: &str, bound: Bound, model: impl Fn() + Sync + Send + 'static) -> Explored {
    let model = Arc::new(model);
    explore_anew(name, bound, || ((), Arc::clone(&model), |()| String::new())).0
}

/// Explores a model that collects results, within the bound that the environment selects.
///
/// `anew` makes, for each attempt, an empty collection, the model, and a function that describes the collection.
pub(super) fn explore_anew<T, M: Fn() + Sync + Send + 'static, F: FnOnce(&T) -> String>(
    name: &str,
    bound: Bound,
    anew: impl Fn() -> (T, Arc<M>, F),
) -> (Explored, T) {
    explore_within(name, bound.asked(Bound::SHORT), anew)
}

/// Explores a model with two outcomes: `once` runs one interleaving, and returns which of them it had. `describe` makes
/// the description of the numbers of true and of false.
///
/// # Panics
/// If the model panics, or has the same outcome in every interleaving.
pub(super) fn explore_both(
    name: &str,
    bound: Bound,
    once: impl Fn() -> bool + Clone + Send + Sync + 'static,
    describe: fn(u64, u64) -> String,
) -> Explored {
    let numbers = |counts: &[AtomicU64; 2]| counts.each_ref().map(|count| count.load(Relaxed));
    let (explored, counts) = explore_anew(name, bound, || {
        let counts: Arc<[AtomicU64; 2]> = Arc::default();
        let (into, once) = (Arc::clone(&counts), once.clone());
        let model = move || _ = into[usize::from(!once())].fetch_add(1, Relaxed);
        let describe = move |counts: &Arc<[AtomicU64; 2]>| {
            let [is, is_not] = numbers(counts);
            describe(is, is_not)
        };
        (counts, Arc::new(model), describe)
    });
    assert!(numbers(&counts).iter().all(|&count| count > 0), "model {name}: one outcome in every interleaving");
    explored
}

/// Explores a model that collects results, within this bound, whatever the environment selects: see [`explore_anew`].
pub(super) fn explore_within<T, M: Fn() + Sync + Send + 'static, F: FnOnce(&T) -> String>(
    name: &str,
    bound: Bound,
    anew: impl Fn() -> (T, Arc<M>, F),
) -> (Explored, T) {
    let attempt = |preemptions: Option<usize>, limit: Option<u64>| {
        let (gathered, model, describe) = anew();
        let interleavings = run(name, preemptions, limit, model);
        // loom does not report that it stopped at a limit, so the number has to show it.
        let complete = limit.is_none_or(|limit| interleavings + 1 < limit);
        (Explored { interleavings, preemptions, complete }, gathered, describe)
    };
    let (explored, gathered, describe) = match bound {
        Bound::Exhaustive => attempt(None, None),
        Bound::Preemptions(most) => attempt(Some(most), None),
        Bound::Within(limit) => {
            // With one preemption first: if these are too many, the deeper attempts are too, and are saved.
            let one = attempt(Some(1), Some(limit));
            let deeper = [None, Some(3), Some(2)].into_iter().filter(|_| one.0.complete);
            let deeper = deeper.map(|most| attempt(most, Some(limit))).find(|(explored, ..)| explored.complete);
            deeper.unwrap_or(one)
        }
    };
    let description = describe(&gathered);
    if sites_are_asked_for() {
        println!("\nexplored\t{}\t{}", thread::current().name().unwrap_or("main"), explored.interleavings);
    }
    if is_quiet() {
        return (explored, gathered);
    }
    println!("model {name}: {explored}{}{description}", if description.is_empty() { "" } else { "; " });
    assert!(explored.interleavings > 1, "model {name} explored nothing");
    (explored, gathered)
}

/// Runs a model with at most `preemptions` preemptions and `limit` interleavings, and prints nothing of it.
pub(super) fn quietly(name: &str, preemptions: Option<usize>, limit: u64, model: impl Fn() + Sync + Send + 'static) {
    quiet(|| run(name, preemptions, Some(limit), Arc::new(model)));
}

/// Reports a model that makes no progress, with the last step of each thread, and ends the process.
fn stalled(name: &str, last: &[Option<SourceLocation>]) {
    let last: String = last.iter().flatten().map(|place| format!("\n  at {}", shown(place))).collect();
    println!(
        "\nmodel {name}: for 10 s no thread has made a step: one waits for a lock that loom does not see, or spins \
         without `zonelist_core::sync::Backoff`; expected locks of zonelist_core::sync. The last step of each \
         thread:{last}{}\n",
        super::probe::unseen_in_package()
    );
    std::process::exit(101);
}

/// From now on a panic within a model leaves a timeline of the steps before it, and no backtrace.
fn leave_timelines() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if is_stronger() {
                return;
            }
            // One report at a time: tests run side by side.
            static REPORT: Mutex<()> = Mutex::new(());
            let report = super::locked(&REPORT);
            if !left_a_timeline(panic) {
                before(panic);
            }
            if env::var_os("ZONELIST_FIRST").is_some() {
                std::eprintln!("\nThe first failure ends the run; ZONELIST_MODELS=short goes on to all others.");
                std::process::exit(101);
            }
            drop(report);
        }));
    });
}

/// Writes and prints the timeline of a panic. False if the panic was not within a model.
fn left_a_timeline(panic: &panic::PanicHookInfo<'_>) -> bool {
    let (model, number) = Log::read(|log| log.model.clone());
    if number == 0 {
        return false;
    }
    let text = panic.payload().downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.payload().downcast_ref::<String>().map(String::as_str));
    let at = panic.location().map_or_else(String::new, |at| {
        let path = source(at.file()).map_or_else(|| at.file().into(), |(path, _)| path);
        format!(" (a panic at {}:{})", path.display(), at.line())
    });
    let what = Log::explanation().unwrap_or_else(|| text.unwrap_or("a panic").trim_end().to_string() + &at);
    let timeline = Timeline::so_far(&what, None);
    let path = timeline.write("panic").map_or_else(|error| error.to_string(), |at| at.display().to_string());
    println!("\nmodel {model} fails after {number} interleavings: {path}");
    // Not by the hook that was set before: a backtrace takes more stack than a thread of a model has.
    std::eprintln!("\nmodel {model}: {what}\n\n{timeline}");
    true
}

/// Runs a model to the end of its interleavings, or to the limit. Returns the number of interleavings.
fn run(
    name: &str,
    preemptions: Option<usize>,
    limit: Option<u64>,
    model: Arc<impl Fn() + Sync + Send + 'static>,
) -> u64 {
    let interleavings = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&interleavings);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 20_000;
    if let Some(limit) = limit.map(|limit| usize::try_from(limit).expect("few enough")) {
        (builder.max_permutations, builder.checkpoint_interval) = (Some(limit), limit);
    }
    let name = name.to_string();
    leave_timelines();
    let _watch = Watch::begin({
        let name = name.clone();
        move |last| stalled(&name, last)
    });
    builder.check(move || {
        let number = count.fetch_add(1, Relaxed) + 1;
        Log::clear(&name, number);
        model();
        Log::end();
    });
    Log::clear("", 0);
    interleavings.load(Relaxed)
}
