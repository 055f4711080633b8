//! Finds the folder of nodes near a path that is a level or more too high or too low.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of nodes that a path means: itself, one below it, or one or two levels above it.
pub(super) fn node_folder(path: &Path) -> Option<PathBuf> {
    let below = ["", "node", "system/node", "devices/system/node", "sys/devices/system/node"];
    let below = below.into_iter().map(|part| if part.is_empty() { path.to_owned() } else { path.join(part) });
    // By the path's own text: symbolic links inside a node's folder lead elsewhere.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let above: Vec<PathBuf> = absolute.ancestors().skip(1).take(2).map(Path::to_owned).collect();
    below.chain(above).find(|folder| is_node_folder(folder))
}

/// The folders with a folder `nodeN` one or two levels below a path, whatever their names, ascending.
///
/// Symbolic links are not followed. At most [`MAX_SEARCHED`] folders of a level are searched.
pub(super) fn node_folders_below(path: &Path) -> Vec<PathBuf> {
    let (mut found, others): (Vec<_>, Vec<_>) = folders(path).partition(|folder| has_nodes(folder));
    let deeper = others.iter().flat_map(|folder| folders(folder)).take(MAX_SEARCHED);
    found.extend(deeper.filter(|folder| has_nodes(folder)));
    found.sort_unstable();
    found
}

/// A wrong path such as `/usr` has thousands of folders below it; the search ends in a fraction of a second.
const MAX_SEARCHED: usize = 4096;

/// The folders in a folder.
fn folders(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.take(MAX_SEARCHED).map(|entry| entry.path())
}

/// True if a folder has folders of nodes, not only lists of nodes.
fn has_nodes(folder: &Path) -> bool {
    let is_node = |folder: PathBuf| number("node", &folder.file_name().unwrap_or_default().to_string_lossy()).is_some();
    is_node_folder(folder) && folders(folder).any(is_node)
}

/// True for a file of a folder of nodes: one of `node3/`, or one beside it with a list of nodes.
pub(crate) fn is_file_of_nodes(path: &Path) -> bool {
    let name = |path: Option<&Path>| path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let own =
        name(Some(path)).is_some_and(|name| LISTS.contains(&name.as_str()) || ["online", "possible"].contains(&&*name));
    let parent = path.parent();
    let in_node = name(parent).is_some_and(|name| number("node", &name).is_some());
    path.is_file() && (in_node || own && parent.is_some_and(is_node_folder))
}

/// Lists of nodes that only a folder of nodes has.
const LISTS: [&str; 4] = ["has_cpu", "has_memory", "has_normal_memory", "has_high_memory"];

fn is_node_folder(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    // The folder of a CPU or a memory block has a link to its node, and that of all CPUs has a file `online`, too.
    if number("cpu", &name).is_some() || number("memory", &name).is_some() {
        return false;
    }
    let (mut has_node, mut has_list, mut has_cpu) = (false, false, false);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        has_node |= number("node", &name).is_some() && entry.path().is_dir() || LISTS.contains(&&*name);
        has_list |= name == "online";
        has_cpu |= number("cpu", &name).is_some() || number("memory", &name).is_some();
    }
    has_node || has_list && !has_cpu
}

/// The number in a name such as `node3`.
pub(super) fn number(prefix: &str, name: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}
