//! Whether a model still moves: one that does not waits for what loom does not see.
//!
//! All threads of a model run on one thread of the system. A lock of `std` that one of them holds while loom runs
//! another stops all of them, for ever.

use std::{
    cell::RefCell,
    panic::Location,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::CodeLocation;

/// How a thread that explores gets on.
#[derive(Debug)]
struct Beat {
    steps: AtomicU64,
    /// Where the step was that each of the first actors was last to make.
    places: [AtomicPtr<Location<'static>>; ACTORS],
}

/// More than a scenario has.
const ACTORS: usize = 4;

std::thread_local! {
    static BEAT: RefCell<Arc<Beat>> = RefCell::new(Arc::new(Beat {
        steps: AtomicU64::new(0),
        places: [const { AtomicPtr::new(ptr::null_mut()) }; ACTORS],
    }));
}

/// Notes a step that an actor is to make.
pub(super) fn step(actor: usize, place: CodeLocation) {
    BEAT.with_borrow(|beat| {
        beat.steps.fetch_add(1, Relaxed);
        if let Some(last) = beat.places.get(actor) {
            last.store(ptr::from_ref(place).cast_mut(), Relaxed);
        }
    });
}

/// Notes that an interleaving begins.
pub(super) fn begin() {
    BEAT.with_borrow(|beat| {
        beat.steps.fetch_add(1, Relaxed);
        beat.places.iter().for_each(|place| place.store(ptr::null_mut(), Relaxed));
    });
}

/// Watches the exploring thread until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    end: Arc<AtomicBool>,
    watch_thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// For so long no model stands still that moves at all: an interleaving takes milliseconds.
    const STILL: Duration = Duration::from_secs(10);

    /// Calls `stands`, with where each actor's last step was, if the calling thread makes none for some seconds.
    pub(crate) fn begin(stands: impl FnOnce(&[Option<CodeLocation>]) + Send + 'static) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let (ends, beat) = (Arc::clone(&end), BEAT.with_borrow(Arc::clone));
        let watch = move || {
            let (mut last, mut since) = (beat.steps.load(Relaxed), Instant::now());
            while !ends.load(Relaxed) {
                thread::park_timeout(Duration::from_millis(200));
                let steps = beat.steps.load(Relaxed);
                if steps != last {
                    (last, since) = (steps, Instant::now());
                } else if since.elapsed() > Self::STILL && !ends.load(Relaxed) {
                    // SAFETY: it is null, or was made of a reference that lives for ever.
                    let last = beat.places.each_ref().map(|place| unsafe { place.load(Relaxed).as_ref() });
                    return stands(&last);
                }
            }
        };
        Self { end, watch_thread: thread::Builder::new().name("watch".into()).spawn(watch).ok() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.store(true, Relaxed);
        if let Some(watch_thread) = self.watch_thread.take() {
            watch_thread.thread().unpark();
            let _ = watch_thread.join();
        }
    }
}
