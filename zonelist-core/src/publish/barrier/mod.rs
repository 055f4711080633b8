//! The barrier pair of the handshake: a light half in the reader, a heavy half in the writer.
//!
//! Either side stores its own word and then loads the other's, with a full barrier in between:
//!
//! ```text
//!   reader               writer, or drain
//!   ----------------     ----------------
//!   active := ACTIVE     request |= bits
//!   light half           heavy half
//!   load request         load active
//! ```
//!
//! Without a barrier both could miss the other's store, and a reader would walk what a writer rewrites. The pair is
//! asymmetric if the system can run a barrier on every CPU on the writer's behalf, as by membarrier(2). Then the light
//! half costs nothing at run time. The heavy half is a request to the system, which can refuse it.

use core::fmt;

use crate::sync::atomic::{Ordering::SeqCst, compiler_fence, fence};

#[cfg(all(feature = "std", target_os = "linux", not(loom)))]
mod membarrier;
#[cfg(loom)]
mod modelled;
mod system;

#[cfg(all(feature = "std", target_os = "linux", not(loom)))]
pub use membarrier::Membarrier;
#[cfg(loom)]
pub use modelled::Membarrier;
pub use system::SystemBarrier;

/// The reader's half of a barrier pair.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Light {
    /// A full fence.
    Fence,
    /// A barrier to the compiler only; the heavy half runs a barrier on the reader's CPU.
    Compiler,
}

impl Light {
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub(super) fn barrier(self) {
        // Each use names the heavy half that it pairs with: `Writer::stop`, `Writer::round` or `Revoked::revoke`.
        match self {
            Self::Fence => fence(SeqCst),
            Self::Compiler => compiler_fence(SeqCst),
        }
    }
}

/// A barrier pair. A kernel can implement its own, with an inter-processor interrupt for the heavy half.
///
/// A reader stores that it is active, passes the light half, and loads what is requested of it. A writer, or a drain of
/// per-CPU pages, stores its request, passes the heavy half, and loads whether the reader is active. If both could miss
/// the other's store, a reader would walk what a writer rewrites. If the system runs a barrier on each CPU on the
/// writer's behalf, the light half is free. The system can refuse that, which is an error of the call.
///
/// **Axiom.** With the light half `L` on one thread and a heavy half `H` on another that returned
/// `Ok`: either all that the reader did before `L` is seen by all that the writer does after `H`, or
/// all that the writer did before `H` is seen by all that the reader does after `L`.
///
/// For [`FullFence`] this is what two SeqCst fences give (C++20 atomics.order), and what most models
/// run with. For [`Membarrier`](crate::publish::SystemBarrier) it rests on membarrier(2). It is an assumption that the
/// kernel keeps the axiom, and that the compiler keeps the reader's order; the stress tests test both.
///
/// That the axiom is enough is explored. Under loom `Membarrier` is a model of the call: a full fence in each other
/// thread at any point between call and return. Handshakes, the registration of readers, stops, grace periods and
/// drains are explored with it. Each light half, the heavy half and its failure are left out once: see
/// [`explored`](crate::conformance::explored).
///
/// # Safety
/// Drains revoke per-CPU pages, and schemes free and rewrite memory, by relying on all of this:
///
/// - **The axiom**, between a light half on any thread and a heavy half on any other. A handle may be registered on one
///   thread and used on another, one at a time, also on threads that began after [`prepare`](Barrier::prepare).
/// - **`Ok` only where it holds.** A heavy half that did not reach every such thread is an error.
/// - **One light half for a handle's life.** [`light`](Barrier::light) gives the same for the same
///   [`Kept`](Barrier::Kept), and a handle without a fence is never paired with a heavy half that is only a fence: not
///   with that of a writer that chose before, nor with one in the child of a fork, where handles and choices are
///   copies.
/// - **The heavy half is a full fence of the calling thread too**, to the compiler as well, at its start and at its
///   end.
///
/// And for calls of the library to end: heavy halves run on several threads at once, with locks of the library held. So
/// no method may use a [`Published`](super::Published) or an allocator. Each may panic: what the heavy half was needed
/// for is then as before.
pub unsafe trait Barrier: 'static {
    /// What a reader's handle keeps of the pair: `()` where the light half is known at compile time.
    type Kept: Copy + fmt::Debug + Send + Sync + 'static;

    /// True if the pair works on this system. Called before each registration of a reader; registers the process with
    /// the system, if that is needed.
    fn prepare() -> bool;

    /// What a handle keeps. Called once for each handle, after a [`Barrier::prepare`] that returned true. The exception
    /// is a reader without a slot, which passes no light half.
    fn kept() -> Self::Kept;

    /// The light half of a handle that keeps `kept`.
    fn light(kept: Self::Kept) -> Light;

    /// Runs the heavy half, in a writer or a drain. Waits for no reader.
    ///
    /// # Errors
    /// The system refused it. Nothing may then be concluded about any reader.
    fn heavy() -> Result<(), BarrierError>;

    /// The name of the pair in output.
    fn name() -> &'static str;
}

/// The heavy half of a barrier pair failed: the system did not run a barrier on the readers' CPUs.
///
/// The operation that needed it was not done. The pairs of this library fail only where
/// membarrier(2) does, which is documented at [`SystemBarrier`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[error("the system refused a barrier on the readers' CPUs (system error {errno}); expected one that it grants")]
pub struct BarrierError {
    /// The system's error number; 0 if there is none.
    pub errno: i32,
}

/// A full fence on either side: works on every system, and costs some 20 cycles a read.
#[derive(Debug)]
pub enum FullFence {}

// SAFETY: two SeqCst fences obey the axiom (C++20 atomics.order), and every handle of this pair runs one.
unsafe impl Barrier for FullFence {
    type Kept = ();

    fn prepare() -> bool {
        true
    }

    fn kept() {}

    #[inline(always)]
    fn light((): ()) -> Light {
        Light::Fence
    }

    fn heavy() -> Result<(), BarrierError> {
        // Pairs with the `fence(SeqCst)` in `Light::barrier`: the single order of both gives the axiom.
        fence(SeqCst);
        Ok(())
    }

    fn name() -> &'static str {
        "full fences"
    }
}
