//! Outside peers: contenders that are not schemes of this workspace.

#[cfg(feature = "liburcu")]
use super::liburcu;
use super::loops::Contender;
use zonelist_core::zonelist::ZonelistsRef;

/// Every outside peer, with the baseline of its own language.
#[must_use]
pub fn peers(lists: ZonelistsRef<'_>) -> Vec<Peer> {
    #[cfg(feature = "liburcu")]
    return vec![Peer {
        name: LIBURCU,
        baseline: Box::new(liburcu::InC::raw(lists)),
        peer: Box::new(liburcu::InC::rcu(lists)),
    }];
    #[cfg(not(feature = "liburcu"))]
    {
        let _ = lists;
        Vec::new()
    }
}

/// The names of all peers.
#[cfg(feature = "liburcu")]
pub const PEERS: &[&str] = &[LIBURCU];
/// The names of all peers.
#[cfg(not(feature = "liburcu"))]
pub const PEERS: &[&str] = &[];

#[cfg(feature = "liburcu")]
const LIBURCU: &str = "liburcu memb";

/// An outside peer.
#[expect(missing_debug_implementations, reason = "contenders are opaque on purpose")]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// The walk without protection in its language.
    pub baseline: Box<dyn Contender>,
    /// The peer's own read.
    pub peer: Box<dyn Contender>,
}
