//! A scheme through the trait.

use zonelist_core::{
    Lists, NodeId, Request, Zoneref,
    publish::{Barrier, PublishError, Published, Reader, ReaderError, Scheme},
};
use zonelist_schemes::{SEATS, allocator::AllocatorError};

use super::{ANY, Look, sum};

/// A registered reader of a scheme that has published some lists.
#[expect(missing_debug_implementations, reason = "a scheme's own parts need not have it")]
pub struct Through<S: Scheme + 'static, B: Barrier> {
    reader: Reader<'static, S, B>,
    filter: S::Filter,
}

/// A scheme that could not be set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name")]
pub enum SetupError {
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Reader(#[from] ReaderError),
    #[error(transparent)]
    Allocator(#[from] AllocatorError),
}

impl<S: Scheme + 'static, B: Barrier> Through<S, B> {
    /// Publishes the lists through a scheme, which is kept for the rest of the process.
    ///
    /// # Errors
    /// The lists do not fit, or no reader can be registered.
    pub fn new(scheme: S, lists: Lists<'_>) -> Result<Self, SetupError> {
        Self::asking(scheme, lists, &ANY)
    }

    /// The same, for readers that ask for less than every zone.
    ///
    /// # Errors
    /// As for [`Through::new`].
    pub fn asking(scheme: S, lists: Lists<'_>, request: &Request) -> Result<Self, SetupError> {
        let published: &'static Published<S, B, SEATS> = Box::leak(Box::new(Published::new(scheme)));
        published.publish(lists)?;
        Ok(Self { reader: published.reader()?, filter: published.filter(request) })
    }
}

impl<S: Scheme + 'static, B: Barrier> Look for Through<S, B> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.reader.enter().walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.reader.enter().walk(node, &self.filter))
    }
}
