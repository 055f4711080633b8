//! What is to be said of a place, and what is wrong with it on purpose.

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

use super::{CodeLocation, Ordering};

std::thread_local! {
    /// Places come by, and whether each is the mutant's.
    static KNOWN: RefCell<HashMap<usize, bool>> = RefCell::default();
    /// Whether this thread explores what is in no account: nothing is said of it, and nothing is wrong on purpose.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// What is stronger than the source says.
    static STRONGER: RefCell<Stronger> = const { RefCell::new(Stronger::Nowhere) };
}

/// An operation whose ordering the source says: where, which, and how.
pub(crate) type Site = (CodeLocation, String, &'static str);

/// Where an ordering is stronger than the source says, to see whether a model then holds.
#[derive(Debug)]
pub(crate) enum Stronger {
    /// Nowhere.
    Nowhere,
    /// Everywhere; with the places come by.
    Everywhere(BTreeSet<Site>),
    /// At one place: a load acquires, a store releases, and what does both does both.
    AtLocation(CodeLocation),
}

/// Explores something quietly.
pub(crate) fn quiet<R>(explore: impl FnOnce() -> R) -> R {
    /// Puts back what was before, also out of a panic.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            QUIET.set(self.0);
        }
    }
    let _before = Before(QUIET.replace(true));
    explore()
}

/// Explores something with stronger orderings, quietly. Returns the places come by, where it is everywhere.
pub(crate) fn stronger<R>(stronger: Stronger, explore: impl FnOnce() -> R) -> (R, BTreeSet<Site>) {
    STRONGER.set(stronger);
    let result = quiet(explore);
    let sites = match STRONGER.replace(Stronger::Nowhere) {
        Stronger::Everywhere(sites) => sites,
        Stronger::Nowhere | Stronger::AtLocation(_) => BTreeSet::new(),
    };
    (result, sites)
}

/// Whether this thread explores something quietly.
pub(crate) fn is_quiet() -> bool {
    QUIET.get()
}

/// Whether this thread explores with stronger orderings: what fails then is no news.
pub(crate) fn is_stronger() -> bool {
    STRONGER.with_borrow(|stronger| !matches!(stronger, Stronger::Nowhere))
}

/// Whether it is to be stronger at a place, and how.
fn stronger_at(place: CodeLocation, operation: &str, word: &'static str) -> Option<&'static str> {
    STRONGER.with_borrow_mut(|stronger| match stronger {
        Stronger::Nowhere => None,
        Stronger::Everywhere(sites) => {
            sites.insert((place, operation.to_owned(), word));
            Some("seqcst")
        }
        Stronger::AtLocation(at) if *at == place => Some(match operation {
            "load" => "acquire",
            "store" => "release",
            _ => "both",
        }),
        Stronger::AtLocation(_) => None,
    })
}

/// What the environment asks for.
struct Asked {
    /// Says once for each model what places it comes by: `ZONELIST_SITES`.
    sites: bool,
    /// One deliberate fault: what is wrong, and where. `ZONELIST_MUTANT` has both, with a tab between.
    ///
    /// - `relaxed`, `acquire`, `release`: an operation with a weaker ordering; a fence left out.
    /// - `acqrel`: a fence that orders no store before a load.
    /// - `sinks`: a compiler fence left out, so that a store before it sinks behind the loads that follow.
    /// - `late`: a store that takes effect behind the same thread's next step.
    /// - `fault`: a step left out or out of order, by name, where the source asks for it.
    mutant: Option<(String, String)>,
}

fn asked() -> &'static Asked {
    static GRACE_PERIOD: OnceLock<Asked> = OnceLock::new();
    GRACE_PERIOD.get_or_init(|| {
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

/// The same by name. `key` is its address: what is asked at every step must be quick.
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

/// What is wrong with a place, if anything is.
pub(super) fn wrong_at(place: CodeLocation, operation: &str, said: Ordering) -> Option<&'static str> {
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

/// Whether some compiler fence is to be left out.
pub(super) fn leaves_a_compiler_fence_out() -> bool {
    asked().mutant.as_ref().is_some_and(|(what, _)| what == "sinks")
}

/// Whether a fault of that name is asked for.
pub(in crate::sync) fn fault(name: &str) -> bool {
    !QUIET.get() && wrong(name.as_ptr().addr(), || name.to_owned(), "fault", "") == Some("fault")
}

/// The ordering that is said, or that a mutant makes of it.
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
