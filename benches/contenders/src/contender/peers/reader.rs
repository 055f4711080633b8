//! Every peer as a contender in the timed loops.

use zonelist_core::{NodeId, Zoneref, table::SlotFilter, zonelist::ZonelistsRef};

use super::Peer;
use crate::contender::{
    error::ContenderError,
    loops::{ANY, ReadList, sum},
    publication::Publication,
};

/// A reader of a peer, with the request of all contenders.
#[expect(missing_debug_implementations, reason = "a peer's reader may lack it")]
pub struct PeerReader<'p, P: Peer + 'p> {
    reader: P::Reader<'p>,
    filter: SlotFilter,
}

impl<'p, P: Peer> PeerReader<'p, P> {
    /// Makes a reader.
    pub fn of(peer: &'p P) -> Self {
        Self { reader: peer.reader(), filter: SlotFilter::new(&ANY) }
    }
}

impl<P: Peer> ReadList for PeerReader<'_, P> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        P::read(&mut self.reader, |table| table.walk(node, &self.filter).next())
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        P::read(&mut self.reader, |table| sum(table.walk(node, &self.filter)))
    }
}

impl<P: Peer> Publication for P {
    type Reader<'p>
        = PeerReader<'p, P>
    where
        Self: 'p;

    fn reader(&self) -> Result<PeerReader<'_, P>, ContenderError> {
        Ok(PeerReader::of(self))
    }

    fn publish(&self, lists: ZonelistsRef<'_>) -> Result<(), ContenderError> {
        Peer::publish(self, lists);
        Ok(())
    }
}
