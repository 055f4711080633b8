//! Zonelists: one entry ([`Zoneref`]), a set of lists that is borrowed ([`ZonelistsRef`]) and one that is owned.

mod borrowed;
#[cfg(feature = "alloc")]
mod owned;
mod zoneref;

pub use borrowed::{NodeSpan, NodeSpanError, ZonelistsRef};
#[cfg(feature = "alloc")]
pub use owned::Zonelists;
pub use zoneref::{Request, Scope, Zoneref};
