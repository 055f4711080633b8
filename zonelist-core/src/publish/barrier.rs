//! The barrier pair between a reader that says "I am inside" and a writer that asks.
//!
//! Each stores its word and then loads the other's. If both could miss the other's store, a reader
//! would walk what a writer rewrites, so each must put a full barrier in between. The pair is
//! asymmetric where the system can run a barrier on every CPU on the writer's behalf: then the
//! reader's half costs nothing at run time.
//!
//! **Axiom.** With the light half `L` on one thread and the heavy half `H` on another: either all
//! that the reader did before `L` is seen by all that the writer does after `H`, or all that the
//! writer did before `H` is seen by all that the reader does after `L`. For [`FullFence`] this is
//! what two SeqCst fences give (C++20 atomics.order), and what the models run with. For
//! [`Membarrier`] it rests on membarrier(2), which no model can enter; the stress tests cover it.

use crate::sync::atomic::{Ordering::SeqCst, fence};

/// The reader's half of a barrier pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Light {
    /// A full fence.
    Fence,
    /// Only the compiler is held back; the heavy half runs a barrier on the reader's CPU.
    Compiler,
}

impl Light {
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub(super) fn barrier(self) {
        match self {
            Self::Fence => fence(SeqCst),
            #[cfg(not(loom))]
            Self::Compiler => crate::sync::atomic::compiler_fence(SeqCst),
            #[cfg(loom)]
            Self::Compiler => unreachable!("loom models no compiler fence: models run with `FullFence`"),
        }
    }
}

/// A barrier pair. A kernel brings its own, with an inter-processor interrupt for the heavy half.
///
/// # Safety
/// The two halves must obey the axiom in the documentation of this module's source: schemes free
/// and rewrite memory on the strength of it.
pub unsafe trait Barrier: 'static {
    /// The reader's half.
    const LIGHT: Light;

    /// Whether the pair works here. Asked before a reader is registered; does once what has to be done once.
    fn prepare() -> bool;

    /// The writer's half.
    fn heavy();
}

/// A full fence on either side: works everywhere, some 20 cycles a read.
#[derive(Debug)]
pub enum FullFence {}

// SAFETY: two SeqCst fences obey the axiom.
unsafe impl Barrier for FullFence {
    const LIGHT: Light = Light::Fence;

    fn prepare() -> bool {
        true
    }

    fn heavy() {
        fence(SeqCst);
    }
}

/// Linux's membarrier(2), private and expedited (4.14): the reader's half is free.
#[cfg(all(feature = "std", target_os = "linux", not(loom)))]
#[derive(Debug)]
pub enum Membarrier {}

// SAFETY: a private expedited membarrier runs a full barrier on every CPU that runs a thread of
// this process, at some point during the call; a thread that runs on none passed one when it was
// switched out, and passes one when it is switched in. At that point the reader is before or
// after `L`, which gives the one case of the axiom or the other.
#[cfg(all(feature = "std", target_os = "linux", not(loom)))]
unsafe impl Barrier for Membarrier {
    const LIGHT: Light = Light::Compiler;

    /// False under Miri, which knows no such system call: full fences are then the only pair.
    fn prepare() -> bool {
        use rustix::thread::{MembarrierCommand, MembarrierQuery, membarrier, membarrier_query};
        let wanted = MembarrierQuery::PRIVATE_EXPEDITED | MembarrierQuery::REGISTER_PRIVATE_EXPEDITED;
        !cfg!(miri)
            && membarrier_query().contains(wanted)
            && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
    }

    fn heavy() {
        use rustix::thread::{MembarrierCommand::PrivateExpedited, membarrier};
        // The writer's own barrier: the system call is none to the compiler.
        fence(SeqCst);
        // Fails only in a process that has not registered, where no reader has been let in yet.
        if membarrier(PrivateExpedited).is_err() && Self::prepare() {
            let _ = membarrier(PrivateExpedited);
        }
        fence(SeqCst);
    }
}
