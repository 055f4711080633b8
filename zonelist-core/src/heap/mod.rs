//! Fallible allocation: an operation on a running machine fails where the heap has no room, and the process goes on.
//!
//! Functions that return owned tables and document no such error end the process instead, as `Vec` does
//! ([`or_abort`]).

mod fallible;
mod shared;

pub(crate) use fallible::{NoMemory, collected, copied, or_abort, push, text, with_room};
pub use shared::Shared;
