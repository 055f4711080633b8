//! Tests of the `zonelist` command as a user runs it, by the modules of its sources.

mod arguments;
mod cli;
mod commands;
#[path = "../../../machines/tests/machines/folder.rs"]
mod folder;
mod output;
mod run;
