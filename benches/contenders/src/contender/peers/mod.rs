//! Outside peers: contenders that are not schemes of this workspace.
//!
//! A peer in Rust is one implementation of [`Peer`], written as a user of that library would write it. It reads the
//! same table as the baseline, by the same walk, so that only the protection differs.

mod arc_swap_cache;
mod crossbeam_epoch;
#[cfg(feature = "peers")]
mod haphazard;
#[cfg(feature = "peers")]
mod hazarc;
#[cfg(feature = "peers")]
mod left_right;
#[cfg(feature = "liburcu")]
mod liburcu;
#[cfg(feature = "peers")]
mod parking_lot;
mod reader;
#[cfg(feature = "peers")]
mod sdd;
#[cfg(feature = "peers")]
mod seize;
mod std_locks;

use zonelist_core::{Zonelists, Zoneref, table::Slots, zonelist::ZonelistsRef};

pub use self::reader::PeerReader;
use super::{any_publication::AnyPublication, loops::Contender};
use crate::{
    consistency::{Consistency, Pressure, PressureError},
    judged::judge,
    load::{Load, LoadError, Loaded, under_load},
};

/// A version of the lists, which is never written again.
pub type Table = Slots<Fixed>;

/// The words of lists that are never written again.
type Fixed = Box<[Option<Zoneref>]>;

/// Lists that are read while they are published, by means that are no scheme of this workspace.
///
/// `W` are the words of the table that readers see.
pub trait Peer<W = Fixed>: Sync + Sized {
    /// The name in reports.
    const NAME: &'static str;

    /// A reader of one thread.
    type Reader<'p>
    where
        Self: 'p;

    /// Makes a peer with these lists published.
    fn new(lists: ZonelistsRef<'_>) -> Self;

    /// Makes a reader.
    fn reader(&self) -> Self::Reader<'_>;

    /// Calls `f` with the current lists, which stay as they are until it returns.
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Slots<W>) -> R) -> R;

    /// Publishes the lists.
    fn publish(&self, lists: ZonelistsRef<'_>);
}

/// A compiled peer.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a name and functions")]
pub struct PeerEntry {
    /// Its name.
    pub name: &'static str,
    /// Sets up the walk without protection in its language; `None` if that is the baseline of all Rust code.
    pub baseline: Option<SetUp>,
    /// Sets up the peer's own read.
    pub contender: SetUp,
    /// Judges its walks while another thread publishes; `None` for a peer without a publisher.
    pub judge: Option<Judge>,
    /// Runs it under a load; `None` for a peer without a publisher.
    pub under_load: Option<RunUnderLoad>,
    /// Publishes lists; `None` for a peer without a publisher.
    pub publish: Option<Publish>,
}

/// Sets up a contender over these lists.
pub type SetUp = fn(ZonelistsRef<'_>) -> Box<dyn Contender>;

/// Judges the walks of a peer.
pub type Judge = fn(&mut Pressure<'_>) -> Result<Consistency, PressureError>;

/// Runs a peer under a load.
pub type RunUnderLoad = fn(&Load<'_>) -> Result<Loaded, LoadError>;

/// Publishes lists by a peer.
pub type Publish = fn(ZonelistsRef<'_>) -> Box<dyn AnyPublication>;

impl PeerEntry {
    const fn of<P: Peer + 'static>() -> Self {
        Self {
            name: P::NAME,
            baseline: None,
            // The peer lives until the process ends, as a scheme does in the same loops.
            contender: |lists| Box::new(PeerReader::of(Box::leak(Box::new(P::new(lists))))),
            judge: Some(judge::<_, P>),
            under_load: Some(|load| {
                let first = load.versions.first().map_or(ZonelistsRef::EMPTY, Zonelists::lists);
                under_load(&P::new(first), load)
            }),
            publish: Some(|lists| Box::new(P::new(lists))),
        }
    }
}

/// All compiled peers.
pub const PEERS: &[PeerEntry] = &[
    PeerEntry::of::<std_locks::RwLocked>(),
    PeerEntry::of::<std_locks::MutexLocked>(),
    PeerEntry::of::<arc_swap_cache::ArcSwapCache>(),
    PeerEntry::of::<crossbeam_epoch::CrossbeamEpoch>(),
    #[cfg(feature = "peers")]
    PeerEntry::of::<parking_lot::RwLocked>(),
    #[cfg(feature = "peers")]
    PeerEntry::of::<parking_lot::MutexLocked>(),
    #[cfg(feature = "peers")]
    PeerEntry::of::<left_right::LeftRight>(),
    #[cfg(feature = "peers")]
    PeerEntry::of::<seize::Seize>(),
    #[cfg(feature = "peers")]
    PeerEntry::of::<sdd::Sdd>(),
    #[cfg(feature = "peers")]
    PeerEntry::of::<haphazard::Haphazard>(),
    #[cfg(feature = "peers")]
    PeerEntry::of::<hazarc::Hazarc>(),
    #[cfg(feature = "liburcu")]
    liburcu::MEMB,
    #[cfg(feature = "liburcu")]
    liburcu::QSBR,
    #[cfg(feature = "liburcu")]
    liburcu::BP,
];
