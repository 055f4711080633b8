//! An endurance run: threads take, hold, pass on and give back pages of all sorts, caches are
//! drained under them and lists published, and at the end every page must be back.
//!
//! Who holds a frame is written down apart from the allocator, in a word that is swapped when the
//! frame is taken and when it is given back: a page that two hold is noticed at once. When all
//! handles are gone and all caches drained, each zone must have as many free pages as it manages,
//! and free blocks of the very lengths it began with.
//!
//! One zone is held back for requests that admit no other, which therefore must never be refused;
//! the rest of the machine is so small that it runs out again and again.

mod ground;
mod keeper;
mod owners;
mod report;
mod worker;

use std::{
    ops::Add,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::channel,
    },
    time::Duration,
};

use serde::Serialize;
use zonelist_core::{Capacity, publish::Barrier};
use zonelist_schemes::{
    Buildable, Visitor,
    allocator::AllocatorError,
    threads::{Job, together},
};

use crate::progress::wait;
pub use ground::MOST_THREADS;
use ground::{Ground, Leftovers};
use owners::Owners;
pub use report::{Report, RunReport};
use worker::Worker;

/// One run with one scheme.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Endurance<'a> {
    /// Threads that take and give back pages, at most [`MOST_THREADS`]. One more publishes and drains.
    pub threads: usize,
    /// How long.
    pub time: Duration,
    /// Draws what each thread does.
    pub seed: u64,
    /// What goes wrong on purpose, so that the judge can be judged.
    pub fault: Option<Fault>,
    /// Told now and then how much of the time is over.
    pub tick: &'a mut dyn FnMut(Duration),
}

/// Something that an allocator must never do, done to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A page goes back while it is held, and so to a second holder.
    Doubled,
    /// A page is given up, but never comes back.
    Lost,
}

/// How often what was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Blocks that were handed out.
    pub allocations: u64,
    /// Requests that were refused, as happens where memory is short.
    pub refused: u64,
    /// Of requests for the zone that is held back, those that were refused.
    pub wrongful_failures: u64,
    /// Blocks that were given back by another thread than had taken them.
    pub remote_frees: u64,
    /// Blocks that the allocator would not take back.
    pub frees_refused: u64,
    /// Handles that were dropped and made anew.
    pub handles: u64,
    /// Handles that were leaked.
    pub handles_leaked: u64,
    /// Drains of other threads' caches.
    pub drains: u64,
    /// Pages that they found.
    pub pages_drained: u64,
    /// Times that a zone was kept out of all caches.
    pub uncached: u64,
    /// Of them, those that found a page in a cache nevertheless.
    pub uncached_in_vain: u64,
    /// Versions that were published.
    pub publishes: u64,
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Outcome {
    /// What was done.
    #[serde(flatten)]
    pub counts: Counts,
    /// Frames that somebody took or gave back while they were not his.
    pub pages_doubled: u64,
    /// What is wrong with the zones now that everything should be back.
    #[serde(flatten)]
    pub left: Leftovers,
    /// The first frame with two holders, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_doubled: Option<String>,
}

impl Visitor for Endurance<'_> {
    type Output = Result<Outcome, AllocatorError>;

    const MOST_ZONES: usize = ground::CAPACITY.zones();

    fn capacity(&self) -> Capacity {
        ground::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> Self::Output {
        let ground = Ground::<S, B>::new(self.threads)?;
        // In no time nothing is done, however slow this thread is.
        let stop = AtomicBool::new(self.time.is_zero());
        let mut jobs = Vec::<Job<'_, Result<Counts, AllocatorError>>>::new();
        let (outs, inboxes): (Vec<_>, Vec<_>) = (0..self.threads).map(|_| channel()).unzip();
        for (place, inbox) in inboxes.into_iter().enumerate() {
            let others = outs.iter().enumerate().filter(|&(other, _)| other != place);
            let others: Vec<_> = others.map(|(_, out)| out.clone()).collect();
            let (ground, stop, draw) = (&ground, &stop, self.draw(place));
            let fault = self.fault.filter(|_| place == 0);
            // A handle need not be `Send`: each thread makes its own.
            jobs.push(Box::new(move || Worker::new(ground, place, draw, others, fault)?.work(inbox, stop)));
        }
        drop(outs);
        let draw = self.draw(self.threads);
        jobs.push(Box::new(|| keeper::keep(&ground, draw, &stop)));
        let counts = self.counted(jobs, &ground.owners, &stop)?;
        Ok(Outcome {
            counts,
            left: ground.left()?,
            pages_doubled: ground.owners.doubled(),
            first_doubled: ground.owners.first_doubled(),
        })
    }
}

impl Endurance<'_> {
    /// Lets the threads run for as long as is asked, unless a page has two holders; what they count, added up.
    fn counted(
        &mut self,
        jobs: Vec<Job<'_, Result<Counts, AllocatorError>>>,
        owners: &Owners,
        stop: &AtomicBool,
    ) -> Result<Counts, AllocatorError> {
        let ends = together(jobs, &mut |_| {
            wait(self.time, self.tick, || owners.is_damaged());
            stop.store(true, Relaxed);
        });
        ends.into_iter().try_fold(Counts::default(), |sum, one| Ok(sum + one?))
    }

    fn draw(&self, place: usize) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(1 << 8).wrapping_add(place as u64))
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            allocations: self.allocations + other.allocations,
            refused: self.refused + other.refused,
            wrongful_failures: self.wrongful_failures + other.wrongful_failures,
            remote_frees: self.remote_frees + other.remote_frees,
            frees_refused: self.frees_refused + other.frees_refused,
            handles: self.handles + other.handles,
            handles_leaked: self.handles_leaked + other.handles_leaked,
            drains: self.drains + other.drains,
            pages_drained: self.pages_drained + other.pages_drained,
            uncached: self.uncached + other.uncached,
            uncached_in_vain: self.uncached_in_vain + other.uncached_in_vain,
            publishes: self.publishes + other.publishes,
        }
    }
}
