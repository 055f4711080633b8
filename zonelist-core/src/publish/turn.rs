//! Two words by which a reader that is always inside says when it is between walks.

use super::{Light, door::Question};
use crate::sync::{
    atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_fn, fault,
};

/// Where a reader says that it is between walks.
#[derive(Debug)]
pub(super) struct Turn {
    /// What the writer asks; only writers write it, one at a time.
    asked: AtomicU32,
    /// The last question that the reader has answered; only its owner writes it.
    answered: AtomicU32,
}

const OFFLINE: u32 = 0;
/// Online, and has answered nothing yet. As a question: nobody has asked.
const ONLINE: u32 = 1;

impl Turn {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self { asked: AtomicU32::new(ONLINE), answered: AtomicU32::new(OFFLINE) }
        }
    }

    /// Begins to walk whenever it likes.
    pub(super) fn online(&self, light: Light) {
        if !fault("turn: reader unseen") {
            self.answered.store(ONLINE, Relaxed);
        }
        // Pairs with the heavy half in `Writer::settle`: either the writer sees us online, or we see
        // its swap.
        light.barrier();
        self.quiescent();
    }

    /// Says that no walk is under way.
    #[inline(always)]
    pub(super) fn quiescent(&self) {
        // Acquire: pairs with the release in `ask`: our next walk sees the swap that the question is about.
        let asked = self.asked.load(Acquire);
        // Release: pairs with the acquire in `has_answered`, so that our walks before are over.
        self.answered.store(asked, Release);
    }

    /// Begins no walk until it is online again.
    pub(super) fn offline(&self) {
        // Release: as in `quiescent`.
        self.answered.store(OFFLINE, Release);
    }

    pub(super) fn ask(&self, question: Question) {
        // Release: pairs with the acquire in `quiescent`.
        self.asked.store(question.0, Release);
    }

    /// Whether the reader is offline, or was between walks since the question. The heavy half must be behind.
    pub(super) fn has_answered(&self, question: Question) -> bool {
        let answered = self.answered.load(Acquire);
        answered == OFFLINE || answered == question.0
    }
}
