//! Publications of any type behind one object, so that the code of growth is compiled once.

use zonelist_core::{
    Zonelists,
    publish::{Platform, PublishError, Published, ReaderSlots},
    sync::Spin,
    table::{Capacity, CapacityError},
    zonelist::ZonelistsRef,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

use crate::contender::{Baseline, Contender, ContenderError, PEERS, PeerEntry, Publication};

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

/// The name of the baseline.
pub const RAW: &str = "raw";

/// What grows: a scheme, a peer, or the baseline.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a peer has functions")]
pub enum Grown {
    /// The walk without protection, which can't publish.
    Raw,
    /// A scheme.
    Scheme(SchemeId),
    /// A peer.
    Peer(&'static PeerEntry),
}

impl Grown {
    /// The baseline, the schemes and the peers.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let schemes = SchemeId::all().into_iter().map(Self::Scheme);
        [Self::Raw].into_iter().chain(schemes).chain(PEERS.iter().map(Self::Peer)).collect()
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|it| it.name() == name)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => RAW,
            Self::Scheme(scheme) => scheme.name(),
            Self::Peer(peer) => peer.name,
        }
    }

    /// True if it can publish lists.
    #[must_use]
    pub fn publishes(self) -> bool {
        !matches!(self, Self::Raw)
    }

    /// Publishes lists, with room for this many readers. `None` if they are longer than the scheme's longest lists, or
    /// the peer has no publisher.
    ///
    /// # Errors
    /// The scheme refuses the lists.
    pub fn publish(
        self,
        lists: ZonelistsRef<'_>,
        readers: usize,
    ) -> Option<Result<Box<dyn AnyPublication>, ContenderError>> {
        match self {
            Self::Raw => Some(Ok(Box::new(Unprotected { lists: lists.into() }))),
            Self::Scheme(scheme) if !scheme.holds(Capacity::of(lists)) => None,
            Self::Scheme(scheme) => Some(scheme.visit(&mut Publishing { lists, readers })),
            Self::Peer(peer) => peer.publish.map(|publish| Ok(publish(lists))),
        }
    }
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

/// The baseline, of which each reader has lists of its own.
struct Unprotected {
    lists: Zonelists,
}

impl Publication for Unprotected {
    type Reader<'p> = Baseline;

    fn reader(&self) -> Result<Baseline, ContenderError> {
        Ok(Baseline::new(self.lists.lists()))
    }

    /// Fails: there is no room for another version.
    fn publish(&self, next: ZonelistsRef<'_>) -> Result<(), ContenderError> {
        let capacity = Capacity::of(ZonelistsRef::EMPTY);
        Err(PublishError::from(CapacityError { needed: Capacity::of(next), capacity }).into())
    }
}
