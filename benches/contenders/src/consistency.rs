//! Consistency of walks, and the time of a publish, while one thread publishes without pause.

use std::time::{Duration, Instant};

use hdrhistogram::{CreationError, Histogram};
use zonelist_core::{
    Zonelists,
    conformance::{HistoryError, Load, Stress, StressError, Tally},
    publish::{Platform, Published, ReaderSlots},
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, READERS, Visitor, workload::Toggle};

/// The time of a publish while readers walk, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct PublishCost {
    /// The median.
    pub ns: u64,
    /// The 99th percentile.
    pub p99_ns: u64,
}

/// The result of a run of a scheme or a peer under a constant publisher.
#[derive(Clone, Copy, Debug)]
pub struct Consistency {
    /// The verdicts of all walks, counted.
    pub tally: Tally,
    /// The count of publishes.
    pub publishes: u64,
    /// The time of a publish; `None` if there was none.
    pub publish: Option<PublishCost>,
}

/// A run that failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name")]
pub enum PressureError {
    #[error(transparent)]
    Stress(#[from] StressError),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Histogram(#[from] CreationError),
}

/// A run that walks and publishes for a given time, and judges every walk.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Pressure<'a> {
    /// The lists to publish and walk.
    pub toggle: &'a Toggle,
    /// The count of reading threads.
    pub readers: usize,
    /// The length of the run.
    pub time: Duration,
    /// Called after each burst with the time elapsed, at most `time`.
    pub tick: &'a mut dyn FnMut(Duration),
}

impl Pressure<'_> {
    /// Walks of each reader between two judgements. Longer lists get fewer, since every entry seen is stored until
    /// then.
    pub(crate) fn burst(&self) -> usize {
        const MOST: usize = 20_000;
        const ZONEREFS: usize = 1 << 22;
        (ZONEREFS / (self.toggle.capacity().zones() + 1)).clamp(1, MOST)
    }

    /// Runs bursts until the time is over, at least one. Each passes the times of its publishes to its argument.
    pub(crate) fn run_bursts(
        &mut self,
        mut burst: impl FnMut(&mut dyn FnMut(Duration)) -> Result<(), PressureError>,
    ) -> Result<Option<PublishCost>, PressureError> {
        let mut took = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?;
        let begin = Instant::now();
        loop {
            burst(&mut |publish| took.saturating_record(publish.as_nanos() as u64))?;
            let over = begin.elapsed();
            (self.tick)(over.min(self.time));
            if over >= self.time {
                break;
            }
        }
        let at = |quantile| took.value_at_quantile(quantile);
        Ok((!took.is_empty()).then(|| PublishCost { ns: at(0.5), p99_ns: at(0.99) }))
    }
}

impl Visitor for Pressure<'_> {
    type Output = Result<Consistency, PressureError>;
    const TIMED: bool = true;

    fn capacity(&self) -> Capacity {
        self.toggle.capacity()
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let published: Published<S, P> =
            Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(READERS));
        let versions: &[Zonelists] = &self.toggle.versions;
        let (readers, walks) = (self.readers, self.burst());
        let load = Load { readers, publishers: 1, walks, versions, requests: &self.toggle.walks };
        let mut stress = Stress::new(&published, load)?;
        let publish = self.run_bursts(|record| {
            stress.burst()?;
            stress.took().for_each(record);
            Ok(())
        })?;
        Ok(Consistency { tally: stress.tally(), publishes: stress.publishes(), publish })
    }
}
