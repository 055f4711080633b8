//! Exploring in search of something that goes wrong, instead of in fear of it.

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

/// What a hunt brought home.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// How far it went.
    pub explored: Explored,
    /// In so many interleavings something was found.
    pub found: u64,
    /// The shortest of those.
    pub shortest: Option<Timeline>,
}

#[derive(Default)]
struct Bag {
    found: u64,
    shortest: Option<Timeline>,
}

impl Bag {
    fn put(&mut self, what: &str) {
        self.found += 1;
        let _ = Timeline::keep_shortest(&mut self.shortest, what, None);
    }
}

/// Explores a model that says, of each interleaving, what has gone wrong in it. The bound holds in the
/// short set, too, since something is to be found within it.
/// [`Log::end_here`]
/// says where the story ends.
///
/// [`Log::end_here`]: crate::sync::traced::Log::end_here
pub fn hunt(name: &str, bound: Bound, model: impl Fn() -> Option<String> + Sync + Send + 'static) -> Hunt {
    let model = Arc::new(model);
    let (explored, bag) = explore_within(name, bound, || {
        let bag = Arc::new(Mutex::new(Bag::default()));
        let (into, model) = (Arc::clone(&bag), Arc::clone(&model));
        let run = move || {
            if let Some(what) = model() {
                locked(&into).put(&what);
            }
        };
        (bag, Arc::new(run), |bag: &Arc<Mutex<Bag>>| format!("it goes wrong in {}", locked(bag).found))
    });
    let bag = core::mem::take(&mut *locked(&bag));
    Hunt { explored, found: bag.found, shortest: bag.shortest }
}

/// The same for one thread that something else interrupts before its first step, its second, and so
/// on: the model is told after how many steps, and hands that to [`Log::interrupt`].
///
/// [`Log::interrupt`]: crate::sync::traced::Log::interrupt
pub fn hunt_interrupts(name: &str, model: impl Fn(usize) -> Option<String> + Sync + Send + 'static) -> Hunt {
    let (model, bag) = (Arc::new(model), Arc::new(Mutex::new(Bag::default())));
    let interrupted_at = |after: usize| {
        let interrupted = Arc::new(AtomicBool::new(false));
        let run = (name.to_string(), Arc::clone(&model), Arc::clone(&bag), Arc::clone(&interrupted));
        loom::model::Builder::new().check(move || {
            let (name, model, bag, interrupted) = &run;
            Log::clear(name, after as u64 + 1);
            let what = model(after);
            interrupted.store(!Log::uninterrupted(), Relaxed);
            if let Some(what) = what.filter(|_| interrupted.load(Relaxed)) {
                locked(bag).put(&what);
            }
            Log::end();
        });
        interrupted.load(Relaxed)
    };
    let interleavings = (0..).take_while(|&after| interrupted_at(after)).count() as u64;
    let explored = Explored { interleavings, preemptions: None, complete: true };
    let bag = core::mem::take(&mut *locked(&bag));
    std::println!("model {name}: {explored}; an interrupt at each step; it goes wrong in {}", bag.found);
    assert!(interleavings > 1, "model {name} explored nothing");
    Hunt { explored, found: bag.found, shortest: bag.shortest }
}
