//! How far a model is explored, and what it says of that.

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
use crate::sync::traced::{Log, Place, Watch, is_quiet, is_stronger, quiet, shown, sites_are_asked_for, source};

/// How far a model is explored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// To the end.
    Exhaustive,
    /// Every interleaving in which threads are preempted so often at most.
    Preemptions(usize),
    /// To the end if that takes fewer interleavings than this; else with three preemptions, two or one,
    /// whatever it has room for, or so many of those with one.
    Within(u64),
}

impl Bound {
    /// What a model of a suite is given.
    pub const SUITE: Self = Self::Within(10_000);

    /// What the environment variable `ZONELIST_MODELS` makes of it: with `exhaustive` every model is explored
    /// to the end, and with `short` in so many interleavings at most.
    pub(super) fn asked(self, short: u64) -> Self {
        match env::var("ZONELIST_MODELS").as_deref() {
            Ok("exhaustive") => Self::Exhaustive,
            Ok("short") => Self::Within(short),
            _ => self,
        }
    }

    /// Whether the environment asks for the short set.
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
    /// The preemptions that there were at most, if it was not all.
    pub preemptions: Option<usize>,
    /// Whether it has all of these.
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

/// Runs every interleaving of a model within the bound, and says how many there were.
///
/// # Panics
/// The model does, or explores nothing.
pub fn explore(name: &str, bound: Bound, model: impl Fn() + Sync + Send + 'static) -> Explored {
    let model = Arc::new(model);
    explore_anew(name, bound, || ((), Arc::clone(&model), |()| String::new())).0
}

/// The same for a model that gathers something: `anew` makes, for each attempt, what is gathered
/// into, the model, and what is said of it in the end.
pub(super) fn explore_anew<T, M: Fn() + Sync + Send + 'static, F: FnOnce(&T) -> String>(
    name: &str,
    bound: Bound,
    anew: impl Fn() -> (T, Arc<M>, F),
) -> (Explored, T) {
    explore_within(name, bound.asked(Bound::SHORT), anew)
}

/// The same, whatever the environment asks for.
pub(super) fn explore_within<T, M: Fn() + Sync + Send + 'static, F: FnOnce(&T) -> String>(
    name: &str,
    bound: Bound,
    anew: impl Fn() -> (T, Arc<M>, F),
) -> (Explored, T) {
    let attempt = |preemptions: Option<usize>, limit: Option<u64>| {
        let (gathered, model, tell) = anew();
        let interleavings = run(name, preemptions, limit, model);
        // loom says nothing when it stops at a limit.
        let complete = limit.is_none_or(|limit| interleavings + 1 < limit);
        (Explored { interleavings, preemptions, complete }, gathered, tell)
    };
    let (explored, gathered, tell) = match bound {
        Bound::Exhaustive => attempt(None, None),
        Bound::Preemptions(most) => attempt(Some(most), None),
        Bound::Within(limit) => {
            let one = attempt(Some(1), Some(limit));
            let deeper = [None, Some(3), Some(2)].into_iter().filter(|_| one.0.complete);
            let deeper = deeper.map(|most| attempt(most, Some(limit))).find(|(explored, ..)| explored.complete);
            deeper.unwrap_or(one)
        }
    };
    let told = tell(&gathered);
    if sites_are_asked_for() {
        println!("\nexplored\t{}\t{}", thread::current().name().unwrap_or("main"), explored.interleavings);
    }
    if is_quiet() {
        return (explored, gathered);
    }
    println!("model {name}: {explored}{}{told}", if told.is_empty() { "" } else { "; " });
    assert!(explored.interleavings > 1, "model {name} explored nothing");
    (explored, gathered)
}

/// Runs a model of that many preemptions and interleavings at most, which counts for nothing.
pub(super) fn quietly(name: &str, preemptions: Option<usize>, limit: u64, model: impl Fn() + Sync + Send + 'static) {
    quiet(|| run(name, preemptions, Some(limit), Arc::new(model)));
}

/// What is said of a model that waits for ever.
fn stands(name: &str, last: &[Option<Place>]) {
    let last: String = last.iter().flatten().map(|place| format!("\n  at {}", shown(place))).collect();
    println!(
        "\nmodel {name}: for 10 s no thread has made a step: one waits for a lock that loom does not see, or spins \
         without `zonelist_core::sync::Backoff`; expected locks of zonelist_core::sync. The last step of each \
         thread:{last}{}\n",
        super::probe::unseen_in_package()
    );
    std::process::exit(101);
}

/// From now on a panic amid a model leaves a timeline of what led to it, and no backtrace.
fn leave_timelines() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if is_stronger() {
                return;
            }
            static ONE: Mutex<()> = Mutex::new(());
            let one = super::locked(&ONE);
            if !left_a_timeline(panic) {
                before(panic);
            }
            if env::var_os("ZONELIST_FIRST").is_some() {
                std::eprintln!("\nThe first failure ends it; ZONELIST_MODELS=short goes on to all others.");
                std::process::exit(101);
            }
            drop(one);
        }));
    });
}

/// Whether a panic was amid a model, and has left its timeline.
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
    // Not by the hook before: a backtrace takes more stack than a thread of a model has.
    std::eprintln!("\nmodel {model}: {what}\n\n{timeline}");
    true
}

/// Runs a model until there is nothing more, or the limit is reached; how many interleavings there were.
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
        move |last| stands(&name, last)
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
