//! The `zonelist` command.

fn main() {}
