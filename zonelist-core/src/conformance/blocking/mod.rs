//! What waits for what: the operations, the machine that they are done on, and the scheduler that finds what they come to. The
//! page that it makes stands here in other builds.

mod fixture;
mod operations;
mod scheduled;
mod works;

pub use fixture::{Ground, Make};
pub use operations::{Operation, Watch, operations};
pub use scheduled::cells;
pub use works::{Work, works};

use crate::{
    ZoneId,
    publish::{Membership, PublishError, Published, Reclaim, Scheme, WaitError},
};

type Waits<S> = fn(&fixture::PublishedLists<S>) -> Result<(), WaitError>;
type SetsPresent<S> = fn(&fixture::PublishedLists<S>, bool) -> Result<(), PublishError>;

/// What only some schemes can do.
#[derive(Debug)]
pub struct Powers<S: Scheme> {
    synchronize: Option<Waits<S>>,
    retire: Option<Waits<S>>,
    set_present: Option<SetsPresent<S>>,
}

impl<S: Scheme> Clone for Powers<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scheme> Copy for Powers<S> {}

impl<S: Scheme> Powers<S> {
    /// It does what every scheme can.
    #[must_use]
    pub fn none() -> Self {
        Self { synchronize: None, retire: None, set_present: None }
    }

    /// It has grace periods, too.
    #[must_use]
    pub fn reclaims(self) -> Self
    where
        S: Reclaim,
    {
        let retire = |lists: &fixture::PublishedLists<S>| lists.retire(()).map_err(|not_retired| not_retired.error);
        Self { synchronize: Some(Published::synchronize), retire: Some(retire), ..self }
    }

    /// It takes zones off all lists, too.
    #[must_use]
    pub fn members(self) -> Self
    where
        S: Membership,
    {
        const ZONE: ZoneId = fixture::MOVABLE;
        let set_present =
            |lists: &fixture::PublishedLists<S>, present: bool| lists.set_present(ZONE, present).map(drop);
        Self { set_present: Some(set_present), ..self }
    }
}

/// A step where a thread may be stopped, of code that is not this library's.
fn step() {
    shuttle::thread::yield_now();
}
