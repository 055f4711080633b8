//! A check of a scheme before it is explored: whether loom sees what its walks read and its publishes write.
//!
//! It takes seconds, and saves an exploration that could show nothing: loom interleaves only what it sees. Otherwise
//! all walks show the same, or a thread waits for ever for one that loom has stopped.
//!
//! ```text
//!   fail if the sources name locks or atomics that loom does not see
//!   on one thread, publish and walk by turns: fail if a walk is wrong
//!   fail if no step of a publish, or of a walk, is in the log
//!     (a walk without one passes if another thread makes a step during it: another crate's steps are in no log)
//! ```

use std::{
    any::type_name,
    borrow::ToOwned,
    collections::BTreeSet,
    env, format,
    panic::{AssertUnwindSafe, catch_unwind},
    string::{String, ToString},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    vec::Vec,
};

use super::{MOVABLE, NORMAL, OTHER, Zone, explore::quietly, locked, node, publish, run::Named, zoneref};
use crate::{
    Request, ZoneKind, Zoneref,
    conformance::sources::unseen,
    publish::{Published, ReaderProtocol, ReaderSlots, Scheme, Walk},
    sync::traced::{Log, Step},
};

/// Models that have passed the probe.
static PROBED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The package whose models are explored.
static PACKAGE: OnceLock<String> = OnceLock::new();

/// Names in any file of the package that loom does not see, one a line: for the report of a model that waits for ever.
pub(super) fn unseen_in_package() -> String {
    let named = PACKAGE.get().map(|package| unseen(package, "")).unwrap_or_default();
    named.iter().map(|unseen| format!("\n{unseen}")).collect()
}

/// Probes a scheme, once in a process for each model.
///
/// A scheme that fails the probe ends the process, with a message. The reasons are a name that loom does not see, a
/// walk that does not show what was published before it, or no step that loom could interleave.
pub fn probe<S: Scheme + Send + 'static>(
    model: &str,
    package: &str,
    make: impl Fn() -> S + Copy + Send + Sync + 'static,
) {
    if env::var_os("ZONELIST_MUTANT").is_some() {
        // A mutant may fail the probe, and has to be explored all the same.
        return;
    }
    PACKAGE.get_or_init(|| package.to_owned());
    let mut probed = locked(&PROBED);
    if !probed.contains(model) {
        let fault = catch_unwind(AssertUnwindSafe(|| fault(model, package, make)));
        let fault = fault.unwrap_or_else(|_| Some("the probe panics: see above".to_owned()));
        if let Some(fault) = fault {
            std::println!("\nmodel {model} is not explored:\n{fault}\n");
            // Ends the process, so that the fault is reported once and not for each shape.
            std::process::exit(101);
        }
        probed.insert(model.to_owned());
    }
}

/// Describes the fault of a scheme, if it has one.
fn fault<S: Scheme + Send + 'static>(
    model: &str,
    package: &str,
    make: impl Fn() -> S + Copy + Send + Sync + 'static,
) -> Option<String> {
    let named = unseen(package, type_name::<S>());
    if !named.is_empty() {
        return Some(named.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    let seen = alone(model, make);
    if let Some(wrong) = seen.wrong {
        return Some(wrong);
    }
    let scheme = S::FACTS.scheme;
    let expected = "expected its atomics, locks, cells and versions to be those of zonelist_core::sync, \
                    also those of the crates that it uses";
    if !seen.walk && !is_interleaved(model, make) {
        return Some(format!(
            "no walk of {scheme} makes a step that loom sees, though it shows what is published; {expected}"
        ));
    }
    (seen.walk && !seen.publish).then(|| format!("no publish of {scheme} makes a step that loom sees; {expected}"))
}

/// The result of one thread that publishes and walks by turns.
#[derive(Default)]
struct Seen {
    /// True if loom sees a step of a publish.
    publish: bool,
    /// True if loom sees a step of a walk.
    walk: bool,
    /// Describes the first walk that is wrong.
    wrong: Option<String>,
}

/// Publishes and walks by turns, on one thread.
fn alone<S: Scheme + Send + 'static>(model: &str, make: impl Fn() -> S + Copy + Send + Sync + 'static) -> Seen {
    const LISTS: [&[Zone]; 5] = [&[NORMAL, OTHER], &[MOVABLE, NORMAL, OTHER], &[OTHER, NORMAL], &[NORMAL], &[]];
    let seen = Arc::new(Mutex::new(Seen::default()));
    let into = Arc::clone(&seen);
    quietly(&format!("{model}: a probe"), Some(0), 2, move || {
        let scheme = make();
        let first = objects();
        let published: Published<S> = Published::with_slots(scheme, ReaderSlots::boxed(1));
        // The objects made between the two are those of `Published`, and not the scheme's.
        let others = first..objects();
        let mut into = locked(&into);
        for list in LISTS {
            let before = steps();
            publish(&published, list);
            let after = steps();
            into.publish |= is_seen(before, after, &others);
            let (walk, torn) = walked(&published);
            into.walk |= is_seen(after, steps(), &others);
            let expected: Vec<Zoneref> = list.iter().copied().map(zoneref).collect();
            if walk != expected || torn {
                let torn = if torn { ", and reports that it may be torn" } else { "" };
                into.wrong.get_or_insert(format!(
                    "a walk after a publish of {}, with no publish under way, shows {}{torn}{}",
                    Named(list),
                    Named(&walk),
                    if walk.starts_with(&expected) { "; the length of a list before it seems to be kept" } else { "" }
                ));
            }
        }
    });
    let mut seen = locked(&seen);
    core::mem::take(&mut *seen)
}

/// What a walk shows, cut behind the longest list, and whether it reports that it may be torn.
fn walked<S: Scheme>(published: &Published<S>) -> (Vec<Zoneref>, bool) {
    let filter = published.filter(&Request::up_to(ZoneKind::Movable));
    let mut reader = published.reader().expect("a reader slot");
    let guard = reader.enter();
    let mut walk = guard.walk(node(), &filter);
    let seen = walk.by_ref().take(super::ZONES + 1).collect();
    (seen, walk.must_retry())
}

/// The number of objects made so far.
fn objects() -> usize {
    Log::read(|log| log.born.len())
}

/// The number of steps logged so far.
fn steps() -> usize {
    Log::read(|log| log.events.len())
}

/// True if one of these steps accesses an object other than `others`, so that it is the scheme's.
fn is_seen(from: usize, to: usize, others: &core::ops::Range<usize>) -> bool {
    Log::read(|log| {
        log.events[from..to].iter().any(|event| match event.step {
            Step::Load { object, .. }
            | Step::Store { object, .. }
            | Step::ReadModifyWrite { object, .. }
            | Step::Did { object, .. } => !others.contains(&object),
            Step::Version { .. } => true,
            Step::Fence { .. } | Step::Said(_) => false,
        })
    })
}

/// True if another thread makes progress during a walk. Then loom sees steps that are in no log, such as another
/// crate's.
fn is_interleaved<S: Scheme + Send + 'static>(
    model: &str,
    make: impl Fn() -> S + Copy + Send + Sync + 'static,
) -> bool {
    // Beside the collector of crossbeam-epoch it takes some hundreds until a publish falls within the walk.
    const INTERLEAVINGS: u64 = 3_000;
    let met = Arc::new(AtomicBool::new(false));
    let meets = Arc::clone(&met);
    quietly(&format!("{model}: a walk beside a publish"), Some(1), INTERLEAVINGS, move || {
        // A std atomic, which loom does not see: it counts the progress of the publisher, and adds no steps.
        let (published, progress) = (Arc::new(make_published(make)), Arc::new(AtomicUsize::new(0)));
        publish(&published, &[NORMAL]);
        let publisher = loom::thread::spawn({
            let (published, progress) = (Arc::clone(&published), Arc::clone(&progress));
            move || {
                progress.fetch_add(1, SeqCst);
                publish(&published, &[MOVABLE, NORMAL]);
                progress.fetch_add(1, SeqCst);
            }
        });
        let filter = published.filter(&Request::up_to(ZoneKind::Movable));
        let mut reader = published.reader().expect("a reader slot");
        let now = || progress.load(SeqCst);
        let before = now();
        let guard = reader.enter();
        // With a reader slot, the steps of `enter` are those of the handshake, and not the scheme's.
        let before = if S::PROTOCOL == ReaderProtocol::None { before } else { now() };
        let _ = guard.walk(node(), &filter).count();
        meets.fetch_or(now() != before, SeqCst);
        drop(guard);
        drop(reader);
        publisher.join().expect("the publisher");
    });
    met.load(SeqCst)
}

fn make_published<S: Scheme>(make: impl Fn() -> S) -> Published<S> {
    Published::with_slots(make(), ReaderSlots::boxed(1))
}
