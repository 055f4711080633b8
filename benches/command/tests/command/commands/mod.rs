//! The subcommands.

mod alloc;
mod compare;
mod load;
mod machines;
mod order;
mod replay;
mod schemes;
mod soak;
#[cfg(target_os = "linux")]
mod storm;
mod zoneinfo;
