//! The `zonelist` command.

pub mod alloc;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod endure;
pub mod output;
pub mod progress;
#[cfg(target_os = "linux")]
pub mod storm;
