//! The schemes by name: those whose facts say that they may serve a global allocator.

use zonelist_core::{
    LocalHandle, Scheme,
    stop_world::{StopWorld, StopWorldPreempted},
    table::{OrderTables, Slots},
};
use zonelist_epoch::{AsymmetricEpoch, Qsbr};
use zonelist_inplace::{InPlace, Presence};
use zonelist_seq::{SeqCopy, SeqRetry};

use crate::{
    pages::System,
    site::{self, AnySite, CAPACITY},
};

/// The name of the scheme that serves if none is named.
pub(crate) const DEFAULT: &str = "SeqRetry";

/// Creates the site of a scheme. The error is the fault, and what was expected.
pub(crate) fn site(name: &str, with_storm: bool) -> Result<&'static dyn AnySite, &'static str> {
    let site = match name {
        "StopWorld" => create(StopWorld::new(Slots::boxed(CAPACITY)), with_storm),
        "StopWorldPreempted" => create(StopWorldPreempted::new(Slots::boxed(CAPACITY)), with_storm),
        "AsymmetricEpoch" => create(AsymmetricEpoch::boxed(CAPACITY), with_storm),
        "Qsbr" => create(Qsbr::boxed(CAPACITY), with_storm),
        "SeqRetry" => create(SeqRetry::new(Slots::boxed(CAPACITY)), with_storm),
        "SeqCopy" => create(SeqCopy::<2>::new(CAPACITY.nodes()), with_storm),
        "InPlace" => create(InPlace::new(Slots::boxed(CAPACITY)), with_storm),
        "Presence" => create(Presence::new(OrderTables::boxed(CAPACITY)), with_storm),
        _ => return Err("no such scheme below a global allocator; expected one of README.md"),
    };
    site.ok_or("the page allocator can't be created; expected address space and memory for it")
}

/// Creates the site of a scheme that may serve a global allocator.
fn create<S: Scheme + 'static>(scheme: S, with_storm: bool) -> Option<&'static dyn AnySite>
where
    LocalHandle<'static, 'static, S, System>: Send,
{
    const { assert!(S::FACTS.below_allocator, "the scheme reaches for the heap") };
    site::create(scheme, with_storm)
}
