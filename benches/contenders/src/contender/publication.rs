//! Lists that are read while they are published: by a scheme, or by a peer.

use zonelist_core::{
    publish::{Platform, Published, Scheme},
    sync::Spin,
    zonelist::ZonelistsRef,
};

use super::{
    error::ContenderError,
    loops::{ANY, ReadList},
    through::Through,
};

/// Published lists, whose readers run on any thread.
pub trait Publication: Sync {
    /// A reader of one thread. Its reads may be whole walks, or stop at the first zone.
    type Reader<'p>: ReadList
    where
        Self: 'p;

    /// Registers a reader.
    ///
    /// # Errors
    /// There is no room for another one.
    fn reader(&self) -> Result<Self::Reader<'_>, ContenderError>;

    /// Publishes the lists.
    ///
    /// # Errors
    /// The lists do not fit, or a barrier failed.
    fn publish(&self, lists: ZonelistsRef<'_>) -> Result<(), ContenderError>;
}

impl<S: Scheme, P: Platform<Lock = Spin>> Publication for Published<S, P> {
    type Reader<'p>
        = Through<'p, S, P>
    where
        Self: 'p;

    fn reader(&self) -> Result<Through<'_, S, P>, ContenderError> {
        Through::of(self, &ANY)
    }

    fn publish(&self, lists: ZonelistsRef<'_>) -> Result<(), ContenderError> {
        Ok(Self::publish(self, lists).map(drop)?)
    }
}
