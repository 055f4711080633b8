//! Reads of a scheme through the trait `Scheme`.

use zonelist_core::{
    NodeId, Request, Zoneref,
    publish::{Platform, Published, Reader, ReaderSlots, Scheme},
    sync::Spin,
    zonelist::ZonelistsRef,
};
use zonelist_schemes::READERS;

use super::{
    error::ContenderError,
    loops::{ANY, ReadList, sum},
};

/// A registered reader of a scheme with published lists.
#[expect(missing_debug_implementations, reason = "the parts of a scheme may lack it")]
pub struct Through<S: Scheme + 'static, P: Platform<Lock = Spin>> {
    reader: Reader<'static, S, P>,
    filter: S::Filter,
}

impl<S: Scheme + 'static, P: Platform<Lock = Spin>> Through<S, P> {
    /// Publishes the lists through a scheme, which lives until the process ends.
    ///
    /// # Errors
    /// The lists do not fit, or no reader can be registered.
    pub fn new(scheme: S, lists: ZonelistsRef<'_>) -> Result<Self, ContenderError> {
        Self::with_request(scheme, lists, &ANY)
    }

    /// Like [`Through::new`], with a request that may admit only some zones.
    ///
    /// # Errors
    /// Those of [`Through::new`].
    pub fn with_request(scheme: S, lists: ZonelistsRef<'_>, request: &Request) -> Result<Self, ContenderError> {
        let published: &'static Published<S, P> =
            Box::leak(Box::new(Published::with_platform(scheme, ReaderSlots::boxed(READERS))));
        published.publish(lists)?;
        Ok(Self { reader: published.reader()?, filter: published.filter(request) })
    }
}

impl<S: Scheme + 'static, P: Platform<Lock = Spin>> ReadList for Through<S, P> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.reader.enter().walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.reader.enter().walk(node, &self.filter))
    }
}
