//! Schemes under load: their publishes, and their grace periods.

use zonelist_core::{
    publish::{Platform, Published, ReaderSlots},
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, Visitor};

use super::{
    error::LoadError,
    run::{Load, Loaded, under_load, with_readers},
};
use crate::contender::Publication;

/// Reads while lists are published by a scheme.
#[derive(Debug)]
pub struct UnderLoad<'a> {
    /// The load.
    pub load: Load<'a>,
    /// The room for all versions.
    pub capacity: Capacity,
}

impl Visitor for UnderLoad<'_> {
    type Output = Result<Loaded, LoadError>;
    const TIMED: bool = true;

    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        under_load(&self::published::<S, P>(self.capacity, self.load.readers), &self.load)
    }
}

/// Grace periods of a scheme while others read: lists are published at the load's rate, and a grace period follows each
/// publish. The updates are the grace periods, without the publishes.
///
/// `None` if the scheme has no grace periods.
///
/// Not [`Visitor::TIMED`]: the barrier pair is chosen at run time, which makes a read a little slower and a grace
/// period no longer.
#[derive(Debug)]
pub struct GracePeriods<'a> {
    /// The load.
    pub load: Load<'a>,
    /// The room for all versions.
    pub capacity: Capacity,
}

impl Visitor for GracePeriods<'_> {
    type Output = Option<Result<Loaded, LoadError>>;

    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let (published, load) = (self::published::<S, P>(self.capacity, self.load.readers), &self.load);
        // Before any publish, so that a scheme without grace periods is not run.
        if let Err(error) = S::synchronize(&published)? {
            return Some(Err(error.into()));
        }
        if let Err(error) = Publication::publish(&published, load.versions[0].lists()) {
            return Some(Err(error.into()));
        }
        let grace_period = |turn: usize| {
            Publication::publish(&published, load.versions[turn % load.versions.len()].lists())?;
            let begin = load.clock.now();
            S::synchronize(&published).transpose()?;
            Ok(load.clock.now().saturating_sub(begin))
        };
        Some(with_readers(&published, load, &grace_period))
    }
}

/// A scheme with room for this many readers.
pub(super) fn published<S: Buildable, P: Platform<Lock = Spin>>(capacity: Capacity, readers: usize) -> Published<S, P> {
    Published::with_platform(S::build(capacity), ReaderSlots::boxed(readers))
}
