//! The run of a soak test under one scheme: workers and a publisher, each on a thread of its own.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::channel,
    },
    time::Duration,
};

use zonelist_core::{publish::Platform, sync::Spin, table::Capacity};
use zonelist_schemes::{
    Buildable, READERS, Visitor,
    allocator::AllocatorError,
    threads::{Job, run_together},
};

use super::{
    fixture::{CAPACITY, Fixture},
    holders::Holders,
    outcome::{Counts, Fault, Outcome},
    publisher,
    worker::Worker,
};
use crate::progress::wait;

/// Workers of a soak test, at most.
pub const MAX_THREADS: usize = 16;

/// Reader slots of each worker: for its handle, for a second one during a replacement, and for one that it leaks.
const _: () = assert!(3 * MAX_THREADS <= READERS);

/// A soak test under one scheme.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Soak<'a> {
    /// Threads that allocate and free blocks, at most [`MAX_THREADS`]. One more publishes and drains.
    pub threads: usize,
    /// The time of the run.
    pub time: Duration,
    /// Seed of what each thread does.
    pub seed: u64,
    /// A deliberate fault of the first worker, by which a test checks the report.
    pub fault: Option<Fault>,
    /// Called periodically with the time since the start.
    pub tick: &'a mut dyn FnMut(Duration),
}

impl Visitor for Soak<'_> {
    type Output = Result<Outcome, AllocatorError>;

    const MAX_ZONES: usize = CAPACITY.zones();

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let fixture = Fixture::<S, P>::new(self.threads)?;
        // A run of no time does nothing: the threads may start before this one could set the flag.
        let stop = AtomicBool::new(self.time.is_zero());
        let mut jobs = Vec::<Job<'_, Result<Counts, AllocatorError>>>::new();
        let (senders, inboxes): (Vec<_>, Vec<_>) = (0..self.threads).map(|_| channel()).unzip();
        for (thread, inbox) in inboxes.into_iter().enumerate() {
            let others = senders.iter().enumerate().filter(|&(other, _)| other != thread);
            let others: Vec<_> = others.map(|(_, sender)| sender.clone()).collect();
            let (fixture, stop, rng) = (&fixture, &stop, self.rng(thread));
            let fault = self.fault.filter(|_| thread == 0);
            // A handle need not be `Send`, so each thread creates its own.
            jobs.push(Box::new(move || Worker::new(fixture, thread, rng, others, fault)?.run(inbox, stop)));
        }
        // An inbox ends with its last sender. Only workers may keep senders, or no inbox would ever end.
        drop(senders);
        let rng = self.rng(self.threads);
        jobs.push(Box::new(|| publisher::run(&fixture, rng, &stop)));
        let counts = self.run_jobs(jobs, &fixture.holders, &stop)?;
        Ok(Outcome {
            counts,
            left: fixture.left()?,
            pages_doubled: fixture.holders.doubled(),
            first_doubled: fixture.holders.first_doubled(),
        })
    }
}

impl Soak<'_> {
    /// Runs the jobs until the time is over or a page has two holders; returns the sum of their counts.
    fn run_jobs(
        &mut self,
        jobs: Vec<Job<'_, Result<Counts, AllocatorError>>>,
        holders: &Holders,
        stop: &AtomicBool,
    ) -> Result<Counts, AllocatorError> {
        let ends = run_together(jobs, &mut |_| {
            wait(self.time, self.tick, || holders.is_damaged());
            // Relaxed, with the loads in each thread's loop: the flag carries no data, and `together` joins the threads.
            stop.store(true, Relaxed);
        });
        ends.into_iter().try_fold(Counts::default(), |sum, one| Ok(sum + one?))
    }

    fn rng(&self, thread: usize) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(1 << 8).wrapping_add(thread as u64))
    }
}
