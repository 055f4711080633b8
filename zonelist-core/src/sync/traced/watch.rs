//! Detects a model that makes no step any more, because it waits for something that loom does not see.
//!
//! All threads of a model run on one thread of the system. If one of them holds a lock of `std` while loom runs another
//! one that waits for it, all of them stop for ever.

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

use super::SourceLocation;

/// The progress of an exploring thread.
#[derive(Debug)]
struct Beat {
    steps: AtomicU64,
    /// The location of the last step of each of the first threads of the model.
    places: [AtomicPtr<Location<'static>>; ACTORS],
}

/// The number of threads that are recorded. Scenarios have fewer.
const ACTORS: usize = 4;

std::thread_local! {
    static BEAT: RefCell<Arc<Beat>> = RefCell::new(Arc::new(Beat {
        steps: AtomicU64::new(0),
        places: [const { AtomicPtr::new(ptr::null_mut()) }; ACTORS],
    }));
}

/// Records that a thread of the model begins a step.
pub(super) fn step(actor: usize, place: SourceLocation) {
    BEAT.with_borrow(|beat| {
        beat.steps.fetch_add(1, Relaxed);
        if let Some(last) = beat.places.get(actor) {
            last.store(ptr::from_ref(place).cast_mut(), Relaxed);
        }
    });
}

/// Records that an interleaving begins.
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
    observer: Option<JoinHandle<()>>,
}

impl Watch {
    /// The time without a step after which a model counts as stopped: an interleaving takes milliseconds.
    const STILL: Duration = Duration::from_secs(10);

    /// Calls `stands` if the calling thread makes no step for [`STILL`](Self::STILL), with the location of each
    /// thread's last step.
    pub(crate) fn begin(stands: impl FnOnce(&[Option<SourceLocation>]) + Send + 'static) -> Self {
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
                    // SAFETY: the pointer is null, or comes from a reference of static lifetime.
                    let last = beat.places.each_ref().map(|place| unsafe { place.load(Relaxed).as_ref() });
                    return stands(&last);
                }
            }
        };
        Self { end, observer: thread::Builder::new().name("watch".into()).spawn(watch).ok() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.store(true, Relaxed);
        if let Some(observer) = self.observer.take() {
            observer.thread().unpark();
            let _ = observer.join();
        }
    }
}
