//! Lists that are read while they are published: by a scheme, or by a peer.

use zonelist_core::{
    publish::{Platform, Published, Reader, ReaderProtocol, Scheme},
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

    /// Calls `f` while this many more readers are registered, none of which a publish has to wait for.
    ///
    /// # Errors
    /// There is no room for the readers.
    fn beside_readers(&self, readers: usize, f: &mut dyn FnMut()) -> Result<(), ContenderError> {
        let _readers = (0..readers).map(|_| self.reader()).collect::<Result<Vec<_>, _>>()?;
        f();
        Ok(())
    }
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

    fn beside_readers(&self, readers: usize, f: &mut dyn FnMut()) -> Result<(), ContenderError> {
        let mut readers = (0..readers).map(|_| Self::reader(self)).collect::<Result<Vec<_>, _>>()?;
        offline(&mut readers, f);
        Ok(())
    }
}

/// Calls `f` while all readers are offline, if publishes wait for readers between walks.
fn offline<S: Scheme, P: Platform>(readers: &mut [Reader<'_, S, P>], f: &mut dyn FnMut()) {
    match readers.split_first_mut() {
        Some((reader, more)) if S::PROTOCOL == ReaderProtocol::Quiescent => reader.offline(|| offline(more, f)),
        _ => f(),
    }
}
