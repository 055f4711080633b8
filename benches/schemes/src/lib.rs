//! The publication schemes by name, for all benches: the registry, the lists and allocators that schemes run with, and
//! the tests that show each scheme's facts.

pub mod allocator;
pub mod evidence;
pub mod measure;
mod registry;
pub mod threads;
pub mod workload;

pub use registry::{Buildable, READERS, SchemeId, UnknownScheme, Visitor, asymmetric, barrier};

/// Runs the code of the README as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
