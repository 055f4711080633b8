//! The publication schemes by name, for all benches: the registry, the lists and allocators that schemes run with, and
//! the tests that show each scheme's facts.

pub mod allocator;
pub mod conditions;
pub mod evidence;
pub mod figures;
pub mod measure;
mod registry;
pub mod threads;
pub mod workload;

pub use registry::{Buildable, READERS, SchemeId, UnknownScheme, Visitor, asymmetric, barrier, use_full_fences};

/// The code of the README and of `docs` as doctests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/architecture.md")]
    struct Architecture;
    #[doc = include_str!("../../../docs/benchmarks.md")]
    struct Benchmarks;
    #[doc = include_str!("../../../docs/linux.md")]
    struct Linux;
    #[doc = include_str!("../../../docs/schemes.md")]
    struct Schemes;
    #[doc = include_str!("../../../docs/verification.md")]
    struct Verification;
}
