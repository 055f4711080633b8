//! The report page, if this build has it: the feature `report`.

use std::path::Path;

use super::results::Results;

/// A page that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The build has no page.
    #[error(
        "this build has no report page; expected one with it: cargo run --release --features zonelist-bench/report -- \
         {command}"
    )]
    NoFeature {
        /// The command that writes the page.
        command: String,
    },
    /// The results can't be converted.
    #[error("results of this run: {0}")]
    Results(#[from] serde_json::Error),
    /// The results file can't be read.
    #[error(transparent)]
    #[cfg(feature = "report")]
    Read(#[from] zonelist_report::results::ReadError),
    /// The page can't be written.
    #[error(transparent)]
    #[cfg(feature = "report")]
    Page(#[from] zonelist_report::page::PageError),
}

/// Fails if this build has no page.
///
/// # Errors
/// [`PageError::NoFeature`], with the command that has.
pub fn check(command: &str) -> Result<(), PageError> {
    match cfg!(feature = "report") {
        true => Ok(()),
        false => Err(PageError::NoFeature { command: command.into() }),
    }
}

/// Writes the page of a run to a folder.
///
/// # Errors
/// It can't be written, or this build has no page.
#[cfg(feature = "report")]
pub fn write(results: &Results<'_>, folder: &Path) -> Result<(), PageError> {
    let results = serde_json::from_value(serde_json::to_value(results)?)?;
    zonelist_report::page::write(&results, folder)?;
    Ok(())
}

/// Writes the page of a results file to a folder.
///
/// # Errors
/// The file can't be read, the page can't be written, or this build has no page.
#[cfg(feature = "report")]
pub fn write_from_file(file: &Path, folder: &Path) -> Result<(), PageError> {
    zonelist_report::page::write(&zonelist_report::results::Results::read(file)?, folder)?;
    Ok(())
}

/// Fails: this build has no page.
///
/// # Errors
/// [`PageError::NoFeature`].
#[cfg(not(feature = "report"))]
pub fn write(_: &Results<'_>, _: &Path) -> Result<(), PageError> {
    check("compare --report DIR")
}

/// Fails: this build has no page.
///
/// # Errors
/// [`PageError::NoFeature`].
#[cfg(not(feature = "report"))]
pub fn write_from_file(_: &Path, _: &Path) -> Result<(), PageError> {
    check("report --results FILE DIR")
}

#[cfg(all(test, feature = "report"))]
mod tests {
    use serde_json::{Value, json};

    /// The report reads every key of a results file: none is lost or renamed on the way through its types.
    #[test]
    fn the_types_of_the_report_have_every_key() {
        let text = include_str!("../../../results/amd-epyc.json");
        let file: Value = serde_json::from_str(text).unwrap();
        let read: zonelist_report::results::Results = serde_json::from_str(text).unwrap();
        assert_eq!(json!(read), file);
    }
}
