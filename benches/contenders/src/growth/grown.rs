//! The contenders that grow.

use zonelist_core::{
    Zonelists,
    publish::PublishError,
    table::{Capacity, CapacityError},
    zonelist::ZonelistsRef,
};
use zonelist_schemes::SchemeId;

use crate::contender::{AnyPublication, Baseline, ContenderError, PEERS, PeerEntry, Publication, published};

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

    /// Publishes lists, with room for this many readers. `None` if they are longer than the scheme's longest lists, or the
    /// peer is not run under a load.
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
            Self::Scheme(scheme) => Some(published(scheme, lists, readers)),
            Self::Peer(peer) => peer.publish.filter(|_| peer.under_load.is_some()).map(|publish| Ok(publish(lists))),
        }
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
