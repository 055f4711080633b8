//! Schemes through the trait, with the barrier pair that is chosen at run time.

use zonelist_core::{Capacity, Lists, NodeId, Slot, StopWorld, publish::SystemBarrier};
use zonelist_epoch::AsymmetricEpoch;

use super::{Contender, Pairs, SetupError, Through, ThroughPages};
use zonelist_schemes::Buildable;

/// Behind the name of a scheme: with [`SystemBarrier`].
pub const AT_RUN_TIME: &str = " at run time";

/// A scheme of that name with [`AT_RUN_TIME`] behind it; `None` if it is none, or its readers need no barrier.
///
/// # Errors
/// The lists do not fit, or no reader can be registered.
pub fn at_run_time(name: &str, lists: Lists<'_>) -> Result<Option<Box<dyn Contender>>, SetupError> {
    fn through<S: Buildable>(lists: Lists<'_>) -> Result<Option<Box<dyn Contender>>, SetupError> {
        Ok(Some(Box::new(Through::<S, SystemBarrier>::new(S::build(Capacity::of(lists)), lists)?)))
    }
    match name.strip_suffix(AT_RUN_TIME) {
        Some("StopWorld") => through::<StopWorld<Box<[Slot]>>>(lists),
        Some("AsymmetricEpoch") => through::<AsymmetricEpoch>(lists),
        _ => Ok(None),
    }
}

/// The same, as a handle of an allocator.
///
/// # Errors
/// The lists do not fit, the node's list is empty, or no handle can be had.
pub fn pairs_at_run_time(name: &str, lists: Lists<'_>, node: NodeId) -> Result<Option<Box<dyn Pairs>>, SetupError> {
    fn through<S: Buildable>(lists: Lists<'_>, node: NodeId) -> Result<Option<Box<dyn Pairs>>, SetupError> {
        let scheme = S::build(Capacity::of(lists));
        Ok(Some(Box::new(ThroughPages::<S, SystemBarrier>::new(scheme, lists, node)?)))
    }
    match name.strip_suffix(AT_RUN_TIME) {
        Some("StopWorld") => through::<StopWorld<Box<[Slot]>>>(lists, node),
        Some("AsymmetricEpoch") => through::<AsymmetricEpoch>(lists, node),
        _ => Ok(None),
    }
}
