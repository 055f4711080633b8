//! The `zonelist` command, as its users run it.

mod alloc;
mod bad_input;
mod cards;
mod cli;
mod compare;
mod endure;
#[path = "../../../machines/tests/machines/folder.rs"]
mod folder;
mod owners;
mod run;
#[cfg(target_os = "linux")]
mod storm;
