//! All measurements of the report: interleaved rounds of reads and publishes, then what only schemes have.

use std::time::Duration;

use zonelist_contenders::load::{
    BATCH, Clock, Contestant, GracePeriods, Load, LoadError, Loaded, Nothing, Rate, Rounds, Stalled, StalledRun,
};
use zonelist_core::NodeId;
use zonelist_schemes::{READERS, SchemeId, workload::Toggle};

/// What is measured, and for how long.
#[derive(Debug)]
pub struct Measurement<'a> {
    /// The lists to publish.
    pub toggle: &'a Toggle,
    /// The nodes to draw those that are read from.
    pub nodes: &'a [NodeId],
    /// Threads that read, at most [`Measurement::MAX_THREADS`].
    pub threads: usize,
    /// The time for each scheme.
    pub time: Duration,
    /// Seed of the nodes that are read.
    pub seed: u64,
    /// The clock.
    pub clock: Clock,
}

/// The runs of one scheme that no other publication has.
#[derive(Debug)]
pub struct SchemeRuns {
    /// Grace periods, if the scheme has them.
    pub grace_periods: Option<Loaded>,
    /// Publishes and other reads while one reader is stalled.
    pub stalled: StalledRun,
}

impl Measurement<'_> {
    /// Threads that read, at most. One more reader is stalled.
    pub const MAX_THREADS: usize = READERS - 1;

    /// Rounds of the interleaved runs.
    pub const ROUNDS: u32 = 6;

    /// The part of a scheme's time at each rate. The rest is for grace periods and for the stalled reader, half of it
    /// each.
    const AT_A_RATE: u32 = 5;

    /// Publishes a second beside grace periods, and beside a stalled reader. It bounds the memory that is kept for that
    /// reader.
    pub const RATE: Rate = Rate::PerSecond(1000);

    /// The time of grace periods, and of the stalled reader.
    #[must_use]
    pub fn rest(&self) -> Duration {
        self.time.saturating_sub(self.time / Self::AT_A_RATE * Rate::ALL.len() as u32) / 2
    }

    /// Runs of the noise of the machine, of each scheme, and of each peer, in this sequence.
    ///
    /// # Errors
    /// The lists do not fit.
    pub fn rounds<'p>(
        &self,
        schemes: &[SchemeId],
        peers: Vec<Contestant<'p>>,
        tick: &mut dyn FnMut(),
    ) -> Result<Rounds<'p>, LoadError> {
        let capacity = self.toggle.capacity();
        let mut contestants = vec![Contestant::publication("machine", || Nothing)];
        contestants.extend(schemes.iter().map(|&scheme| Contestant::scheme(scheme, capacity)));
        contestants.extend(peers);
        let (mut rounds, nodes) = (Rounds::new(contestants), self.drawn());
        let time = self.time / Self::AT_A_RATE / Self::ROUNDS;
        for _ in 0..Self::ROUNDS {
            rounds.round(&self.load(&nodes, time), tick)?;
        }
        Ok(rounds)
    }

    /// The runs that only a scheme has.
    ///
    /// # Errors
    /// The lists do not fit, or a grace period could not be waited for.
    pub fn of_scheme(&self, scheme: SchemeId) -> Result<SchemeRuns, LoadError> {
        let (nodes, capacity) = (self.drawn(), self.toggle.capacity());
        let load = self.load(&nodes, self.rest());
        let grace_periods = scheme.visit(&mut GracePeriods { load, capacity }).transpose()?;
        Ok(SchemeRuns { grace_periods, stalled: scheme.visit(&mut Stalled { load, capacity })? })
    }

    fn load<'l>(&'l self, nodes: &'l [NodeId], time: Duration) -> Load<'l> {
        let (versions, readers, clock) = (&self.toggle.versions, self.threads, &self.clock);
        Load { versions, nodes, readers, time, rate: Self::RATE, clock }
    }

    fn drawn(&self) -> Vec<NodeId> {
        let mut draw = fastrand::Rng::with_seed(self.seed);
        (0..4 * BATCH).map(|_| self.nodes[draw.usize(..self.nodes.len())]).collect()
    }
}
