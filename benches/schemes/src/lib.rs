//! What all benches share: the schemes by name, the lists and allocators that they are run with, and
//! the tests that bear out what each says of itself.

pub mod allocator;
pub mod evidence;
pub mod measure;
mod registry;
pub mod threads;
pub mod workload;

pub use registry::{Buildable, SEATS, SchemeId, UnknownScheme, Visitor, asymmetric, barrier};

/// The code in the README is run too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
