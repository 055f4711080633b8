//! Zonelists: an entry ([`Zoneref`]), and the lists of all nodes, borrowed ([`ZonelistsRef`]) or owned.

mod borrowed;
#[cfg(feature = "alloc")]
mod owned;
mod zoneref;

pub use borrowed::{NodeSpan, NodeSpanError, ZonelistsRef};
#[cfg(feature = "alloc")]
pub use owned::Zonelists;
pub use zoneref::{Request, Scope, Zoneref};
