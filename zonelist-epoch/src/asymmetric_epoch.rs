//! `AsymmetricEpoch`: a double buffer whose readers walk within critical sections.
//!
//! A reader sets the flag `active` of its slot, passes the light half of the barrier pair, and loads the
//! address of the current table. At the end of its critical section it clears the flag.
//!
//! ```text
//!   reader:                                  grace period p, under the writer lock:
//!     active := 1                              behind the swap: heavy half
//!     light half                               if each reader was idle since, once: over
//!     if request is not 0:                     before the next table is written, if it is not over:
//!       active := 1 and the phase of request     request := p in every slot that had an owner
//!     table := current; walk                     heavy half
//!     active := 0                                for each of them:
//!                                                  wait until active is 0, or has the phase of p
//!                                                request := 0 in each of them
//! ```
//!
//! **Why a walk is a snapshot.** The barrier pair leaves two cases. Either the writer sees the reader's flag behind
//! its heavy half, and waits until that is cleared. Or the reader sees all that the writer did before the heavy
//! half, the swap included, and walks the new table. A flag that carries the phase of this grace period is
//! the second case too: the reader has seen the request, which was stored behind the swap. With that,
//! [`DoubleBuffered`] has the proof.
//!
//! **Why short walks never starve the writer.** A reader that enters again and again could be active each time
//! the writer loads its flag. But once the request is set, each entry acknowledges the grace period, and is not
//! waited for.
//!
//! The two words and their orderings are those of the handshake in `zonelist_core::publish`.

use zonelist_core::publish::ReaderProtocol;

use crate::double_buffered::{DoubleBuffered, Protocol, sealed::Sealed};

/// A double buffer: readers walk within critical sections, and writers wait for those.
///
#[doc = include_str!("asymmetric_epoch.md")]
///
/// ```
/// use zonelist_core::{publish::{PublishError, Published}, table::Capacity, zonelist::ZonelistsRef};
/// use zonelist_epoch::AsymmetricEpoch;
///
/// let scheme = AsymmetricEpoch::boxed(Capacity::new(8, 24).unwrap());
/// let published = Published::new(scheme);
/// let mut reader = published.reader()?;
/// let guard = reader.enter();
/// published.publish(ZonelistsRef::EMPTY)?;
/// // The next version would be written over the one that the guard holds.
/// assert_eq!(published.try_publish(ZonelistsRef::EMPTY), Err(PublishError::Busy));
/// drop(guard);
/// assert!(published.try_publish(ZonelistsRef::EMPTY).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type AsymmetricEpoch = DoubleBuffered<CriticalSections>;

/// The protocol of [`AsymmetricEpoch`]: a reader walks within critical sections.
#[derive(Debug)]
pub enum CriticalSections {}

impl Sealed for CriticalSections {}

impl Protocol for CriticalSections {
    const PROTOCOL: ReaderProtocol = ReaderProtocol::CriticalSection;
    const SCHEME: &'static str = "AsymmetricEpoch";
    const CARD: &'static str = include_str!("asymmetric_epoch.md");
}
