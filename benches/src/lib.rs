//! The comparison: machines, the timing harness, and the `zonelist` command.

pub mod allocator;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod contender;
pub mod cubic;
pub mod endure;
pub mod evidence;
pub mod instructions;
pub mod machine;
pub mod output;
pub mod pages;
pub mod progress;
pub mod replay;
pub mod schemes;
#[cfg(target_os = "linux")]
pub mod storm;
pub mod workload;

/// The code in the README is run too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
