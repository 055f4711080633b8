//! The binary of the `zonelist` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    zonelist_bench::cli::main()
}
