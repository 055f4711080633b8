//! How often a reader remembers its first zone, while lists are published at a steady rate.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use zonelist_core::{
    publish::{FirstZone, Memory, Platform, PublishError, Published, ReaderSlots},
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, Visitor, workload::Toggle};

use crate::{
    contender::ContenderError,
    load::{Pacer, Rate},
};

/// Publishes a second.
pub const RATES: [u32; 3] = [0, 10, 1000];

/// Bytes of a memory of one node, and of each further node in a table by node.
pub const MEMORY_BYTES: [usize; 2] = [
    size_of::<
        FirstZone<
            '_,
            zonelist_core::stop_world::StopWorld<Box<[zonelist_core::table::Slot]>>,
            zonelist_core::publish::Standard,
        >,
    >(),
    size_of::<Memory>(),
];

/// Measures the share of reads that are remembered, by publishes a second: one reader asks for the first zones of all
/// walks of the machine by turns.
#[derive(Debug)]
pub struct Hits<'a> {
    /// The lists to publish and the walks to do.
    pub toggle: &'a Toggle,
    /// The time for each rate.
    pub time: Duration,
}

impl Visitor for Hits<'_> {
    type Output = Result<BTreeMap<u32, f64>, ContenderError>;

    fn capacity(&self) -> Capacity {
        self.toggle.capacity()
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        RATES.into_iter().map(|rate| Ok((rate, self.at::<S, P>(rate)?))).collect()
    }
}

impl Hits<'_> {
    fn at<S: Buildable, P: Platform<Lock = Spin>>(&self, rate: u32) -> Result<f64, ContenderError> {
        let Toggle { versions, walks } = self.toggle;
        let published = Published::<S, P>::with_platform(S::build(self.toggle.capacity()), ReaderSlots::boxed(1));
        published.publish(&versions[0])?;
        let filters: Vec<S::Filter> = walks.iter().map(|(_, request)| published.filter(request)).collect();
        let mut reader = published.reader()?;
        let read = walks.iter().zip(&filters);
        let mut memories: Vec<_> = read.map(|((node, _), filter)| published.first_zone(*node, filter)).collect();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let publisher =
                scope.spawn(|| publish(&done, rate, |turn| published.publish(&versions[turn % versions.len()])));
            let (mut reads, mut hits, begin) = (0_u64, 0_u64, Instant::now());
            while begin.elapsed() < self.time {
                for memory in &mut memories {
                    // A list that is empty for the request can't be remembered.
                    let remembered = memory.recall().is_some();
                    if !remembered && reader.first(memory).is_none() {
                        continue;
                    }
                    (reads, hits) = (reads + 1, hits + u64::from(remembered));
                }
                reader.quiescent();
            }
            done.store(true, Relaxed);
            // A publish under way may wait for this reader.
            drop(reader);
            publisher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(hits as f64 / reads.max(1) as f64)
        })
    }
}

/// Publishes at a rate until `done`.
fn publish<T>(
    done: &AtomicBool,
    rate: u32,
    publish: impl Fn(usize) -> Result<T, PublishError>,
) -> Result<(), PublishError> {
    let (begin, mut pacer) = (Instant::now(), Pacer::new(Rate::PerSecond(rate)));
    while !done.load(Relaxed) {
        match pacer.wait(begin.elapsed()) {
            Some(Duration::ZERO) => {
                // The first version is published before.
                publish(pacer.count() as usize + 1)?;
                pacer.published();
            }
            // Not longer, so that `done` is seen.
            wait => thread::sleep(wait.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)),
        }
    }
    Ok(())
}

/// The longest time for which the publisher does not look whether the run is over.
const LONGEST_SLEEP: Duration = Duration::from_micros(200);
