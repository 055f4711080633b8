//! The pair that the running system grants.

use super::{Barrier, BarrierError, FullFence, Light};

/// The best pair that the running system grants: membarrier(2) on Linux, full fences elsewhere.
///
/// Chosen once for the process, by the first registration of a handle or the first heavy half. Each handle keeps a
/// copy, so that the choice never changes for a reader. A read costs a load and a branch more than with a pair that is
/// chosen at compile time.
///
/// ```
/// use zonelist_core::{
///     publish::{Barrier, Parts, Published, ReaderSlots, SystemBarrier},
///     stop_world::StopWorld,
///     table::{Capacity, Slots},
///     zonelist::ZonelistsRef,
/// };
/// let table = Slots::boxed(Capacity::new(1, 1).unwrap());
/// let published: Published<_, Parts<SystemBarrier>> =
///     Published::with_platform(StopWorld::new(table), ReaderSlots::boxed(4));
/// let reader = published.reader()?;
/// published.publish(ZonelistsRef::EMPTY)?;
/// assert!(["membarrier", "full fences"].contains(&SystemBarrier::name()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Full fences are chosen under Miri, loom and shuttle (models of membarrier use `Membarrier` itself), without the
/// feature `std`, on systems other than Linux, on kernels before 4.14, and if a sandbox denies membarrier(2) when the
/// choice is made.
///
/// # When the heavy half fails later
///
/// Once readers run without fences the choice can't be changed. So a heavy half that fails is an error
/// ([`BarrierError`]) of the call that needed it: see [`Published::publish`](crate::publish::Published::publish),
/// [`Published::synchronize`](crate::publish::Published::synchronize) and
/// [`PageAllocator::drain`](crate::PageAllocator::drain).
///
/// - **A sandbox that starts later** (seccomp with `SECCOMP_RET_ERRNO`): the error number of the filter, each time.
///   Make the choice after the sandbox has started, or use [`FullFence`].
/// - **A sandbox of one thread only**: only that thread's publishes and drains fail. Use another thread for them.
/// - **A filter that kills** (`SECCOMP_RET_KILL_PROCESS`, or `SECCOMP_RET_TRAP` without a handler for SIGSYS):
///   the process ends. Or the thread ends (`SECCOMP_RET_KILL_THREAD`) with the writer lock held, and then publishes
///   wait for ever. No library can report that: allow the call, or use [`FullFence`].
/// - **Memory**: the kernel may return ENOMEM if it has no memory for the set of CPUs. The next call may succeed.
/// - **Two address spaces**: membarrier reaches the threads that share the caller's address space. Readers in
///   another process that maps the same memory are not reached, without an error. For memory that several
///   processes share, use [`FullFence`]. A child of `fork` has copies of the lists and of the choice,
///   and inherits the registration; a child of `vfork` shares all three.
#[derive(Debug)]
pub enum SystemBarrier {}

// SAFETY: each of the two pairs obeys the axiom, the choice between them never changes, and the heavy half
// of the chosen one runs for every handle.
unsafe impl Barrier for SystemBarrier {
    type Kept = Light;

    fn prepare() -> bool {
        true
    }

    fn kept() -> Light {
        chosen()
    }

    #[inline(always)]
    fn light(kept: Light) -> Light {
        kept
    }

    fn heavy() -> Result<(), BarrierError> {
        match chosen() {
            Light::Fence => FullFence::heavy(),
            #[cfg(all(feature = "std", target_os = "linux", not(any(loom, shuttle))))]
            Light::Compiler => super::Membarrier::heavy(),
            #[cfg(not(all(feature = "std", target_os = "linux", not(any(loom, shuttle)))))]
            Light::Compiler => FullFence::heavy(),
        }
    }

    fn name() -> &'static str {
        match chosen() {
            Light::Fence => FullFence::name(),
            Light::Compiler => "membarrier",
        }
    }
}

/// The light half chosen for this process. The first call chooses it.
#[cfg(all(feature = "std", target_os = "linux", not(any(loom, shuttle))))]
fn chosen() -> Light {
    use crate::sync::unmodelled::{
        AtomicU8,
        Ordering::{AcqRel, Acquire},
    };

    const UNDECIDED: u8 = 0;
    const FENCES: u8 = 1;
    const MEMBARRIER: u8 = 2;
    static CHOICE: AtomicU8 = AtomicU8::new(UNDECIDED);

    // Acquire: pairs with the release of the `compare_exchange` below. So the process is registered if this loads
    // MEMBARRIER.
    let mut choice = CHOICE.load(Acquire);
    if choice == UNDECIDED {
        let ours = if super::Membarrier::prepare() { MEMBARRIER } else { FENCES };
        // Two threads may prepare with different outcomes, if a sandbox starts meanwhile: the first choice is kept.
        // Release: pairs with the acquire above, and with that of a `compare_exchange` that fails. The registration is
        // before the choice.
        choice = CHOICE.compare_exchange(UNDECIDED, ours, AcqRel, Acquire).map_or_else(|theirs| theirs, |_| ours);
    }
    if choice == MEMBARRIER { Light::Compiler } else { Light::Fence }
}

/// Full fences: the only pair in this build.
#[cfg(not(all(feature = "std", target_os = "linux", not(any(loom, shuttle)))))]
fn chosen() -> Light {
    Light::Fence
}
