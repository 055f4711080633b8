//! The publication of zonelists: one trait, the handles around it, and what a scheme promises.
//!
//! [`Scheme`] is the strategy: how a version is kept, found by readers and replaced. [`Published`]
//! owns everything else, so that no scheme repeats it: the reader slots, the
//! writer lock, the numbering of versions.
//!
//! A walk takes two steps. [`Reader::enter`] gives a [`Guard`], which holds a version still where
//! the scheme can; [`Guard::walk`] gives lazy walks over it, and [`Guard::find`] is the everyday
//! form that always checks whether a walk was torn.

mod barrier;
mod facts;
mod first_zone;
mod fork;
mod grace_periods;
mod handshake;
mod platform;
mod publish_error;
mod published;
mod quiescent_state;
mod read_token;
mod reader;
mod reader_slot;
mod reader_slots;
mod revocation;
mod scheme;
mod scheme_parts;
mod stamp;
mod sticky_error;
mod visited;
mod writer;
mod writer_lock;

#[cfg(any(loom, all(feature = "std", target_os = "linux")))]
pub use barrier::Membarrier;
pub use barrier::{Barrier, BarrierError, FullFence, Light, SystemBarrier};
pub use facts::{Allocates, Facts, Guarantee, Progress, StalledReader};
pub use first_zone::{FirstZone, FirstZones, Memory};
pub use fork::{ForkLosses, HandleId, PreparedFork};
pub(crate) use handshake::WhenStopped;
pub use platform::{Parts, Platform, Standard};
pub use publish_error::{NotRetired, PublishError};
pub use published::{Published, Version};
pub use read_token::ReadToken;
pub use reader::{Guard, Reader, ReaderError, Torn};
pub(crate) use reader_slot::CriticalSection;
pub use reader_slot::ReaderSlot;
pub use reader_slots::ReaderSlots;
pub use scheme::{Changes, Forked, Membership, ReaderProtocol, Reclaim, Scheme, Walk, ZonePresence};
#[cfg(loom)]
pub(crate) use stamp::explore_stamps;
pub(crate) use stamp::{NOTHING_REMEMBERED, order_walks, remembered_at};
#[cfg(loom)]
pub(crate) use visited::explore_registrations;
pub use writer::{WaitError, Writer};
pub use writer_lock::WriterLock;
