//! The comparison: machines, the timing harness, and the `zonelist` command.

pub mod cubic;
pub mod machine;
