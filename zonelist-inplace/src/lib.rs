//! Publication of zonelists in place, without a lock, a grace period or an allocation.
//!
//! [`InPlace`] rewrites the slots that readers walk. [`Presence`] keeps the order of each list, and stores one word that
//! says which zones are present.
#![no_std]
#![forbid(unsafe_code)]

mod in_place;
mod presence;

pub use in_place::InPlace;
pub use presence::{Presence, PresenceWalk};
