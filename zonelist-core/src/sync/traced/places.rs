//! Where sources are, whichever workspace they were built in.

use std::{
    borrow::ToOwned,
    collections::BTreeMap,
    env, format, fs,
    path::{Path, PathBuf},
    string::{String, ToString},
    sync::{Mutex, OnceLock, PoisonError},
};

use super::CodeLocation;

/// A source: where it is, and its text.
type Source = (PathBuf, &'static str);

/// The source that a [`OrderEntry`] names, if it is where it was when this was built.
///
/// A path is absolute, or relative to the root of the workspace that was built: that is the folder a model runs in, one
/// above it, or the one this crate was built in.
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

/// A place as a path that can be opened from anywhere, with its line and column.
pub(crate) fn shown(place: CodeLocation) -> String {
    let path = source(place.file()).map(|(path, _)| path.display().to_string());
    path.map_or_else(|| place.to_string(), |path| format!("{path}:{}:{}", place.line(), place.column()))
}
