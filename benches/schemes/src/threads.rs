//! Threads that run boxed closures and are joined.

use std::{panic::resume_unwind, thread};

/// The work of one thread.
pub type Job<'j, T> = Box<dyn FnOnce() -> T + Send + 'j>;

/// Runs each job on a thread of its own, and `meanwhile` on this one. Returns the results in the sequence of the jobs.
///
/// `meanwhile` is passed a function that is true once any job has ended. Jobs are boxed, so that the code that starts
/// threads is compiled once, and not for each scheme.
///
/// # Panics
/// If a job panics, once all threads have ended.
pub fn run_together<T: Send>(jobs: Vec<Job<'_, T>>, meanwhile: &mut dyn FnMut(&dyn Fn() -> bool)) -> Vec<T> {
    thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(job)).collect();
        meanwhile(&|| threads.iter().any(thread::ScopedJoinHandle::is_finished));
        let ends: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        ends.into_iter().map(|end| end.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}
