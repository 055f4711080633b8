//! Runs one loop of one contender, for valgrind to count: `probe CONTENDER PROBE LOOPS`; or all loops: `probe all`.

use std::process::ExitCode;

use zonelist_contenders::{instructions::Probe, recorded_counts::Plan};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["all"] {
        return Plan::run().map_or_else(|error| usage(&error.to_string()), |()| ExitCode::SUCCESS);
    }
    let [contender, probe, loops] = arguments.as_slice() else { return usage("expected three arguments") };
    let (Ok(probe), Ok(loops)) = (probe.parse::<Probe>(), loops.parse()) else {
        return usage("expected the name of a probe and a number");
    };
    match probe.run(contender, loops) {
        Some(Ok(sum)) => {
            // Keeps the compiler from removing the reads; a print would add instructions.
            std::hint::black_box(sum);
            ExitCode::SUCCESS
        }
        Some(Err(error)) => usage(&error.to_string()),
        None => usage("expected the name of a contender"),
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("error: {problem}; usage: probe CONTENDER PROBE LOOPS, or probe all");
    ExitCode::from(2)
}
