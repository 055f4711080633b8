//! The `zonelist` command.
//!
//! Each module uses only modules below it: the command line, the subcommands, what they share, then the experiments.
//!
//! ```text
//! cli -> commands -> error, arguments -> storm, soak, compare, load, growth, alloc, schemes, agreement
//!     -> output -> conditions, table, progress
//! ```

pub mod agreement;
pub mod alloc;
pub mod arguments;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod conditions;
pub mod error;
pub mod growth;
pub mod load;
pub mod output;
pub mod progress;
pub mod schemes;
pub mod soak;
#[cfg(target_os = "linux")]
pub mod storm;
pub mod table;
