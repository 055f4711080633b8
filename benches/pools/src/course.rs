//! Where a trial is run: so many frames, threads on CPUs of their own, a seed for what is drawn.

use std::{
    io,
    sync::atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire},
    },
    thread,
};

use super::pool::SetUpError;

/// CPUs that this process may run on.
#[derive(Clone, Debug)]
pub struct Cpus(Vec<usize>);

impl Cpus {
    /// Asks the system.
    ///
    /// # Errors
    /// It does not say.
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

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Keeps the calling thread on the CPU of this place; on systems without such a call, does nothing.
    fn pin(&self, place: usize) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(&cpu) = self.0.get(place) {
            let mut only = rustix::thread::CpuSet::new();
            only.set(cpu);
            rustix::thread::sched_setaffinity(None, &only)?;
        }
        let _ = place;
        Ok(())
    }
}

/// What a trial is run on.
#[derive(Clone, Copy, Debug)]
pub struct Course<'c> {
    /// Frames of the pool.
    pub frames: usize,
    /// Threads, each on a CPU of its own.
    pub threads: usize,
    /// Draws orders and victims: the same for every contender of a round.
    pub seed: u64,
    /// Where the threads run.
    pub cpus: &'c Cpus,
}

/// Why a trial came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The pool can't be set up.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// A thread can't be kept on its CPU.
    #[error("threads can't be pinned: {0}")]
    Pin(#[from] io::Error),
    /// A thread panicked; what it said is on stderr.
    #[error("a thread panicked")]
    Panicked,
}

impl Course<'_> {
    /// Draws for this thread.
    #[must_use]
    pub fn draw(&self, thread: usize) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(1 << 8).wrapping_add(thread as u64))
    }

    /// Does the work with each of the inputs at once, on pinned threads.
    pub(super) fn together<I: Send, T: Send>(
        &self,
        inputs: Vec<I>,
        work: impl Fn(usize, I, &Gate) -> T + Sync,
    ) -> Result<Vec<T>, TrialError> {
        let (work, gate) = (&work, &Gate { threads: inputs.len(), passed: AtomicUsize::new(0) });
        let mut results: Vec<Option<T>> = inputs.iter().map(|_| None).collect();
        let mut jobs = Vec::<Job<'_>>::new();
        for ((place, input), result) in inputs.into_iter().enumerate().zip(&mut results) {
            jobs.push(Box::new(move || *result = Some(work(place, input, gate))));
        }
        self.run(jobs, gate)?;
        results.into_iter().map(|result| result.ok_or(TrialError::Panicked)).collect()
    }

    /// Runs each job on a thread of its own. Takes boxes, since a thread's start is a good deal of
    /// code, which would be compiled for each job's type.
    fn run(&self, jobs: Vec<Job<'_>>, gate: &Gate) -> Result<(), TrialError> {
        thread::scope(|scope| {
            let run = |place, job: Job<'_>| {
                let _leaves = Leaves(gate);
                self.cpus.pin(place).map(|()| job())
            };
            let spawned: Vec<_> =
                jobs.into_iter().enumerate().map(|(place, job)| scope.spawn(move || run(place, job))).collect();
            // All are waited for before any result is looked at.
            let joined: Vec<_> = spawned.into_iter().map(thread::ScopedJoinHandle::join).collect();
            joined.into_iter().try_for_each(|result| Ok(result.map_err(|_| TrialError::Panicked)??))
        })
    }
}

/// What one thread does.
type Job<'j> = Box<dyn FnOnce() + Send + 'j>;

/// Where threads wait for each other before the clock starts.
///
/// They spin: a thread that had to be woken would begin late. One that has ended counts as one
/// that waits, so that nobody waits for a thread that failed.
#[derive(Debug)]
pub(super) struct Gate {
    threads: usize,
    passed: AtomicUsize,
}

impl Gate {
    /// Waits until every thread does, or has ended.
    pub(super) fn wait(&self) {
        self.passed.fetch_add(1, AcqRel);
        while self.passed.load(Acquire) < self.threads {
            std::hint::spin_loop();
        }
    }
}

/// Tells the gate when a thread ends, however it does.
struct Leaves<'g>(&'g Gate);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.passed.fetch_add(1, AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(cpus: &Cpus) -> Course<'_> {
        Course { frames: 1024, threads: 2, seed: 1, cpus }
    }

    #[test]
    fn threads_keep_their_places() {
        let cpus = Cpus::here().unwrap();
        let ran = course(&cpus).together(vec!["a", "b"], |place, name, gate| {
            gate.wait();
            (place, name)
        });
        assert_eq!(ran.unwrap(), [(0, "a"), (1, "b")]);
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let cpus = Cpus::here().unwrap();
        let ran = course(&cpus).together(vec![true, false], |_, fails, gate| {
            assert!(!fails, "meant to");
            gate.wait();
        });
        assert!(matches!(ran, Err(TrialError::Panicked)), "{ran:?}");
    }

    #[test]
    fn threads_draw_alike_in_every_contender_and_apart_from_each_other() {
        let cpus = Cpus::here().unwrap();
        let [one, again, other] = [0, 0, 1].map(|thread| course(&cpus).draw(thread).u64(..));
        assert!(one == again && one != other);
    }
}
