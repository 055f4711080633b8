//! Rewrites the figures in the documents, and the picture that they show, from the results file that they quote.

use std::{fs, path::Path, process::ExitCode};

use zonelist_report::documents::{DocumentError, outdated};

fn main() -> ExitCode {
    match rewrite(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn rewrite(root: &Path) -> Result<(), DocumentError> {
    for (path, text) in outdated(root)? {
        let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
        parent.and_then(|()| fs::write(&path, text)).map_err(|error| DocumentError::File(path.clone(), error))?;
        println!("{} rewritten", path.strip_prefix(root).unwrap_or(&path).display());
    }
    Ok(())
}
