//! Compiles C projects with the malloc of this package preloaded, and compares every output with a build without it.
//!
//! `cargo run --release -p zonelist-malloc -- [--long] [--rounds N]`: see `README.md`.

mod compile;

use std::{env, error::Error, process::ExitCode};

use compile::{
    malloc::{Malloc, library},
    outputs, times,
};

/// The schemes of the short form: the default, and the one that no kernel has.
const SHORT: [&str; 2] = ["SeqRetry", "Presence"];

/// Rounds of measurement.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("zonelist-malloc: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (mut long, mut rounds) = (false, ROUNDS);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--long" => long = true,
            "--rounds" => rounds = arguments.next().ok_or("--rounds: expected a number")?.parse()?,
            other => return Err(format!("{other}: expected --long or --rounds N").into()),
        }
    }
    let library = library()?;
    let names = zonelist_schemes::SchemeId::all().into_iter().filter(|scheme| scheme.facts().below_allocator);
    let schemes: Vec<_> = names.map(|scheme| scheme.name()).filter(|name| long || SHORT.contains(name)).collect();
    let folder = tempfile::tempdir()?;
    let project = compile::project::fetch(folder.path(), long)?;
    println!("{} C files, by make -j4, a storm beside each process:", project.sources.len());
    outputs::compare(&project, &library, &schemes)?;
    let mut mallocs = vec![Malloc::Glibc];
    mallocs.extend(compile::malloc::mimalloc());
    mallocs.extend(schemes.iter().map(|scheme| Malloc::Ours { library: library.clone(), scheme, storm: None }));
    if rounds > 0 {
        println!("\n{}", times::measure(&project, &mallocs, rounds)?);
    }
    Ok(())
}
