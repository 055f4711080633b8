//! The binary of the `zonelist` command.

use std::process::ExitCode;

use zonelist_contenders::load::CountingHeap;

/// Counts bytes only while `zonelist load` measures what is kept for a stalled reader.
#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

fn main() -> ExitCode {
    zonelist_bench::cli::main()
}
