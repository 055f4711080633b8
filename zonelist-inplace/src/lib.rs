//! Publication of zonelists in place, without a lock, a grace period or an allocation.
#![no_std]
#![forbid(unsafe_code)]

mod in_place;
mod presence;

pub use in_place::InPlace;
pub use presence::{Presence, PresenceWalk};
