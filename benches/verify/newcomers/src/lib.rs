//! Schemes as a newcomer writes them, five of them broken. Each is explored by one line: see `tests/`.

mod behind_a_lock;
pub mod elsewhere;
pub mod freed_early;
pub mod hidden;
pub mod liar;
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

use zonelist_core::{
    Capacity, CapacityError, ZonelistsRef, NodeId, Scope, Zoneref,
    publish::{Allocates, Facts, Guarantee, Progress, StalledReader},
};

/// Room for the lists of the models.
pub const ZONES: usize = 4;

/// The one list that these schemes keep.
///
/// # Errors
/// There are more lists, or it is longer.
pub fn list(lists: ZonelistsRef<'_>) -> Result<&[Zoneref], CapacityError> {
    const ROOM: Capacity = Capacity::new(1, ZONES).unwrap();
    ROOM.check(lists)?;
    Ok(lists.of(const { NodeId::new(0).unwrap() }, Scope::Fallback))
}

/// What most of them say of themselves.
pub const FACTS: Facts = Facts {
    scheme: "",
    package: "newcomers",
    card: "",
    guarantee: Guarantee::Snapshot,
    readers: Progress::WaitFree,
    writer: Progress::WaitFree,
    allocates: Allocates::Never,
    registers: false,
    interrupt_safe: false,
    below_allocator: true,
    after_fork: true,
    tls_destructor: true,
    retires: false,
    stalled_reader: StalledReader::Bounded,
    no_std: true,
    no_alloc: true,
};

/// What all of them have in common: no reader slot, and nothing kept for a reader.
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
