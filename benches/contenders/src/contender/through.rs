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
pub struct Through<'p, S: Scheme, P: Platform<Lock = Spin>> {
    reader: Reader<'p, S, P>,
    filter: S::Filter,
}

impl<'p, S: Scheme, P: Platform<Lock = Spin>> Through<'p, S, P> {
    /// Registers a reader.
    ///
    /// # Errors
    /// No reader can be registered.
    pub fn of(published: &'p Published<S, P>, request: &Request) -> Result<Self, ContenderError> {
        Ok(Self { reader: published.reader()?, filter: published.filter(request) })
    }
}

impl<S: Scheme + 'static, P: Platform<Lock = Spin>> Through<'static, S, P> {
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
        Self::of(published, request)
    }
}

impl<S: Scheme, P: Platform<Lock = Spin>> ReadList for Through<'_, S, P> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.reader.enter().walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.reader.enter().walk(node, &self.filter))
    }

    #[inline(always)]
    fn between_reads(&mut self) {
        self.reader.quiescent();
    }
}
