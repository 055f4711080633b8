//! The documents that quote a results file, and the picture that they show.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    figures::{ALL_PEERS, BlockError, FULL_FENCES, OTHER_MACHINE, Others, PICTURE, QUOTED, rewritten},
    pictures::{PictureError, cost_against_consistency},
    results::{ReadError, Results},
};

/// A document or file that can't be made anew.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The results file can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The picture can't be drawn.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A document has a block that can't be rewritten.
    #[error("{0}: {1}")]
    Block(PathBuf, #[source] BlockError),
    /// A document can't be read.
    #[error("{0}: {1}; expected a file that can be read and written")]
    File(PathBuf, #[source] io::Error),
}

/// The files below the root of the workspace that differ from what the results file gives, each with its new text: the
/// README, the documents, and the picture.
///
/// # Errors
/// A file can't be read, or has a block that can't be rewritten.
pub fn outdated(root: &Path) -> Result<Vec<(PathBuf, String)>, DocumentError> {
    let results = Results::read(&root.join(QUOTED))?;
    let read = |path| {
        let path = root.join(path);
        path.exists().then(|| Results::read(&path)).transpose()
    };
    let [machine, all_peers, full_fences] = [read(OTHER_MACHINE)?, read(ALL_PEERS)?, read(FULL_FENCES)?];
    let others = Others { machine: machine.as_ref(), all_peers: all_peers.as_ref(), full_fences: full_fences.as_ref() };
    let mut changed = Vec::new();
    for path in documents(root)? {
        let old = fs::read_to_string(&path).map_err(|error| DocumentError::File(path.clone(), error))?;
        let new = rewritten(&old, &results, others).map_err(|error| DocumentError::Block(path.clone(), error))?;
        if old != new {
            changed.push((path, new));
        }
    }
    let picture = cost_against_consistency(&results)?.file();
    if fs::read_to_string(root.join(PICTURE)).ok().as_ref() != Some(&picture) {
        changed.push((root.join(PICTURE), picture));
    }
    Ok(changed)
}

/// The README and the documents.
fn documents(root: &Path) -> Result<Vec<PathBuf>, DocumentError> {
    let folder = root.join("docs");
    let failed = |error| DocumentError::File(folder.clone(), error);
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
