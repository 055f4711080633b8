//! Threads that are joined, behind boxes.

use std::{panic::resume_unwind, thread};

/// What one thread does.
pub type Job<'j, T> = Box<dyn FnOnce() -> T + Send + 'j>;

/// Runs each job on a thread of its own, and something on this one meanwhile, which is passed whether any
/// job is done. Returns what the jobs return, in their order.
///
/// Takes boxes, since the start of a thread is a good deal of code: it would be compiled for each
/// scheme that a job is about.
///
/// # Panics
/// A job does; all threads have ended then.
pub fn together<T: Send>(jobs: Vec<Job<'_, T>>, meanwhile: &mut dyn FnMut(&dyn Fn() -> bool)) -> Vec<T> {
    thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(job)).collect();
        meanwhile(&|| threads.iter().any(thread::ScopedJoinHandle::is_finished));
        let ends: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        ends.into_iter().map(|end| end.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}
