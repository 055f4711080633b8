//! The times of the points.

use std::time::{Duration, Instant};

use serde::Serialize;
use zonelist_core::{NodeId, zonelist::ZonelistsRef};
use zonelist_schemes::{
    measure::median,
    threads::{Job, run_together},
};

use super::{axis::Axis, fit::Fit, grown::Grown};
use crate::contender::{AnyPublication, Contender, ContenderError};

/// First zones that are read in one batch.
const READS: usize = 1024;

/// Entries that are read in one batch of walks, at least.
const ENTRIES: usize = 4096;

/// Publishes in one batch.
const PUBLISHES: usize = 4;

/// The times of one contender.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// Its name.
    pub name: &'static str,
    /// The points. A number that it can't reach is absent, and so is one that no batch was timed for.
    pub points: Vec<Point>,
    /// The fit of the points.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

/// The time of one operation at one number.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Point {
    /// The number.
    pub number: usize,
    /// Nanoseconds.
    pub ns: f64,
}

impl Measurement {
    /// Rounds of each point, in each of which every contender runs once.
    pub const ROUNDS: u32 = 5;

    /// Times one axis for these contenders; each gets `time` at each point.
    ///
    /// # Errors
    /// A contender refuses the lists or the readers.
    pub fn all(
        axis: Axis,
        contenders: &[Grown],
        time: Duration,
        tick: &mut dyn FnMut(),
    ) -> Result<Vec<Self>, ContenderError> {
        let chosen: Vec<Grown> = contenders.iter().copied().filter(|it| it.publishes() || !axis.publishes()).collect();
        let of = |it: &Grown| Self { name: it.name(), points: Vec::new(), fit: None };
        let mut measured: Vec<Self> = chosen.iter().map(of).collect();
        for &number in axis.numbers() {
            let [lists, other] = axis.lists(number);
            let versions = [lists.lists(), other.lists()];
            let publication = |it: &Grown| it.publish(versions[0], axis.readers(number)).transpose();
            let published = chosen.iter().map(publication).collect::<Result<Vec<_>, _>>()?;
            let mut batches = vec![Vec::new(); chosen.len()];
            for _ in 0..Self::ROUNDS {
                for (publication, batches) in published.iter().zip(&mut batches) {
                    let Some(publication) = publication else { continue };
                    let run = Run { publication: &**publication, versions, number, time: time / Self::ROUNDS };
                    batches.extend(run.batches(axis)?);
                    tick();
                }
            }
            for (it, batches) in measured.iter_mut().zip(batches) {
                it.points.extend(median(batches).map(|ns| Point { number, ns }));
            }
        }
        for it in &mut measured {
            let points: Vec<(f64, f64)> = it.points.iter().map(|point| (point.number as f64, point.ns)).collect();
            it.fit = Fit::of(&points);
        }
        Ok(measured)
    }
}

/// A run of one contender at one point, in one round.
#[derive(Clone, Copy)]
struct Run<'a> {
    publication: &'a dyn AnyPublication,
    versions: [ZonelistsRef<'a>; 2],
    number: usize,
    time: Duration,
}

impl Run<'_> {
    /// Nanoseconds of one operation, by batch.
    fn batches(self, axis: Axis) -> Result<Vec<f64>, ContenderError> {
        match axis {
            Axis::WalkByZones => self.reads(ENTRIES.div_ceil(self.number), |reader, nodes| reader.full(nodes)),
            Axis::FirstZoneByNodes => self.reads(READS, |reader, nodes| reader.independent(nodes)),
            Axis::FirstZoneByThreads => {
                let read = || self.reads(READS, |reader, nodes| reader.independent(nodes));
                let jobs = (0..self.number).map(|_| Box::new(read) as Job<'_, _>).collect();
                Ok(run_together(jobs, &mut |_| ()).into_iter().collect::<Result<Vec<_>, _>>()?.concat())
            }
            Axis::PublishByNodes => self.publishes(0),
            Axis::PublishByReaders => self.publishes(self.number),
        }
    }

    fn reads(
        self,
        reads: usize,
        read: impl Fn(&mut dyn Contender, &[NodeId]) -> u32,
    ) -> Result<Vec<f64>, ContenderError> {
        let mut reader = self.publication.reader()?;
        // At most four nodes, so that lists grow and the load of the CPU caches does not.
        let nodes = self.versions[0].nodes().clamp(1, 4);
        let nodes: Vec<NodeId> = (0..reads).filter_map(|read| NodeId::new((read % nodes) as u16)).collect();
        Ok(self.timed(nodes.len(), || {
            std::hint::black_box(read(&mut *reader, &nodes));
        }))
    }

    fn publishes(self, readers: usize) -> Result<Vec<f64>, ContenderError> {
        let (mut batches, mut failed) = (Vec::new(), None);
        self.publication.beside_readers(readers, &mut || {
            batches = self.timed(PUBLISHES, || {
                for turn in 0..PUBLISHES {
                    if let Err(error) = self.publication.publish(self.versions[turn % 2]) {
                        failed.get_or_insert(error);
                    }
                }
            });
        })?;
        failed.map_or(Ok(batches), Err)
    }

    /// Runs batches of this many operations until the time is over. The first one, which fills caches, is left out.
    fn timed(self, operations: usize, mut batch: impl FnMut()) -> Vec<f64> {
        let (mut batches, start) = (Vec::new(), Instant::now());
        batch();
        while start.elapsed() < self.time {
            let begin = Instant::now();
            batch();
            batches.push(begin.elapsed().as_nanos() as f64 / operations as f64);
        }
        batches
    }
}
