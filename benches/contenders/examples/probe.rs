//! Runs one loop of one contender, for valgrind to count: `probe CONTENDER PROBE LOOPS`; all loops: `probe all`; or the
//! operations whose stores are traced: `probe lines CONTENDER`.

use std::process::ExitCode;

use zonelist_contenders::{
    growth::{Grown, lines},
    instructions::Probe,
    recorded_counts::Plan,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["all"] {
        return Plan::run().map_or_else(|error| usage(&error.to_string()), |()| ExitCode::SUCCESS);
    }
    if let [command, contender] = arguments.as_slice()
        && command == "lines"
    {
        let Some(grown) = Grown::named(contender) else { return usage("expected the name of a contender") };
        return lines::run(grown).map_or_else(|error| usage(&error.to_string()), |()| ExitCode::SUCCESS);
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
    eprintln!("error: {problem}; usage: probe CONTENDER PROBE LOOPS, probe all, or probe lines CONTENDER");
    ExitCode::from(2)
}
