//! What a system has of its own: a barrier pair, and a kind of lock.

use core::{
    fmt::{self, Debug},
    marker::PhantomData,
};

use super::{Barrier, FullFence};
use crate::locking::{RawLock, Spin};

/// The parts of the library that depend on the system. Only their types count: no value of a platform is ever made.
///
/// ```
/// use zonelist_core::publish::{FullFence, Platform};
/// # use zonelist_core::sync::Spin as MasksInterrupts;
///
/// #[derive(Debug)]
/// enum Kernel {}
///
/// impl Platform for Kernel {
///     type Barrier = FullFence;
///     type Lock = MasksInterrupts;
/// }
/// ```
pub trait Platform: Debug + 'static {
    /// The barrier pair between readers and writers. Only schemes whose readers have slots use it, and drains of
    /// per-CPU pages.
    type Barrier: Barrier;
    /// The lock of a zone, which is held for short and bounded times: it may mask interrupts. It need not, if interrupt
    /// handlers free and allocate by [`LocalHandle::try_free`](crate::LocalHandle::try_free) and
    /// [`LocalHandle::try_alloc`](crate::LocalHandle::try_alloc) only: these try the lock and never wait for it. So [`Spin`]
    /// does for a kernel whose handlers do that, as those of the repository's `examples/kernel` do.
    ///
    /// The writer lock and the drain lock are [`Spin`] on every platform. Their holders wait for readers and for the heavy
    /// half of the barrier pair, for unbounded times. With interrupts masked, a reader on the same CPU would never end its
    /// walk, and a CPU that waits for the lock would never answer the interrupt of another CPU's heavy half. So publishes
    /// and drains are no work of an interrupt handler; its requests ([`LocalHandle::try_alloc`](crate::LocalHandle::try_alloc))
    /// take neither lock.
    type Lock: RawLock;
}

/// The platform that works everywhere, with the same types under every feature: [`FullFence`] and [`Spin`].
#[derive(Debug)]
pub enum Standard {}

impl Platform for Standard {
    type Barrier = FullFence;
    type Lock = Spin;
}

/// A platform of these parts: `Parts<Membarrier>`, for example.
pub struct Parts<B, L = Spin> {
    parts: PhantomData<fn(B, L)>,
}

impl<B, L> Debug for Parts<B, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

impl<B: Barrier, L: RawLock + 'static> Platform for Parts<B, L> {
    type Barrier = B;
    type Lock = L;
}
