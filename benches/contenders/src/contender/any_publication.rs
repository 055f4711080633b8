//! Publications of any type behind one object, so that the code that times them is compiled once.

use zonelist_core::{
    publish::{Platform, Published, ReaderSlots},
    sync::Spin,
    table::Capacity,
    zonelist::ZonelistsRef,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

use super::{error::ContenderError, loops::Contender, publication::Publication};

/// Published lists, whose readers run on any thread.
pub trait AnyPublication: Sync {
    /// Registers a reader of the calling thread.
    ///
    /// # Errors
    /// There is no room for another one.
    fn reader(&self) -> Result<Box<dyn Contender + '_>, ContenderError>;

    /// Publishes the lists.
    ///
    /// # Errors
    /// The lists do not fit, or a barrier failed.
    fn publish(&self, lists: ZonelistsRef<'_>) -> Result<(), ContenderError>;

    /// Calls `f` while this many more readers are registered, none of which a publish has to wait for.
    ///
    /// # Errors
    /// There is no room for the readers.
    fn beside_readers(&self, readers: usize, f: &mut dyn FnMut()) -> Result<(), ContenderError>;
}

impl<P: Publication> AnyPublication for P {
    fn reader(&self) -> Result<Box<dyn Contender + '_>, ContenderError> {
        Ok(Box::new(Publication::reader(self)?))
    }

    fn publish(&self, lists: ZonelistsRef<'_>) -> Result<(), ContenderError> {
        Publication::publish(self, lists)
    }

    fn beside_readers(&self, readers: usize, f: &mut dyn FnMut()) -> Result<(), ContenderError> {
        Publication::beside_readers(self, readers, f)
    }
}

/// Publishes lists by a scheme, with room for this many readers.
///
/// # Errors
/// The scheme refuses the lists.
pub fn published(
    scheme: SchemeId,
    lists: ZonelistsRef<'_>,
    readers: usize,
) -> Result<Box<dyn AnyPublication>, ContenderError> {
    scheme.visit(&mut Publishing { lists, readers })
}

/// Publishes lists by a scheme.
struct Publishing<'l> {
    lists: ZonelistsRef<'l>,
    readers: usize,
}

impl Visitor for Publishing<'_> {
    type Output = Result<Box<dyn AnyPublication>, ContenderError>;
    const TIMED: bool = true;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.lists)
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let published: Published<S, P> =
            Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(self.readers));
        Publication::publish(&published, self.lists)?;
        Ok(Box::new(published))
    }
}
