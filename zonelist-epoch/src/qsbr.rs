//! `Qsbr`: a double buffer whose readers report quiescent states.
//!
//! Quiescent-state-based reclamation, as in liburcu. A reader only loads the address of the current table. It
//! counts as walking at any time, except at a quiescent state and while offline. Kernels and event loops have such
//! points anyway: the return to user space, the top of the loop.
//!
//! ```text
//!   reader:                                  grace period p, under the writer lock:
//!     online:    acknowledged := online        behind the swap:
//!                full fence                      requested := p in every slot
//!                quiescent state               before the next one is written:
//!     walk:      table := current; walk          full fence
//!     quiescent: acknowledged := requested       for each slot that had an owner:
//!     offline:   acknowledged := offline           wait until acknowledged is p, or offline
//! ```
//!
//! A publish runs no heavy half, unless handles of an allocator are registered: those are active for each operation
//! instead, under the light half of the barrier pair.
//!
//! **Why a walk is a snapshot.** No walk goes on across a quiescent state: a guard borrows the reader, so that this is
//! a compile error. A walk of version `n - 2` therefore began before its reader acknowledged the grace period of `n -
//! 1`, because an acknowledgement makes the reader see the new table. So the walk ends before the acknowledgement, and
//! the publish of `n` comes behind it. A reader that comes online is covered by the two fences: the writer sees it
//! online and waits, or it finds the new table. With that, [`DoubleBuffered`] has the proof.
//!
//! **What a reader owes.** A quiescent state between any two publishes. A thread that publishes, or waits for a thread
//! that does, waits for itself if a reader of its own is online. It wraps that call in
//! [`Reader::offline`](zonelist_core::publish::Reader::offline). Handles of a
//! [`PageAllocator`](zonelist_core::PageAllocator) owe nothing: they are online only within an operation, under the
//! handshake of their per-CPU pages.

use zonelist_core::publish::ReaderProtocol;

use crate::double_buffered::{DoubleBuffered, Protocol, sealed::Sealed};

/// A double buffer: readers report quiescent states, and writers wait for those.
///
#[doc = include_str!("qsbr.md")]
///
/// ```
/// use zonelist_core::{publish::{PublishError, Published}, table::Capacity, zonelist::ZonelistsRef};
/// use zonelist_epoch::Qsbr;
///
/// let published = Published::new(Qsbr::boxed(Capacity::new(8, 24).unwrap()));
/// let mut reader = published.reader()?;
/// published.publish(ZonelistsRef::EMPTY)?;
/// drop(reader.enter());
/// assert_eq!(published.try_publish(ZonelistsRef::EMPTY), Err(PublishError::Busy), "the reader may still walk");
/// reader.quiescent();
/// published.publish(ZonelistsRef::EMPTY)?;
/// reader.offline(|| published.publish(ZonelistsRef::EMPTY))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Qsbr = DoubleBuffered<QuiescentStates>;

/// The protocol of [`Qsbr`]: a reader reports quiescent states.
#[derive(Debug)]
pub enum QuiescentStates {}

impl Sealed for QuiescentStates {}

impl Protocol for QuiescentStates {
    const PROTOCOL: ReaderProtocol = ReaderProtocol::Quiescent;
    const SCHEME: &'static str = "Qsbr";
    const CARD: &'static str = include_str!("qsbr.md");
}
