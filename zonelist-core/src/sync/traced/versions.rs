//! The live versions, the walks that hold them, and the memory of freed versions: for [`VersionBox`].
//!
//! Freed memory is kept until the end of the interleaving. So a use after a free reads the old version, and is
//! reported, whatever the allocator would have done with the memory.
//!
//! [`VersionBox`]: crate::sync::VersionBox

use std::{
    boxed::Box, cell::RefCell, collections::BTreeMap, format, panic::Location, rc::Rc, string::String, vec::Vec,
};

use super::{Log, Step, Value, after, before, note, shown, sink::Next};

pub(crate) use super::SourceLocation;

/// A version, from its creation to the end of the interleaving.
struct Version {
    made: SourceLocation,
    freed: Option<SourceLocation>,
    /// The walks that hold the version: the thread, and where it took the version.
    holders: Vec<(usize, SourceLocation)>,
    /// Read when a walk takes and drops the version and at each use; written when the version is freed.
    memory: Rc<loom::cell::UnsafeCell<()>>,
}

/// The memory of a freed version, with the function that really frees it.
type Kept = (*mut (), unsafe fn(*mut ()));

std::thread_local! {
    static VERSIONS: RefCell<BTreeMap<usize, Version>> = const { RefCell::new(BTreeMap::new()) };
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// Begins an interleaving. Memory from a failed one is leaked: its destructors would make steps of that interleaving.
pub(super) fn clear() {
    VERSIONS.take();
    KEPT.take();
}

/// Ends an interleaving: the kept memory is really freed.
pub(super) fn end() {
    for (at, free) in KEPT.take() {
        // SAFETY: `free` put each pointer there once, with the function for its type.
        unsafe { free(at) };
    }
    VERSIONS.take();
}

fn with<R>(address: usize, use_it: impl FnOnce(&mut Version) -> R) -> R {
    let known = VERSIONS.with_borrow_mut(|versions| versions.get_mut(&address).map(use_it));
    known.unwrap_or_else(|| {
        panic!("a VersionRef or VersionBox of a pointer that is no version's: expected one from `VersionBox::into_raw`")
    })
}

fn step(place: SourceLocation, address: usize, what: &'static str) {
    after(before(place, Next::Other), place, Step::Version { at: address as Value, what });
}

/// Records a new version. Returns the location of the call.
#[track_caller]
pub(crate) fn made(address: usize) -> SourceLocation {
    let place = Location::caller();
    let memory = Rc::new(loom::cell::UnsafeCell::new(()));
    let version = Version { made: place, freed: None, holders: Vec::new(), memory };
    VERSIONS.with_borrow_mut(|versions| versions.insert(address, version));
    place
}

/// Records that the caller owns the version again. Returns the location of the call; fails the model if it was freed.
#[track_caller]
pub(crate) fn taken_back(address: usize) -> SourceLocation {
    let place = Location::caller();
    let (made, freed) = with(address, |version| (version.made, version.freed));
    if let Some(freed) = freed {
        fails(place, address, || {
            format!("freed twice: the version made at {} was freed at {}, and is again", shown(made), shown(freed))
        });
    }
    place
}

/// Frees a version, and keeps its memory. Fails the model if a walk holds the version, or if its last use is not
/// ordered before.
pub(crate) fn free<T>(value: Box<T>, place: SourceLocation) {
    /// SAFETY: `at` comes from a box of a `T`, and this is called once with it.
    unsafe fn really<T>(at: *mut ()) {
        // SAFETY: `at` comes from a box of a `T`, and is freed once, as the caller promises.
        drop(unsafe { Box::from_raw(at.cast::<T>()) });
    }
    let raw = Box::into_raw(value);
    KEPT.with_borrow_mut(|kept| kept.push((raw.cast(), really::<T>)));
    if std::thread::panicking() {
        return;
    }
    let address = raw.addr();
    let (made, holder) = with(address, |version| {
        version.freed = Some(place);
        (version.made, version.holders.first().copied())
    });
    if let Some((actor, taken)) = holder {
        let holder = Log::read(|log| log.actors.get(actor).cloned().unwrap_or_default());
        let (made, taken) = (shown(made), shown(taken));
        fails(place, address, || {
            format!(
                "freed while a walk held it: the version made at {made} is freed at {}, and the {holder} holds it since \
                 {taken}",
                shown(place)
            )
        });
    }
    step(place, address, "is freed");
    // The write by which loom checks that every use is ordered before the free.
    let memory = with(address, |version| Rc::clone(&version.memory));
    let what = format!(
        "freed while a walk held it: the version made at {} is freed at {}, and nothing orders that behind the \
         last use by a walk",
        shown(made),
        shown(place)
    );
    Log::explained(what, || memory.with_mut(|_| ()));
}

/// Records the free, and panics with this explanation.
fn fails(place: SourceLocation, address: usize, why: impl FnOnce() -> String) -> ! {
    note(Log::actor(), place, Step::Version { at: address as Value, what: "is freed" });
    explained(why())
}

/// Panics with an explanation that the report shows instead of the location of the panic.
fn explained(why: String) -> ! {
    Log::explained(why.clone(), || panic!("{why}"))
}

/// A walk's hold of a version.
#[derive(Debug)]
pub(crate) struct Held {
    address: usize,
    actor: usize,
    place: SourceLocation,
}

impl Held {
    #[track_caller]
    pub(crate) fn new(address: usize) -> Self {
        let held = Self { address, actor: Log::actor(), place: Location::caller() };
        step(held.place, address, "is taken up");
        held.read("and a walk takes it up");
        with(address, |version| version.holders.push((held.actor, held.place)));
        held
    }

    /// Records a use by the walk.
    pub(crate) fn used(&self) {
        self.read("and a walk uses it");
    }

    /// Reads the version's memory. Fails the model if the version is freed, or if the free is not ordered behind this
    /// use.
    fn read(&self, why: &str) {
        let (made, freed, memory) =
            with(self.address, |version| (version.made, version.freed, Rc::clone(&version.memory)));
        let freed_at = |freed: Option<SourceLocation>| {
            freed.map_or_else(String::new, |freed| format!(" is freed at {},", shown(freed)))
        };
        let what = || {
            format!(
                "freed while a walk held it: the version made at {}{} {why} at {}",
                shown(made),
                freed_at(freed),
                shown(self.place)
            )
        };
        if freed.is_some() {
            explained(what());
        }
        memory.with(|_| ());
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        let Self { address, actor, place } = *self;
        with(address, |version| version.holders.push((actor, place)));
        Self { address, actor, place }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.read("and a walk ends to use it");
        with(self.address, |version| {
            let own = version.holders.iter().position(|&holder| holder == (self.actor, self.place));
            own.map(|own| version.holders.swap_remove(own))
        });
    }
}
