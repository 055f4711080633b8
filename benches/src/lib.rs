//! The comparison: machines, the timing harness, and the `zonelist` command.
