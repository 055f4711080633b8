//! The barrier pair between a reader that says "I am inside" and a writer that asks.
//!
//! Each stores its word and then loads the other's. If both could miss the other's store, a reader
//! would walk what a writer rewrites, so each must put a full barrier in between. The pair is
//! asymmetric where the system can run a barrier on every CPU on the writer's behalf: then the
//! reader's half costs nothing at run time, and the writer's half is a request to the system, which
//! can refuse it.

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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
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
            Self::Compiler => compiler_fence(SeqCst),
        }
    }
}

/// A barrier pair. A kernel brings its own, with an inter-processor interrupt for the heavy half.
///
/// A reader stores that it is inside, passes the light half, and loads what is asked of it. A writer, or a drain of page
/// caches, stores what it asks, passes the heavy half, and looks whether the reader is inside. If both could miss the
/// other's store, a reader would walk what a writer rewrites. Where the system runs a barrier on each CPU on the writer's
/// behalf, the reader's half is free; the request to the system can be refused, which is an error of the call.
///
/// **Axiom.** With the light half `L` on one thread and a heavy half `H` on another that returned
/// `Ok`: either all that the reader did before `L` is seen by all that the writer does after `H`, or
/// all that the writer did before `H` is seen by all that the reader does after `L`.
///
/// For [`FullFence`] this is what two SeqCst fences give (C++20 atomics.order), and what most models
/// run with. For [`Membarrier`](crate::publish::SystemBarrier) it rests on membarrier(2). That the kernel keeps the
/// axiom, and the compiler the reader's order, is an assumption, which the stress tests put to the proof. That a pair
/// which does no more is enough is explored: under loom `Membarrier` is a model of the call, a full fence in each
/// other thread at any point between call and return. The readers' flags, the registration of readers, publishes that
/// stop readers or ask them, and drains are explored with it, and each light half, the heavy half and a failure of it
/// are left out once: see [`explored`](crate::conformance::explored).
///
/// # Safety
/// Page caches are taken from their handles, and schemes free and rewrite memory, on the strength of all of this:
///
/// - **The axiom**, between a light half on any thread and a heavy half on any other. A handle may be registered on one
///   thread and used on another, one at a time, also on threads that began after [`prepare`](Barrier::prepare).
/// - **`Ok` only where it holds.** A heavy half that did not reach every such thread is an error.
/// - **One light half for a handle's life.** [`light`](Barrier::light) gives the same for the same [`Kept`](Barrier::Kept), and
///   a handle that goes without a fence never meets a heavy half that is only a fence: not one of a
///   writer that chose before, nor one in the child of a fork, where handles and choices are copies.
/// - **The heavy half is a full fence of the calling thread too**, to the compiler as well, at its start and at its end.
///
/// And for the library to get on: heavy halves run on several threads at once, with locks of the library held, so
/// none of this may use a [`Published`](super::Published) or an allocator. All of it may panic: what the heavy half
/// was needed for is then as before.
pub unsafe trait Barrier: 'static {
    /// What a reader's handle keeps of the pair: `()` where the light half is known at compile time.
    type Kept: Copy + fmt::Debug + Send + Sync + 'static;

    /// Whether the pair works here. Asked before a reader is registered; does once what has to be done once.
    fn prepare() -> bool;

    /// What a handle keeps. Called once for each handle: behind a [`Barrier::prepare`] that said true, unless it is that of a
    /// reader without a slot, which passes no light half.
    fn kept() -> Self::Kept;

    /// The reader's half, of a handle that keeps this.
    fn light(kept: Self::Kept) -> Light;

    /// The writer's half. Waits for no reader.
    ///
    /// # Errors
    /// The system refused it. Nothing may then be concluded about any reader.
    fn heavy() -> Result<(), BarrierError>;

    /// What to call the pair in output.
    fn name() -> &'static str;
}

/// The heavy half of a barrier pair failed: the system did not run a barrier on the readers' CPUs.
///
/// What needed it was not done, and is as before. The pairs of this library fail only where
/// membarrier(2) does, which is documented at [`SystemBarrier`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[error("the system refused a barrier on the readers' CPUs (system error {errno}); expected one that it grants")]
pub struct BarrierError {
    /// The system's error number; 0 if there is none.
    pub errno: i32,
}

/// A full fence on either side: works everywhere, some 20 cycles a read.
#[derive(Debug)]
pub enum FullFence {}

// SAFETY: two SeqCst fences obey the axiom, and no handle goes without one.
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
        fence(SeqCst);
        Ok(())
    }

    fn name() -> &'static str {
        "full fences"
    }
}
