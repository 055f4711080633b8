//! Schemes through the trait with [`SystemBarrier`], whose barrier pair is chosen at run time.

use zonelist_core::{
    NodeId,
    publish::{Parts, SystemBarrier},
    stop_world::StopWorld,
    table::{Capacity, Slot},
    zonelist::ZonelistsRef,
};
use zonelist_epoch::AsymmetricEpoch;
use zonelist_schemes::Buildable;

use super::{
    error::ContenderError,
    loops::Contender,
    pairs::{Pairs, ThroughPages},
    through::Through,
};

/// The suffix of a scheme's name that selects [`SystemBarrier`].
pub const AT_RUN_TIME: &str = " at run time";

/// The scheme that a name with the suffix [`AT_RUN_TIME`] stands for. `None` for other names, and for schemes whose
/// readers need no barrier.
///
/// # Errors
/// The lists do not fit, or no reader can be registered.
pub fn at_run_time(name: &str, lists: ZonelistsRef<'_>) -> Result<Option<Box<dyn Contender>>, ContenderError> {
    fn through<S: Buildable>(lists: ZonelistsRef<'_>) -> Result<Option<Box<dyn Contender>>, ContenderError> {
        Ok(Some(Box::new(Through::<S, Parts<SystemBarrier>>::new(S::build(Capacity::of(lists)), lists)?)))
    }
    match name.strip_suffix(AT_RUN_TIME) {
        Some("StopWorld") => through::<StopWorld<Box<[Slot]>>>(lists),
        Some("AsymmetricEpoch") => through::<AsymmetricEpoch>(lists),
        _ => Ok(None),
    }
}

/// Like [`at_run_time`], as a handle of a page allocator.
///
/// # Errors
/// The lists do not fit, the node's list is empty, or no handle can be registered.
pub fn pairs_at_run_time(
    name: &str,
    lists: ZonelistsRef<'_>,
    node: NodeId,
) -> Result<Option<Box<dyn Pairs>>, ContenderError> {
    fn through<S: Buildable>(lists: ZonelistsRef<'_>, node: NodeId) -> Result<Option<Box<dyn Pairs>>, ContenderError> {
        let scheme = S::build(Capacity::of(lists));
        Ok(Some(Box::new(ThroughPages::<S, Parts<SystemBarrier>>::new(scheme, lists, node)?)))
    }
    match name.strip_suffix(AT_RUN_TIME) {
        Some("StopWorld") => through::<StopWorld<Box<[Slot]>>>(lists, node),
        Some("AsymmetricEpoch") => through::<AsymmetricEpoch>(lists, node),
        _ => Ok(None),
    }
}
