//! Schemes as a first user of the kit may write them, six of them with a fault. Each is explored by one line: see
//! `tests/`.

mod behind_a_lock;
pub mod elsewhere;
pub mod emptied_first;
pub mod freed_early;
pub mod hidden;
pub mod liar;
pub mod list_walk;
pub mod old_length;
pub mod relaxed_close;
pub mod spelled;
pub mod terminator_first;
pub mod wait_free_lock;
pub mod words;

/// The smallest scheme of the documentation, word for word.
#[rustfmt::skip]
pub mod smallest {
    include!("../../../../zonelist-core/src/publish/smallest.rs");
}

/// A scheme that holds, and with the feature `fault` one that does not.
#[cfg(not(feature = "fault"))]
pub use smallest::Locked as ByFeature;
#[cfg(feature = "fault")]
pub use terminator_first::TerminatorFirst as ByFeature;

use zonelist_core::{
    NodeId, Zoneref,
    publish::{Allocates, Facts, Guarantee, Progress, StalledReader},
    table::{Capacity, CapacityError},
    zonelist::{Scope, ZonelistsRef},
};

/// The length of the longest list of the models.
pub const ZONES: usize = 4;

/// The one list that these schemes keep.
///
/// # Errors
/// If there are more lists, or if the list is longer than [`ZONES`].
pub fn list(lists: ZonelistsRef<'_>) -> Result<&[Zoneref], CapacityError> {
    const ROOM: Capacity = Capacity::new(1, ZONES).unwrap();
    ROOM.check(lists)?;
    Ok(lists.of(const { NodeId::new(0).unwrap() }, Scope::Fallback))
}

/// The facts of most schemes here.
pub const FACTS: Facts = Facts::new("", env!("CARGO_PKG_NAME"))
    .guarantee(Guarantee::Snapshot)
    .readers(Progress::WaitFree)
    .writer(Progress::WaitFree)
    .allocates(Allocates::Never)
    .no_registration()
    .below_allocator()
    .after_fork()
    .tls_destructor()
    .stalled_reader(StalledReader::Bounded)
    .no_std()
    .no_alloc();

/// Items that all schemes have in common: no reader slot, and no state for a reader.
#[macro_export]
macro_rules! plain {
    () => {
        const PROTOCOL: zonelist_core::publish::ReaderProtocol = zonelist_core::publish::ReaderProtocol::None;
        type Local = ();
        type Filter = zonelist_core::Request;

        fn local(&self) {}

        fn filter(&self, request: &zonelist_core::Request) -> zonelist_core::Request {
            *request
        }
    };
}
