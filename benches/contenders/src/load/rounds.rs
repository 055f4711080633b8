//! Interleaved rounds: in each, every contestant runs once under each load.

use std::collections::BTreeMap;

use zonelist_core::table::Capacity;
use zonelist_schemes::SchemeId;

use super::{
    error::LoadError,
    pace::Rate,
    run::{Load, Loaded, under_load},
    schemes::UnderLoad,
};
use crate::contender::{PeerEntry, Publication};

/// Runs a contestant under a load.
type Run<'a> = dyn FnMut(&Load<'_>) -> Result<Loaded, LoadError> + 'a;

/// A contestant: a scheme, a peer, or the noise of the machine, with its times so far.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Contestant<'a> {
    name: &'static str,
    run: Box<Run<'a>>,
    loaded: BTreeMap<Rate, Vec<Loaded>>,
}

impl<'a> Contestant<'a> {
    /// A scheme, with room for lists of this capacity.
    #[must_use]
    pub fn scheme(scheme: SchemeId, capacity: Capacity) -> Self {
        let run = move |load: &Load<'_>| scheme.visit(&mut UnderLoad { load: *load, capacity });
        Self { name: scheme.name(), run: Box::new(run), loaded: BTreeMap::new() }
    }

    /// An outside peer, if it has a publisher.
    #[must_use]
    pub fn peer(peer: &'static PeerEntry) -> Option<Self> {
        let run = peer.under_load?;
        Some(Self { name: peer.name, run: Box::new(run), loaded: BTreeMap::new() })
    }

    /// Any publication, which is built for each run.
    #[must_use]
    pub fn publication<P: Publication>(name: &'static str, build: impl Fn() -> P + 'a) -> Self {
        let run = move |load: &Load<'_>| under_load(&build(), load);
        Self { name, run: Box::new(run), loaded: BTreeMap::new() }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The times of each round, by rate.
    #[must_use]
    pub fn loaded(&self) -> &BTreeMap<Rate, Vec<Loaded>> {
        &self.loaded
    }
}

/// Contestants, with the number of rounds so far.
#[expect(missing_debug_implementations, reason = "it holds closures")]
pub struct Rounds<'a> {
    contestants: Vec<Contestant<'a>>,
    rounds: usize,
}

impl<'a> Rounds<'a> {
    /// No rounds so far.
    #[must_use]
    pub fn new(contestants: Vec<Contestant<'a>>) -> Self {
        Self { contestants, rounds: 0 }
    }

    /// Runs every contestant once at each of [`Rate::ALL`]; the load's own rate is not used. Calls `tick` after each
    /// run.
    ///
    /// Each round begins with the next contestant, so that none always runs after the same other one.
    ///
    /// # Errors
    /// The lists do not fit, or there is no room for the readers.
    pub fn round(&mut self, load: &Load<'_>, tick: &mut dyn FnMut()) -> Result<(), LoadError> {
        for rate in Rate::ALL {
            let count = self.contestants.len();
            for i in 0..count {
                let contestant = &mut self.contestants[(i + self.rounds) % count];
                let loaded = (contestant.run)(&Load { rate, ..*load })?;
                contestant.loaded.entry(rate).or_default().push(loaded);
                tick();
            }
        }
        self.rounds += 1;
        Ok(())
    }

    /// The contestants, with their times.
    #[must_use]
    pub fn contestants(&self) -> &[Contestant<'a>] {
        &self.contestants
    }
}
