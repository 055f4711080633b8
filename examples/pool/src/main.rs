//! Runs the pool, prints what it did, and draws `residency.svg` beside its page.

use std::{error::Error, path::Path};

use zonelist_example_pool::{
    chart,
    run::{Outcome, Size, run},
};

fn main() -> Result<(), Box<dyn Error>> {
    let Outcome { samples, counts, verified, full } =
        run(Size { threads: 3, steps: 1_000_000, keys: 14_000, spares: 7 })?;
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("residency.svg");
    chart::draw(&picture, &samples)?;
    println!("{verified} pages were verified: none was lost, none altered");
    println!("{} promoted, {} demoted", counts.promoted, counts.demoted);
    println!("blocks: {} went online, {} offline, {} refused", counts.onlined, counts.offlined, counts.refused);
    println!("{full} writes found no free page");
    println!("resident memory over time: {}", picture.display());
    Ok(())
}
