//! Run configuration: page frames, threads pinned to CPUs, and the seed of random choices.

use std::{
    io,
    sync::atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire},
    },
    thread,
};

use super::pool::PoolError;

/// CPUs that this process may run on.
#[derive(Clone, Debug)]
pub struct Cpus(Vec<usize>);

impl Cpus {
    /// The CPUs that the system allows this process.
    ///
    /// # Errors
    /// The system does not report them.
    pub fn here() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            use rustix::thread::{CpuSet, sched_getaffinity};
            let ours = sched_getaffinity(None)?;
            Ok(Self((0..CpuSet::MAX_CPU).filter(|&cpu| ours.is_set(cpu)).collect()))
        }
        #[cfg(not(target_os = "linux"))]
        Ok(Self((0..thread::available_parallelism()?.get()).collect()))
    }

    /// The number of CPUs.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Pins the calling thread to the CPU at this index. Does nothing on systems without such a call.
    fn pin(&self, index: usize) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(&cpu) = self.0.get(index) {
            let mut only = rustix::thread::CpuSet::new();
            only.set(cpu);
            rustix::thread::sched_setaffinity(None, &only)?;
        }
        let _ = index;
        Ok(())
    }
}

/// What a workload runs on.
#[derive(Clone, Copy, Debug)]
pub struct RunConfig<'c> {
    /// Page frames of the pool.
    pub frames: usize,
    /// Threads, each pinned to a CPU of its own.
    pub threads: usize,
    /// Seed of all random choices: the same for every contender of a round.
    pub seed: u64,
    /// CPUs that the threads are pinned to.
    pub cpus: &'c Cpus,
}

/// A workload that failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// The pool can't be set up.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A thread can't be pinned to its CPU.
    #[error("threads can't be pinned: {0}")]
    Pin(#[from] io::Error),
    /// A thread panicked, with its message on stderr.
    #[error("a thread panicked")]
    Panicked,
}

impl RunConfig<'_> {
    /// The random generator of this thread: the same sequence under every contender, another one for each thread.
    #[must_use]
    pub fn rng(&self, thread: usize) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(1 << 8).wrapping_add(thread as u64))
    }

    /// Runs `work` on one pinned thread for each input, all at the same time; returns the results in the inputs' sequence.
    pub(super) fn run_threads<I: Send, T: Send>(
        &self,
        inputs: Vec<I>,
        work: impl Fn(usize, I, &StartBarrier) -> T + Sync,
    ) -> Result<Vec<T>, WorkloadError> {
        let (work, start) = (&work, &StartBarrier { threads: inputs.len(), arrived: AtomicUsize::new(0) });
        let mut results: Vec<Option<T>> = inputs.iter().map(|_| None).collect();
        let mut jobs = Vec::<Job<'_>>::new();
        for ((thread, input), result) in inputs.into_iter().enumerate().zip(&mut results) {
            jobs.push(Box::new(move || *result = Some(work(thread, input, start))));
        }
        self.run_jobs(jobs, start)?;
        results.into_iter().map(|result| result.ok_or(WorkloadError::Panicked)).collect()
    }

    /// Runs each job on a thread of its own.
    ///
    /// Jobs are boxed because the code that starts a thread is large, and would be compiled once for each job type.
    fn run_jobs(&self, jobs: Vec<Job<'_>>, start: &StartBarrier) -> Result<(), WorkloadError> {
        thread::scope(|scope| {
            let run = |thread, job: Job<'_>| {
                let _arrives = ArriveOnDrop(start);
                self.cpus.pin(thread).map(|()| job())
            };
            let spawned: Vec<_> =
                jobs.into_iter().enumerate().map(|(thread, job)| scope.spawn(move || run(thread, job))).collect();
            // All threads are joined before the first error returns.
            let joined: Vec<_> = spawned.into_iter().map(thread::ScopedJoinHandle::join).collect();
            joined.into_iter().try_for_each(|result| Ok(result.map_err(|_| WorkloadError::Panicked)??))
        })
    }
}

/// The work of one thread.
type Job<'j> = Box<dyn FnOnce() + Send + 'j>;

/// A barrier that threads wait at before the clock starts.
///
/// Threads spin, since a thread that has to be woken would begin late. A thread that has ended counts as arrived, so
/// that a failed thread blocks no other.
#[derive(Debug)]
pub(super) struct StartBarrier {
    threads: usize,
    arrived: AtomicUsize,
}

impl StartBarrier {
    /// Waits until every thread has arrived or ended.
    pub(super) fn wait(&self) {
        // AcqRel, with the load of the loop below: setup of each thread happens before timed work of every other.
        self.arrived.fetch_add(1, AcqRel);
        // Acquire, with the increments above and in `ArriveOnDrop::drop`.
        while self.arrived.load(Acquire) < self.threads {
            std::hint::spin_loop();
        }
    }
}

/// Arrives at the barrier when a thread ends, by a return or by a panic.
struct ArriveOnDrop<'s>(&'s StartBarrier);

impl Drop for ArriveOnDrop<'_> {
    fn drop(&mut self) {
        // AcqRel, with the Acquire load in `StartBarrier::wait`: waiters see what the ended thread wrote.
        self.0.arrived.fetch_add(1, AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(cpus: &Cpus) -> RunConfig<'_> {
        RunConfig { frames: 1024, threads: 2, seed: 1, cpus }
    }

    #[test]
    fn results_are_in_the_sequence_of_the_inputs() {
        let cpus = Cpus::here().unwrap();
        let ran = config(&cpus).run_threads(vec!["a", "b"], |thread, name, start| {
            start.wait();
            (thread, name)
        });
        assert_eq!(ran.unwrap(), [(0, "a"), (1, "b")]);
    }

    #[test]
    fn a_thread_that_panics_blocks_no_other() {
        let cpus = Cpus::here().unwrap();
        let ran = config(&cpus).run_threads(vec![true, false], |_, fails, start| {
            assert!(!fails, "a deliberate failure");
            start.wait();
        });
        assert!(matches!(ran, Err(WorkloadError::Panicked)), "{ran:?}");
    }

    #[test]
    fn random_sequences_depend_on_the_thread_alone() {
        let cpus = Cpus::here().unwrap();
        let [one, again, other] = [0, 0, 1].map(|thread| config(&cpus).rng(thread).u64(..));
        assert!(one == again && one != other);
    }
}
