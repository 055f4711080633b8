//! Two words by which a reader that may walk at any time reports its quiescent states.

use super::handshake::Phase;
use crate::sync::{
    atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release, SeqCst},
        fence,
    },
    const_fn, or_mutant,
};

/// A reader's quiescent states: points between its walks.
#[derive(Debug)]
pub(super) struct QuiescentState {
    /// The phase of the last grace period. Written by one writer at a time. 0 before the first, so that a static of slots
    /// is in `.bss`.
    requested: AtomicU32,
    /// The last phase that the reader has acknowledged, with [`ONLINE`]; or [`OFFLINE`]. Written by the slot's owner only.
    acknowledged: AtomicU32,
}

/// The reader does not walk until it is online.
const OFFLINE: u32 = 0;
/// The reader is online. A bit that no phase has; alone, if there was no grace period yet.
const ONLINE: u32 = 1;

impl QuiescentState {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self { requested: AtomicU32::new(0), acknowledged: AtomicU32::new(OFFLINE) }
        }
    }

    /// From now on the reader may walk at any time.
    pub(super) fn online(&self) {
        or_mutant!(self.acknowledged.store(ONLINE, Relaxed) => (), "quiescent: reader unseen");
        // SeqCst: pairs with the fence in `Writer::await_quiescent_states`, and with the one that a heavy half is in
        // `Writer::round`: either the writer loads that we are online, or we see its swap. A fence also where the light
        // half is none, so that publishes need no heavy half.
        or_mutant!(fence(SeqCst) => (), "quiescent: online without a fence");
        self.quiescent();
    }

    /// Acknowledges the last grace period: no walk is under way.
    #[inline(always)]
    pub(super) fn quiescent(&self) {
        // Acquire: pairs with the release in `request_grace_period`: our next walk sees the swap before it.
        let phase = self.requested.load(Acquire);
        // An addition here is what a request that begins as 0 costs.
        let phase = phase | ONLINE;
        // Release: pairs with the acquire in `has_acknowledged`, so that our walks before are over.
        self.acknowledged.store(phase, Release);
    }

    /// From now on the reader does not walk, until it is online again.
    pub(super) fn offline(&self) {
        // Release: pairs with the acquire in `has_acknowledged`, so that our walks before are over.
        self.acknowledged.store(OFFLINE, Release);
    }

    /// Requests an acknowledgement of this phase.
    pub(super) fn request_grace_period(&self, phase: Phase) {
        // Release: pairs with the acquire in `quiescent`, which sees the swap before this.
        self.requested.store(phase.0, Release);
    }

    /// True if the reader is offline, or was in a quiescent state since this grace period began. To be called after the
    /// request and the heavy half.
    pub(super) fn has_acknowledged(&self, phase: Phase) -> bool {
        // Acquire: pairs with the release in `quiescent` and `offline`: the walks that are waited for are over.
        let acknowledged = self.acknowledged.load(Acquire);
        acknowledged == OFFLINE || acknowledged & !ONLINE == phase.0
    }
}
