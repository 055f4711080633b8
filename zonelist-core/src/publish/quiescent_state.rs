//! Two words by which a reader that is always inside says when it is between walks.

use super::{Light, handshake::Phase};
use crate::sync::{
    atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_fn, or_mutant,
};

/// Where a reader says that it is between walks.
#[derive(Debug)]
pub(super) struct QuiescentState {
    /// What the writer asks; only writers write it, one at a time.
    requested: AtomicU32,
    /// The last question that the reader has answered; only its owner writes it.
    acknowledged: AtomicU32,
}

const OFFLINE: u32 = 0;
/// Online, and has answered nothing yet. As a question: nobody has asked.
const ONLINE: u32 = 1;

impl QuiescentState {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self { requested: AtomicU32::new(ONLINE), acknowledged: AtomicU32::new(OFFLINE) }
        }
    }

    /// Begins to walk whenever it likes.
    pub(super) fn online(&self, light: Light) {
        or_mutant!(self.acknowledged.store(ONLINE, Relaxed) => (), "quiescent: reader unseen");
        // Pairs with the heavy half in `Writer::wait_grace_period`: either the writer sees us online, or we see
        // its swap.
        light.barrier();
        self.quiescent();
    }

    /// Says that no walk is under way.
    #[inline(always)]
    pub(super) fn quiescent(&self) {
        // Acquire: pairs with the release in `ask`: our next walk sees the swap that the question is about.
        let asked = self.requested.load(Acquire);
        // Release: pairs with the acquire in `has_acknowledged`, so that our walks before are over.
        self.acknowledged.store(asked, Release);
    }

    /// Begins no walk until it is online again.
    pub(super) fn offline(&self) {
        // Release: as in `quiescent`.
        self.acknowledged.store(OFFLINE, Release);
    }

    pub(super) fn request_grace_period(&self, question: Phase) {
        // Release: pairs with the acquire in `quiescent`.
        self.requested.store(question.0, Release);
    }

    /// Whether the reader is offline, or was between walks since the question. The heavy half must be behind.
    pub(super) fn has_acknowledged(&self, question: Phase) -> bool {
        let answered = self.acknowledged.load(Acquire);
        answered == OFFLINE || answered == question.0
    }
}
