//! The requested fault of a location in the source: a mutant, or an ordering stronger than the source states.

use core::cell::Cell;
use std::{
    borrow::ToOwned,
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    env, println,
    string::{String, ToString},
    sync::OnceLock,
    thread,
};

use super::{Ordering, SourceLocation};

std::thread_local! {
    /// The locations reached so far; true for the mutant's.
    static KNOWN: RefCell<HashMap<usize, bool>> = RefCell::default();
    /// True while this thread explores without a report and without a mutant.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// The orderings that are stronger than the source states.
    static STRONGER: RefCell<Stronger> = const { RefCell::new(Stronger::Nowhere) };
}

/// An operation with an ordering: its location, its name, and the ordering that the source states.
pub(crate) type Site = (SourceLocation, String, &'static str);

/// The locations with a stronger ordering than the source states, to find out whether a model then holds.
#[derive(Debug)]
pub(crate) enum Stronger {
    /// Nowhere.
    Nowhere,
    /// Everywhere, with the operations reached so far.
    Everywhere(BTreeSet<Site>),
    /// A single location: a load acquires, a store releases, and a read-modify-write does both.
    OnlyAt(SourceLocation),
}

/// Explores without a report and without a mutant.
pub(crate) fn quiet<R>(explore: impl FnOnce() -> R) -> R {
    /// Restores the state before, also after a panic.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            QUIET.set(self.0);
        }
    }
    let _before = Before(QUIET.replace(true));
    explore()
}

/// Explores with stronger orderings, and otherwise as [`quiet`]. With [`Stronger::Everywhere`], also returns the
/// operations that were reached.
pub(crate) fn stronger<R>(stronger: Stronger, explore: impl FnOnce() -> R) -> (R, BTreeSet<Site>) {
    STRONGER.set(stronger);
    let result = quiet(explore);
    let sites = match STRONGER.replace(Stronger::Nowhere) {
        Stronger::Everywhere(sites) => sites,
        Stronger::Nowhere | Stronger::OnlyAt(_) => BTreeSet::new(),
    };
    (result, sites)
}

/// True if this thread explores without a report and without a mutant.
pub(crate) fn is_quiet() -> bool {
    QUIET.get()
}

/// True if this thread explores with stronger orderings: a failure then says nothing of the source.
pub(crate) fn is_stronger() -> bool {
    STRONGER.with_borrow(|stronger| !matches!(stronger, Stronger::Nowhere))
}

/// The stronger ordering of an operation, if it is to have one.
fn stronger_at(place: SourceLocation, operation: &str, word: &'static str) -> Option<&'static str> {
    STRONGER.with_borrow_mut(|stronger| match stronger {
        Stronger::Nowhere => None,
        Stronger::Everywhere(sites) => {
            sites.insert((place, operation.to_owned(), word));
            Some("seqcst")
        }
        Stronger::OnlyAt(at) if *at == place => Some(match operation {
            "load" => "acquire",
            "store" => "release",
            _ => "both",
        }),
        Stronger::OnlyAt(_) => None,
    })
}

/// What the environment requests.
struct Requested {
    /// Print each operation that a model reaches, once: `ZONELIST_SITES`.
    sites: bool,
    /// One deliberate fault: its kind and its location. `ZONELIST_MUTANT` has both, with a tab between.
    ///
    /// - `relaxed`, `acquire`, `release`: an operation with a weaker ordering; a fence left out.
    /// - `acqrel`: a fence that orders no store before a load.
    /// - `sinks`: a compiler fence left out, so that a store before it sinks behind the loads that follow.
    /// - `late`: a store that takes effect behind the same thread's next step.
    /// - `fault`: a mutant that the source itself contains, by its name: see `or_mutant!`.
    mutant: Option<(String, String)>,
}

fn requested() -> &'static Requested {
    static REQUESTED: OnceLock<Requested> = OnceLock::new();
    REQUESTED.get_or_init(|| {
        let split = |text: String| text.split_once('\t').map(|(what, place)| (what.to_owned(), place.to_owned()));
        Requested {
            sites: env::var_os("ZONELIST_SITES").is_some(),
            mutant: env::var("ZONELIST_MUTANT").ok().and_then(split),
        }
    })
}

/// Whether the environment has `ZONELIST_SITES`.
pub(crate) fn sites_are_asked_for() -> bool {
    requested().sites
}

/// The fault of an operation, if it has one. `key` is the address of the location or name: a lookup at every step must
/// be fast.
fn wrong(key: usize, place: impl Fn() -> String, operation: &str, ordering: &str) -> Option<&'static str> {
    let Requested { sites, mutant } = requested();
    if !sites && mutant.is_none() {
        return None;
    }
    // All threads of a model run on one thread of the system: a thread-local serves the whole model.
    let is = KNOWN.with_borrow_mut(|known| {
        *known.entry(key).or_insert_with(|| {
            let place = place();
            if *sites {
                let model = thread::current().name().unwrap_or("main").to_owned();
                println!("\nsite\t{model}\t{place}\t{operation}\t{ordering}");
            }
            let is = mutant.as_ref().is_some_and(|(_, mutated)| *mutated == place);
            if is {
                // A run that does not reach its mutant shows nothing.
                println!("\nmutant reached");
            }
            is
        })
    });
    mutant.as_ref().filter(|_| is).map(|(what, _)| what.as_str())
}

/// The fault, or the stronger ordering, of an operation at a location.
pub(super) fn wrong_at(place: SourceLocation, operation: &str, said: Ordering) -> Option<&'static str> {
    let word = match said {
        Ordering::Relaxed => "Relaxed",
        Ordering::Acquire => "Acquire",
        Ordering::Release => "Release",
        Ordering::AcqRel => "AcqRel",
        _ => "SeqCst",
    };
    if QUIET.get() {
        return stronger_at(place, operation, word);
    }
    wrong(core::ptr::from_ref(place).addr(), || place.to_string(), operation, word)
}

/// True if the mutant leaves a compiler fence out.
pub(super) fn leaves_a_compiler_fence_out() -> bool {
    requested().mutant.as_ref().is_some_and(|(what, _)| what == "sinks")
}

/// True if the mutant of this name is requested.
pub(in crate::sync) fn fault(name: &str) -> bool {
    !QUIET.get() && wrong(name.as_ptr().addr(), || name.to_owned(), "fault", "") == Some("fault")
}

/// The ordering that the source states, or the one that a fault or a stronger ordering puts in its place.
pub(super) fn weakened(wrong: Option<&str>, said: Ordering) -> Ordering {
    match wrong {
        Some("relaxed") => Ordering::Relaxed,
        Some("acquire") => Ordering::Acquire,
        Some("release") => Ordering::Release,
        Some("both") => Ordering::AcqRel,
        Some("seqcst") => Ordering::SeqCst,
        _ => said,
    }
}
