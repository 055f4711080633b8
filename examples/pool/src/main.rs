//! Runs the pool, prints what it did, and draws the memory over time: to the file that the argument names, or beside the
//! program.

use std::{
    env::{args_os, current_exe},
    error::Error,
    path::PathBuf,
};

use zonelist_example_pool::{
    chart,
    run::{Outcome, Size, run},
};

fn main() -> Result<(), Box<dyn Error>> {
    let Outcome { samples, counts, verified, full } =
        run(Size { threads: 3, steps: 1_000_000, keys: 14_000, spares: 7 })?;
    // Not the file of the page, unless it is named: a run would change the sources.
    let picture = match args_os().nth(1) {
        Some(file) => PathBuf::from(file),
        None => current_exe()?.with_file_name("residency.svg"),
    };
    chart::draw(&picture, &samples)?;
    println!("{verified} pages were verified: none was lost, none altered");
    println!("{} promoted, {} demoted", counts.promoted, counts.demoted);
    println!("blocks: {} went online, {} offline, {} refused", counts.onlined, counts.offlined, counts.refused);
    println!("{full} writes found no free page");
    println!("resident memory over time: {}", picture.display());
    Ok(())
}
