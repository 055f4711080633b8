//! User time and resident memory, of rounds in which every malloc has its turn.

use std::{error::Error, fmt::Write, process::Command};

use super::{
    malloc::Malloc,
    outputs,
    process::{self, Used},
    project::Project,
};

/// The table: medians of the rounds.
pub(crate) fn measure(project: &Project, mallocs: &[Malloc], rounds: usize) -> Result<String, Box<dyn Error>> {
    let parser = std::env::current_exe()?.with_file_name("zonelist-malloc-stress");
    let mut builds = vec![Vec::new(); mallocs.len()];
    let mut parses = vec![Vec::new(); mallocs.len()];
    for round in 0..rounds {
        for turn in 0..mallocs.len() {
            // Another one begins in each round, so that no malloc always follows the same one.
            let nth = (turn + round) % mallocs.len();
            builds[nth].push(outputs::build(project, &mallocs[nth])?);
            let mut parse = Command::new(&parser);
            mallocs[nth].set(parse.arg("parse").arg(&project.vendor));
            parses[nth].push(process::run(&mut parse)?);
        }
    }
    let mut table = format!("{:>18} {:>10} {:>9} {:>10} {:>9}\n", "", "build, s", "MiB", "parser, s", "MiB");
    for ((malloc, build), parse) in mallocs.iter().zip(builds).zip(parses) {
        let [build_user, build_resident] = medians(build);
        let [parse_user, parse_resident] = medians(parse);
        writeln!(
            table,
            "{malloc:>18} {build_user:>10.2} {build_resident:>9.1} {parse_user:>10.2} {parse_resident:>9.1}"
        )?;
    }
    writeln!(
        table,
        "User time, and the largest resident memory of one process: medians of {rounds} interleaved rounds, no storm."
    )?;
    Ok(table)
}

/// The medians of user time and memory.
fn medians(used: Vec<Used>) -> [f64; 2] {
    [used.iter().map(|used| used.user).collect(), used.iter().map(|used| used.resident).collect()].map(
        |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        },
    )
}
