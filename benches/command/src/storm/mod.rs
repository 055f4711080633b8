//! One block of memory goes off and on line while threads keep the small node that it is of under
//! pressure: the experiment by which Linux' rebuild under racing readers was judged in 2017, with
//! every page and every walk accounted for.
//!
//! The machine is a recorded one, with real memory behind its frames. Most of the block's node is
//! taken once and kept, so that a few thousand pages and the block are left; the threads want more
//! than that, so that they go to other nodes all the time, and their pages are moved there when
//! the block goes. Each page has a pattern in it that is looked at before it is given back. Other
//! nodes always have pages for a request that may go there: so one that is refused without having
//! asked a zone which stands on every version of its list is refused wrongly.

mod ground;
mod record;
mod report;
mod toggler;
mod watcher;
mod worker;

use std::{
    ops::Add,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use serde::Serialize;
use zonelist_core::{Capacity, conformance::Tally, publish::Barrier};
use zonelist_schemes::{
    Buildable, SEATS, Visitor,
    threads::{Job, together},
};

use crate::progress::wait;
use ground::Ground;
pub use ground::{Site, SiteError, StormError};
pub use report::{Report, SchemeReport};
use watcher::Watcher;
use worker::Worker;

/// Threads of a storm at most: there are seats beside theirs for who walks and who moves pages, and some to spare.
pub const MOST_THREADS: usize = 12;
const _: () = assert!(MOST_THREADS + 4 <= SEATS);

/// A storm under one scheme.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Storm<'a> {
    /// Where.
    pub site: &'a Site,
    /// Threads that take and give back pages, at most [`MOST_THREADS`].
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

/// Something that must never happen, done by a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A page's pattern is changed.
    Damaged,
    /// A page is given up, but never comes back.
    Lost,
}

/// How often what was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Times that the block went off or on line.
    pub toggles: u64,
    /// Times that it could not.
    pub refused: u64,
    /// Pages that were moved out of the block.
    pub migrations: u64,
    /// Pages that were handed out.
    pub allocations: u64,
    /// Of them, those of another node, since the one asked for had none to spare.
    pub fallbacks: u64,
    /// Requests for which there was no page.
    pub failures: u64,
    /// Of them, those that never asked a zone which every version of their list has.
    pub wrongful_failures: u64,
    /// Pages in which the pattern was not what had been written.
    pub patterns_damaged: u64,
    /// Pages that did not come back.
    pub pages_lost: u64,
}

/// What came of a storm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What was done.
    pub counts: Counts,
    /// What walks beside it showed.
    pub walks: Tally,
}

impl Visitor for Storm<'_> {
    type Output = Result<Outcome, StormError>;

    fn capacity(&self) -> Capacity {
        self.site.state.capacity()
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> Self::Output {
        let ground = Ground::<S, B>::new(self.site, self.threads)?;
        // In no time nothing is done, however slow this thread is.
        let stop = AtomicBool::new(self.time.is_zero());
        let mut jobs = Vec::<Job<'_, Result<(Counts, Tally), StormError>>>::new();
        for place in 0..self.threads {
            let draw = fastrand::Rng::with_seed(self.seed.wrapping_mul(1 << 8).wrapping_add(place as u64));
            let (fault, ground, stop) = (self.fault.filter(|_| place == 0), &ground, &stop);
            jobs.push(Box::new(move || Ok((Worker::new(ground, place, draw, fault)?.work(stop)?, Tally::default()))));
        }
        jobs.push(Box::new(|| Ok((toggler::toggle(&ground, &stop)?, Tally::default()))));
        jobs.push(Box::new(|| Ok((Counts::default(), Watcher::new(&ground).watch(&stop)?))));
        let (counts, walks) = self.ended(jobs, &stop)?;
        let (migrations, pages_lost) = (ground.migrations(), ground.lost()?);
        Ok(Outcome { counts: Counts { migrations, pages_lost, ..counts }, walks })
    }
}

impl Storm<'_> {
    /// Lets the threads run for as long as is asked, unless one ends before; what they count, added up.
    fn ended(
        &mut self,
        jobs: Vec<Job<'_, Result<(Counts, Tally), StormError>>>,
        stop: &AtomicBool,
    ) -> Result<(Counts, Tally), StormError> {
        let ends = together(jobs, &mut |any_ended| {
            wait(self.time, self.tick, any_ended);
            stop.store(true, Relaxed);
        });
        ends.into_iter().try_fold((Counts::default(), Tally::default()), |(counts, walks), end| {
            let (more, walked) = end?;
            Ok((counts + more, [walks, walked].into_iter().sum()))
        })
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            toggles: self.toggles + other.toggles,
            refused: self.refused + other.refused,
            migrations: self.migrations + other.migrations,
            allocations: self.allocations + other.allocations,
            fallbacks: self.fallbacks + other.fallbacks,
            failures: self.failures + other.failures,
            wrongful_failures: self.wrongful_failures + other.wrongful_failures,
            patterns_damaged: self.patterns_damaged + other.patterns_damaged,
            pages_lost: self.pages_lost + other.pages_lost,
        }
    }
}
