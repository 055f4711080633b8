//! Writes the report page of a results file: `page FILE FOLDER`.
use std::path::Path;
use zonelist_report::{page, results::Results};
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [file, folder] = [1, 2].map(|n| std::env::args().nth(n).unwrap_or_default());
    println!("{}", page::write(&Results::read(Path::new(&file))?, Path::new(&folder))?.display());
    Ok(())
}
