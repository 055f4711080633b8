//! Finds sources, in whatever workspace they were built.

use std::{
    borrow::ToOwned,
    collections::BTreeMap,
    env, format, fs,
    path::{Path, PathBuf},
    string::{String, ToString},
    sync::{Mutex, OnceLock, PoisonError},
};

use super::SourceLocation;

/// A source: its path, and its text.
type Source = (PathBuf, &'static str);

/// The source that a [`SourceLocation`] names, if it is still where it was at the build.
///
/// A path is absolute, or relative to the root of the workspace that was built. That root is the folder in which the
/// model runs, a folder above it, or the folder in which this crate was built.
pub(crate) fn source(file: &str) -> Option<Source> {
    static SOURCES: OnceLock<Mutex<BTreeMap<String, Option<Source>>>> = OnceLock::new();
    let mut sources = SOURCES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let found = sources.entry(file.to_owned()).or_insert_with(|| {
        let here = env::current_dir().unwrap_or_default();
        let ours = Path::new(env!("CARGO_MANIFEST_DIR"));
        let roots = here.ancestors().chain(ours.ancestors().take(2));
        let read = |path: PathBuf| fs::read_to_string(&path).ok().map(|text| (path, &*text.leak()));
        roots.map(|root| root.join(file)).find_map(read)
    });
    found.clone()
}

/// A location as a path that can be opened from any folder, with line and column.
pub(crate) fn shown(place: SourceLocation) -> String {
    let path = source(place.file()).map(|(path, _)| path.display().to_string());
    path.map_or_else(|| place.to_string(), |path| format!("{path}:{}:{}", place.line(), place.column()))
}
