//! Folders in the layout of `/sys/devices/system/node`.

use std::{fs, path::Path};

/// Writes files below a folder, each given by its path and content.
pub(crate) fn write_folder<P: AsRef<Path>, C: AsRef<[u8]>>(folder: &Path, files: impl IntoIterator<Item = (P, C)>) {
    fs::create_dir_all(folder).unwrap();
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// A valid folder: nodes 0 and 2 are online, node 3 is possible.
pub(crate) const FOLDER: [(&str, &str); 8] = [
    ("possible", "0,2-3\n"),
    ("online", "0,2\n"),
    ("has_cpu", "0\n"),
    ("has_memory", "0,2\n"),
    ("node0/distance", "10 17\n"),
    ("node0/cpulist", "0-1\n"),
    ("node2/distance", "21 10\n"),
    ("node2/cpulist", "\n"),
];
