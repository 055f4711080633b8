//! Which versions live, which walks hold them, and the memory of those that are freed: for [`VersionBox`].
//!
//! Freed memory is kept until the end of the interleaving. So a use behind a free reads what was there, and is
//! reported, instead of whatever an allocator has made of it.
//!
//! [`VersionBox`]: crate::sync::VersionBox

use std::{
    boxed::Box, cell::RefCell, collections::BTreeMap, format, panic::Location, rc::Rc, string::String, vec::Vec,
};

use super::{Log, Step, Value, after, before, note, shown, sink::Next};

pub(crate) use super::CodeLocation;

/// A version, from the time it is made to the end of the interleaving.
struct Version {
    made: CodeLocation,
    freed: Option<CodeLocation>,
    /// Where each walk took it up that holds it now.
    holders: Vec<(usize, CodeLocation)>,
    /// Read when a walk begins and ends to hold it and at each use; written when it is freed.
    memory: Rc<loom::cell::UnsafeCell<()>>,
}

/// Memory that was freed, and how to free it.
type Kept = (*mut (), unsafe fn(*mut ()));

std::thread_local! {
    static VERSIONS: RefCell<BTreeMap<usize, Version>> = const { RefCell::new(BTreeMap::new()) };
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// Begins an interleaving. What a failed one has left is leaked: its destructors belong to that.
pub(super) fn clear() {
    VERSIONS.take();
    KEPT.take();
}

/// Ends an interleaving: what was freed in it now really is.
pub(super) fn end() {
    for (at, free) in KEPT.take() {
        // SAFETY: each was put there with its own function, once.
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

fn step(place: CodeLocation, address: usize, what: &'static str) {
    after(before(place, Next::Other), place, Step::Version { at: address as Value, what });
}

#[track_caller]
pub(crate) fn made(address: usize) -> CodeLocation {
    let place = Location::caller();
    let memory = Rc::new(loom::cell::UnsafeCell::new(()));
    let version = Version { made: place, freed: None, holders: Vec::new(), memory };
    VERSIONS.with_borrow_mut(|versions| versions.insert(address, version));
    place
}

/// Where it is taken back. The caller owns the version from here on.
#[track_caller]
pub(crate) fn taken_back(address: usize) -> CodeLocation {
    let place = Location::caller();
    let (made, freed) = with(address, |version| (version.made, version.freed));
    if let Some(freed) = freed {
        fails(place, address, || {
            format!("freed twice: the version made at {} was freed at {}, and is again", shown(made), shown(freed))
        });
    }
    place
}

/// Frees a version, whose memory is kept.
pub(crate) fn free<T>(value: Box<T>, place: CodeLocation) {
    /// SAFETY: `at` comes from a box of a `T`, and is freed once.
    unsafe fn really<T>(at: *mut ()) {
        // SAFETY: what the caller promises.
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
                "freed while a walk held it: the version made at {made} is freed at {}, and the {holder} holds it since {taken}",
                shown(place)
            )
        });
    }
    step(place, address, "is freed");
    let memory = with(address, |version| Rc::clone(&version.memory));
    let what = format!(
        "freed while a walk held it: the version made at {} is freed at {}, and nothing orders that behind the last use by a walk",
        shown(made),
        shown(place)
    );
    Log::explained(what, || memory.with_mut(|_| ()));
}

fn fails(place: CodeLocation, address: usize, why: impl FnOnce() -> String) -> ! {
    note(Log::actor(), place, Step::Version { at: address as Value, what: "is freed" });
    explained(why())
}

/// Panics for a reason that lies elsewhere.
fn explained(why: String) -> ! {
    Log::explained(why.clone(), || panic!("{why}"))
}

/// That a walk holds a version.
#[derive(Debug)]
pub(crate) struct Held {
    address: usize,
    actor: usize,
    place: CodeLocation,
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

    /// A use by the walk.
    pub(crate) fn used(&self) {
        self.read("and a walk uses it");
    }

    fn read(&self, why: &str) {
        let (made, freed, memory) =
            with(self.address, |version| (version.made, version.freed, Rc::clone(&version.memory)));
        let freed_at = |freed: Option<CodeLocation>| {
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
