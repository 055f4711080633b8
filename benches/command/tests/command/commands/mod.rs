//! The subcommands.

mod alloc;
mod compare;
mod growth;
mod load;
mod machines;
mod order;
mod replay;
mod schemes;
mod soak;
#[cfg(target_os = "linux")]
mod storm;
mod zoneinfo;
