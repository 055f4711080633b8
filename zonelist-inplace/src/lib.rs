// Links of the README as links of this page: of two definitions, the first one counts.
//! [`Presence`]: crate::Presence
//! [`InPlace`]: crate::InPlace
#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod in_place;
mod presence;

pub use in_place::InPlace;
pub use presence::{Presence, PresenceWalk};
