//! What waits for what: every operation that may wait, run while something is held, under a scheduler that sees the
//! waits.
//!
//! `fixture` is the machine, `operations` are the operations, `tasks` are the tasks of threads that are stopped, and
//! `scheduled` runs all pairs. In builds without `--cfg shuttle` this module is the page that `benches/verify` makes of
//! the results.

mod fixture;
mod operations;
mod scheduled;
mod tasks;

pub use fixture::{Fixture, Make};
pub use operations::{Operation, OperationObserver, operations};
pub use scheduled::cells;
pub use tasks::{Task, tasks};

use crate::{
    ZoneId,
    publish::{Membership, PublishError, Published, Reclaim, Scheme, WaitError, ZonePresence},
};

type WaitFn<S> = fn(&fixture::PublishedLists<S>) -> Result<(), WaitError>;
type SetPresentFn<S> = fn(&fixture::PublishedLists<S>, ZonePresence) -> Result<(), PublishError>;

/// Operations that only some schemes have.
#[derive(Debug)]
pub struct OptionalOperations<S: Scheme> {
    synchronize: Option<WaitFn<S>>,
    retire: Option<WaitFn<S>>,
    set_present: Option<SetPresentFn<S>>,
}

impl<S: Scheme> Clone for OptionalOperations<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scheme> Copy for OptionalOperations<S> {}

impl<S: Scheme> OptionalOperations<S> {
    /// A scheme with no operations beyond those that every scheme has.
    #[must_use]
    pub fn none() -> Self {
        Self { synchronize: None, retire: None, set_present: None }
    }

    /// Adds grace periods.
    #[must_use]
    pub fn reclaims(self) -> Self
    where
        S: Reclaim,
    {
        let retire = |lists: &fixture::PublishedLists<S>| lists.retire(()).map_err(|not_retired| not_retired.error);
        Self { synchronize: Some(Published::synchronize), retire: Some(retire), ..self }
    }

    /// Adds the presence of zones, changed in all lists at once.
    #[must_use]
    pub fn members(self) -> Self
    where
        S: Membership,
    {
        const ZONE: ZoneId = fixture::MOVABLE;
        let set_present = |lists: &fixture::PublishedLists<S>, presence| lists.set_present(ZONE, presence).map(drop);
        Self { set_present: Some(set_present), ..self }
    }
}

/// A step at which a thread may be stopped, in code outside this library.
fn step() {
    shuttle::thread::yield_now();
}
