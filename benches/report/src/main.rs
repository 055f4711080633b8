//! Rewrites the figures in the documents, and the picture that they show, from the results file that they quote.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use zonelist_report::{
    figures::{BlockError, PICTURE, QUOTED, rewritten},
    pictures::{PictureError, cost_against_consistency},
    results::{ReadError, Results},
};

/// A document or file that stops the work.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error("{0}: {1}")]
    Block(PathBuf, #[source] BlockError),
    #[error("{0}: {1}; expected a file that can be read and written")]
    File(PathBuf, #[source] io::Error),
}

fn main() -> ExitCode {
    match rewrite(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")) {
        Ok(changed) => {
            changed.iter().for_each(|path| println!("{} rewritten", path.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Rewrites the documents below this folder. Returns those that changed.
fn rewrite(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let results = Results::read(&root.join(QUOTED))?;
    let mut changed = Vec::new();
    for path in documents(root)? {
        let old = fs::read_to_string(&path).map_err(|error| Error::File(path.clone(), error))?;
        let new = rewritten(&old, &results).map_err(|error| Error::Block(path.clone(), error))?;
        changed.extend(replace(path, &old, &new)?);
    }
    let picture = root.join(PICTURE);
    let old = fs::read_to_string(&picture).unwrap_or_default();
    changed.extend(replace(picture, &old, &cost_against_consistency(&results)?.file())?);
    Ok(changed)
}

/// Writes the new text if it differs from the old one. Returns the path if so.
fn replace(path: PathBuf, old: &str, new: &str) -> Result<Option<PathBuf>, Error> {
    if old == new {
        return Ok(None);
    }
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    parent.and_then(|()| fs::write(&path, new)).map_err(|error| Error::File(path.clone(), error))?;
    Ok(Some(path))
}

/// The README and the documents.
fn documents(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = root.join("docs");
    let failed = |error| Error::File(folder.clone(), error);
    let mut paths = vec![root.join("README.md")];
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
