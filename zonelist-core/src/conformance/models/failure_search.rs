//! Explorations that search for a failure, and do not fail when they find one.

use std::{
    format,
    string::{String, ToString},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::{Bound, Explored, Timeline, explore::explore_within, locked};
use crate::sync::traced::Log;

/// The result of a search for failures.
#[derive(Clone, Debug)]
pub struct FailureSearch {
    /// How far the model was explored.
    pub explored: Explored,
    /// The number of interleavings that failed.
    pub found: u64,
    /// The shortest timeline of a failure.
    pub shortest: Option<Timeline>,
}

/// The failures found so far.
#[derive(Default)]
struct Failures {
    found: u64,
    shortest: Option<Timeline>,
}

impl Failures {
    fn add(&mut self, what: &str) {
        self.found += 1;
        let _ = Timeline::keep_shortest(&mut self.shortest, what, None);
    }
}

/// Explores a model that returns, of each interleaving, the failure in it, if any.
///
/// The bound holds in the short set too, since a failure is to be found within it. [`Log::end_here`] ends the timeline.
///
/// [`Log::end_here`]: crate::sync::traced::Log::end_here
pub fn search_failures(
    name: &str,
    bound: Bound,
    model: impl Fn() -> Option<String> + Sync + Send + 'static,
) -> FailureSearch {
    let model = Arc::new(model);
    let (explored, failures) = explore_within(name, bound, || {
        let failures = Arc::new(Mutex::new(Failures::default()));
        let (into, model) = (Arc::clone(&failures), Arc::clone(&model));
        let run = move || {
            if let Some(what) = model() {
                locked(&into).add(&what);
            }
        };
        (failures, Arc::new(run), |failures: &Arc<Mutex<Failures>>| {
            format!("it goes wrong in {}", locked(failures).found)
        })
    });
    let failures = core::mem::take(&mut *locked(&failures));
    FailureSearch { explored, found: failures.found, shortest: failures.shortest }
}

/// Explores one thread that is interrupted before its first step, its second, and so on, once each.
///
/// The model gets the number of steps before the interrupt, and passes it to [`Log::interrupt`]. It returns the
/// failure, if any. The exploration ends with the first number of steps that the thread does not reach.
///
/// [`Log::interrupt`]: crate::sync::traced::Log::interrupt
pub fn search_interrupts(name: &str, model: impl Fn(usize) -> Option<String> + Sync + Send + 'static) -> FailureSearch {
    let (model, failures) = (Arc::new(model), Arc::new(Mutex::new(Failures::default())));
    let interrupted_at = |after: usize| {
        let interrupted = Arc::new(AtomicBool::new(false));
        let run = (name.to_string(), Arc::clone(&model), Arc::clone(&failures), Arc::clone(&interrupted));
        loom::model::Builder::new().check(move || {
            let (name, model, failures, interrupted) = &run;
            Log::clear(name, after as u64 + 1);
            let what = model(after);
            interrupted.store(!Log::uninterrupted(), Relaxed);
            if let Some(what) = what.filter(|_| interrupted.load(Relaxed)) {
                locked(failures).add(&what);
            }
            Log::end();
        });
        interrupted.load(Relaxed)
    };
    let interleavings = (0..).take_while(|&after| interrupted_at(after)).count() as u64;
    let explored = Explored { interleavings, preemptions: None, complete: true };
    let failures = core::mem::take(&mut *locked(&failures));
    std::println!("model {name}: {explored}; an interrupt at each step; it goes wrong in {}", failures.found);
    assert!(interleavings > 1, "model {name} explored nothing");
    FailureSearch { explored, found: failures.found, shortest: failures.shortest }
}
