//! The run of a storm under one scheme: workers, a hotplug driver and a checker, each on a thread of its own.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use zonelist_core::{conformance::Tally, publish::Platform, sync::Spin, table::Capacity};
use zonelist_schemes::{
    Buildable, READERS, Visitor,
    threads::{Job, run_together},
};

use super::{
    checker::Checker,
    error::StormError,
    fixture::Fixture,
    hotplug_driver,
    outcome::{Counts, Fault, Outcome},
    site::Site,
    worker::Worker,
};
use crate::progress::wait;

/// Workers of a storm, at most. The remaining reader slots are for the checker, for migrations, and for the setup.
pub const MAX_THREADS: usize = 12;
const _: () = assert!(MAX_THREADS + 4 <= READERS);

/// A storm under one scheme.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Storm<'a> {
    /// The machine and the block.
    pub site: &'a Site,
    /// Threads that allocate and free pages, at most [`MAX_THREADS`].
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

impl Visitor for Storm<'_> {
    type Output = Result<Outcome, StormError>;

    fn capacity(&self) -> Capacity {
        self.site.state.capacity()
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let fixture = Fixture::<S, P>::new(self.site, self.threads)?;
        // A run of no time does nothing: the threads may start before this one could set the flag.
        let stop = AtomicBool::new(self.time.is_zero());
        let mut jobs = Vec::<Job<'_, Result<(Counts, Tally), StormError>>>::new();
        for thread in 0..self.threads {
            let rng = fastrand::Rng::with_seed(self.seed.wrapping_mul(1 << 8).wrapping_add(thread as u64));
            let (fault, fixture, stop) = (self.fault.filter(|_| thread == 0), &fixture, &stop);
            jobs.push(Box::new(move || Ok((Worker::new(fixture, thread, rng, fault)?.run(stop)?, Tally::default()))));
        }
        jobs.push(Box::new(|| Ok((hotplug_driver::run(&fixture, &stop)?, Tally::default()))));
        jobs.push(Box::new(|| Ok((Counts::default(), Checker::new(&fixture).run(&stop)?))));
        let (counts, walks) = self.run_jobs(jobs, &stop)?;
        let (migrations, pages_lost) = (fixture.migrations(), fixture.lost()?);
        Ok(Outcome { counts: Counts { migrations, pages_lost, ..counts }, walks })
    }
}

impl Storm<'_> {
    /// Runs the jobs until the time is over or one ends early; returns the sums of their results.
    fn run_jobs(
        &mut self,
        jobs: Vec<Job<'_, Result<(Counts, Tally), StormError>>>,
        stop: &AtomicBool,
    ) -> Result<(Counts, Tally), StormError> {
        let ends = run_together(jobs, &mut |any_ended| {
            wait(self.time, self.tick, any_ended);
            // Relaxed, with the loads in each thread's loop: the flag carries no data, and `together` joins the threads.
            stop.store(true, Relaxed);
        });
        ends.into_iter().try_fold((Counts::default(), Tally::default()), |(counts, walks), end| {
            let (more, walked) = end?;
            Ok((counts + more, [walks, walked].into_iter().sum()))
        })
    }
}
