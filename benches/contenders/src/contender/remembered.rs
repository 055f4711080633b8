//! Reads of a scheme by memories of first zones.

use zonelist_core::{
    NodeId, Zoneref,
    publish::{FirstZone, FirstZones, Memory, Platform, Published, Reader, ReaderSlots, Scheme},
    sync::Spin,
    table::Capacity,
    zonelist::ZonelistsRef,
};
use zonelist_schemes::{Buildable, READERS, SchemeId, Visitor};

use super::{
    error::ContenderError,
    loops::{ANY, Contender, ReadList, sum},
};

/// All reads are of one node, whose memory the reader has at hand.
pub const ONE_NODE: u8 = 0;
/// A table has a memory for each node.
pub const BY_NODE: u8 = 1;
/// As [`ONE_NODE`], with a memory that forgets before each read.
pub const FORGOTTEN: u8 = 2;

/// A registered reader with a memory for each node, which it finds in one of three ways.
#[expect(missing_debug_implementations, reason = "the parts of a scheme may lack it")]
pub struct Remembered<S: Scheme + 'static, P: Platform<Lock = Spin> + 'static, const HOW: u8> {
    reader: Reader<'static, S, P>,
    memories: FirstZones<'static, S, P, Box<[Memory]>>,
    one: FirstZone<'static, S, P>,
    filter: &'static S::Filter,
}

impl<S: Scheme + 'static, P: Platform<Lock = Spin>, const HOW: u8> Remembered<S, P, HOW> {
    /// Publishes the lists through a scheme, which lives until the process ends.
    ///
    /// # Errors
    /// The lists do not fit, or no reader can be registered.
    pub fn new(scheme: S, lists: ZonelistsRef<'_>) -> Result<Self, ContenderError> {
        let published: &'static Published<S, P> =
            Box::leak(Box::new(Published::with_platform(scheme, ReaderSlots::boxed(READERS))));
        published.publish(lists)?;
        let filter: &'static S::Filter = Box::leak(Box::new(published.filter(&ANY)));
        let memories = published.first_zones(filter, vec![Memory::NOTHING; lists.nodes()].into());
        let one = published.first_zone(NodeId::new(0).expect("below the limit"), filter);
        Ok(Self { reader: published.reader()?, memories, one, filter })
    }
}

impl<S: Scheme + 'static, P: Platform<Lock = Spin>, const HOW: u8> ReadList for Remembered<S, P, HOW> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        match HOW {
            BY_NODE => self.reader.first_of(&mut self.memories, node),
            FORGOTTEN => {
                self.one.forget();
                self.reader.first(&mut self.one)
            }
            _ => self.reader.first(&mut self.one),
        }
    }

    /// Walks: a memory has only a first zone.
    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.reader.enter().walk(node, self.filter))
    }
}

/// Sets up a scheme whose reader remembers first zones.
///
/// # Errors
/// The lists do not fit, or no reader can be registered.
pub fn remembered<const HOW: u8>(
    scheme: SchemeId,
    lists: ZonelistsRef<'_>,
) -> Result<Box<dyn Contender>, ContenderError> {
    scheme.visit(&mut Remembering::<HOW> { lists })
}

struct Remembering<'l, const HOW: u8> {
    lists: ZonelistsRef<'l>,
}

impl<const HOW: u8> Visitor for Remembering<'_, HOW> {
    type Output = Result<Box<dyn Contender>, ContenderError>;
    const TIMED: bool = true;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.lists)
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        Ok(Box::new(Remembered::<S, P, HOW>::new(S::build(self.capacity()), self.lists)?))
    }
}
