//! A list of up to four zones in one word, which is stored and loaded whole: no walk is torn.

use zonelist_core::{NodeId, ZoneId, ZoneKind, Zoneref, publish::*, sync::atomic::*, table::*, zonelist::*};

/// Room for two nodes, and for lists of four zones.
pub const ROOM: Capacity = Capacity::new(2, 4).unwrap();

/// A word for the list of each node.
#[derive(Debug, Default)]
pub struct OneWord([AtomicU64; ROOM.nodes()]);

/// The rest of a list that was loaded, its node, and the filter of the request.
#[derive(Clone, Debug)]
pub struct WordWalk<'w>(pub u64, pub NodeId, pub &'w SlotFilter);

impl Iterator for WordWalk<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        while self.0 != 0 {
            let bits = self.0 as u16;
            self.0 >>= 16;
            let zone = ZoneId::new(NodeId::new(bits >> 3 & 1023)?, *ZoneKind::ALL.get(usize::from(bits & 7))?);
            let admitted = self.2.admits(Zoneref::new(zone));
            // The this-node list is the part of the fallback list that has the node's own zones.
            if admitted && (self.2.scope() == Scope::Fallback || zone.node() == self.1) {
                return Some(Zoneref::new(zone));
            }
        }
        None
    }
}

impl Walk for WordWalk<'_> {}

/// The word of a list: 16 bits for each zone, the first zone in the lowest. The highest of the 16 bits is always set.
pub fn word(list: &[Zoneref]) -> u64 {
    let bits = |zone: &Zoneref| 1 << 15 | zone.node().number() << 3 | zone.kind() as u16;
    list.iter().rev().fold(0, |word, zone| word << 16 | u64::from(bits(zone)))
}

impl Scheme for OneWord {
    const FACTS: Facts = Facts::new("OneWord", env!("CARGO_PKG_NAME"))
        .guarantee(Guarantee::Snapshot)
        .readers(Progress::WaitFree)
        .writer(Progress::WaitFree)
        .allocates(Allocates::Never)
        .stalled_reader(StalledReader::Bounded)
        .no_registration()
        .interrupt_safe()
        .below_allocator()
        .after_fork()
        .tls_destructor()
        .no_std()
        .no_alloc();
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = WordWalk<'w>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> WordWalk<'w> {
        // Acquire: pairs with the release in `publish`.
        WordWalk(scheme.0.get(node.index()).map_or(0, |list| list.load(Ordering::Acquire)), node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        ROOM.check(next)?;
        for (list, node) in self.0.iter().zip((0..).map_while(NodeId::new)) {
            // Release: pairs with the acquire in `walk`.
            list.store(word(next.of(node, Scope::Fallback)), Ordering::Release);
        }
        Ok(())
    }
}
