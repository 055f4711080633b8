//! Folders in the layout of `/sys/devices/system/node`, of any kernel.
//!
//! What a file would say is derived from other files if it is absent; a file that is wrong is an error that names it.
//!
//! | of the machine | taken from the first of |
//! |---|---|
//! | online nodes | `online`, the folders `nodeN` |
//! | possible nodes | `possible`, the online nodes |
//! | nodes with memory | `has_memory` (since 4.13), each node's `meminfo`, `has_normal_memory`, all online nodes |
//! | nodes with CPUs | each node's `cpulist` or `cpumap`, `has_cpu` (empty at boot before 4.9) |
//! | distances | each online node's `distance`, 10 and 20 |
//!
//! The folder has no sizes of zones.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use zonelist_core::topology::{DistanceSource, MAX_NODES, Machine, MachineDescription};

use super::{
    distances, find,
    text::{cpu_list, cpu_mask, named, nodes, text},
};
use crate::{
    error::{Problem, ReadError},
    loaded::Loaded,
    warning::{Concern, Warning},
};

/// The machine that a folder describes. A path that is one or two levels too high or too low is corrected.
///
/// # Errors
/// The folder has no online node, or a file of it is wrong; the error names it.
pub fn sysfs(path: &Path) -> Result<Loaded, ReadError> {
    let folder = find::node_folder(path).map_or_else(|| only_folder_below(path), Ok)?;
    let mut read = NodeFolder { folder: &folder, warnings: Vec::new() };
    if folder != path {
        read.warn("this folder is read, which is the nearest one of nodes");
    }
    let description = read.describe()?;
    let warnings = read.warnings;
    let wrong = |error| Problem::Machine { section: "", error }.in_file(&folder);
    let (machine, _) = Machine::new(description).map_err(wrong)?;
    Ok(Loaded { machine, warnings, no_sizes: None, kernel: None, record: None })
}

/// The one folder of nodes below a path, whatever its name.
fn only_folder_below(path: &Path) -> Result<PathBuf, ReadError> {
    match &find::node_folders_below(path)[..] {
        [] => Err(no_nodes(path)),
        [only] => Ok(only.clone()),
        [first, ..] => {
            let expected = format!("one of them, such as {}", first.display());
            Err(Problem::value("", "several folders of nodes below", expected).in_file(path))
        }
    }
}

/// The error of a path without nodes.
fn no_nodes(path: &Path) -> ReadError {
    let is_json = |path: PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut entries = fs::read_dir(path).into_iter().flatten().flatten();
    let found = match entries.any(|entry| is_json(entry.path())) {
        true => "machine files, and no folder `nodeN`",
        false => "no folder `nodeN`, and none one or two levels above or below",
    };
    Problem::value("", found, "one machine file, or a folder like /sys/devices/system/node").in_file(path)
}

/// The CPUs of each node.
type CpusByNode = BTreeMap<u32, Vec<u32>>;

/// A folder that is being read.
pub(super) struct NodeFolder<'a> {
    pub(super) folder: &'a Path,
    pub(super) warnings: Vec<Warning>,
}

impl NodeFolder<'_> {
    /// The content of the folder, before [`Machine::new`] validates it as a whole.
    pub(super) fn describe(&mut self) -> Result<MachineDescription, ReadError> {
        let online = self.online()?;
        let possible = match nodes(&self.folder.join("possible"))? {
            Some(possible) if online.iter().all(|node| possible.contains(node)) => possible,
            Some(possible) => {
                let message =
                    format!("`possible` has {}, not all that are online; the online ones are taken", named(&possible));
                self.warn(message);
                online.clone()
            }
            None => online.clone(),
        };
        let (cpus, has_cpu) = self.cpus(&online)?;
        Ok(MachineDescription {
            distance: distances::matrix(self.folder, &possible, &online, &mut self.warnings)?,
            distance_source: DistanceSource::Kernel,
            cpus,
            has_cpu,
            has_memory: self.has_memory(&online)?,
            possible,
            online,
            ..MachineDescription::default()
        })
    }

    /// The online nodes. Only an online node has a folder, so a list that lacks one of these is wrong.
    fn online(&mut self) -> Result<Vec<u32>, ReadError> {
        let folders = self.folders()?;
        match nodes(&self.folder.join("online"))? {
            Some(online) if folders.iter().all(|node| online.contains(node)) => Ok(online),
            Some(online) => {
                let [online, nodes] = [&online, &folders].map(|nodes| named(nodes));
                self.warn(format!("`online` has {online}, but there are folders of {nodes}; the folders are taken"));
                Ok(folders)
            }
            None if folders.is_empty() => Err(no_nodes(self.folder)),
            None => Ok(folders),
        }
    }

    /// The numbers of the folders `nodeN`, ascending.
    fn folders(&self) -> Result<Vec<u32>, ReadError> {
        let failed = |error| Problem::Io(error).in_file(self.folder);
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let Some(number) = find::number("node", &entry.file_name().to_string_lossy()) else { continue };
            if number >= MAX_NODES as u32 {
                return Err(Problem::value("", format_args!("node {number}"), format!("a number below {MAX_NODES}"))
                    .in_file(&path));
            }
            if path.is_dir() {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// The CPUs of each node, and the nodes with CPUs. Without numbers of all CPUs there are none.
    fn cpus(&mut self, online: &[u32]) -> Result<(CpusByNode, Vec<u32>), ReadError> {
        let listed_nodes = nodes(&self.folder.join("has_cpu"))?;
        let in_list = |node| listed_nodes.as_ref().is_some_and(|nodes| nodes.contains(&node));
        let (mut cpus, mut has_cpu) = (BTreeMap::new(), Vec::new());
        let (mut unknown, mut contradicted) = (Vec::new(), Vec::new());
        for &node in online {
            let folder = self.folder.join(format!("node{node}"));
            let numbers = match cpu_list(&folder.join("cpulist"))? {
                Some(numbers) if !numbers.is_empty() => Some(numbers),
                // An empty list beside a mask with bits: the file was emptied.
                list => cpu_mask(&folder.join("cpumap"))?.or(list),
            };
            match &numbers {
                Some(numbers) if numbers.is_empty() && in_list(node) => contradicted.push(node),
                Some(numbers) if numbers.is_empty() => {}
                None if !in_list(node) => unknown.push(node),
                _ => has_cpu.push(node),
            }
            if let Some(numbers) = numbers {
                cpus.insert(node, numbers);
            }
        }
        if cpus.len() < online.len() {
            cpus.clear();
        }
        if !contradicted.is_empty() {
            self.warn(format!(
                "`has_cpu` has {}, but with an empty `cpulist`; taken as without CPUs",
                named(&contradicted)
            ));
        }
        if listed_nodes.is_none() && !unknown.is_empty() {
            let message = format!("no `cpulist` of {}; taken as without CPUs", named(&unknown));
            self.warn(message);
        }
        Ok((cpus, has_cpu))
    }

    /// The nodes with memory, all of them online; at least one.
    fn has_memory(&mut self, online: &[u32]) -> Result<Vec<u32>, ReadError> {
        if let Some(listed_nodes) = nodes(&self.folder.join("has_memory"))? {
            let (has_memory, offline): (Vec<u32>, Vec<u32>) =
                listed_nodes.into_iter().partition(|node| online.contains(node));
            if !offline.is_empty() {
                let message = format!("`has_memory` has {}, not online; left out", named(&offline));
                self.warn(message);
            }
            if !has_memory.is_empty() {
                return Ok(has_memory);
            }
        }
        let normal = nodes(&self.folder.join("has_normal_memory"))?;
        let (mut has_memory, mut unknown) = (Vec::new(), Vec::new());
        for &node in online {
            match self.total_kbytes(node)? {
                Some(0) => {}
                Some(_) => has_memory.push(node),
                None if normal.as_ref().is_some_and(|normal| normal.contains(&node)) => has_memory.push(node),
                None => unknown.push(node),
            }
        }
        if has_memory.is_empty() {
            unknown = online.to_vec();
        }
        if !unknown.is_empty() {
            self.warn(format!("no `has_memory` and no `meminfo` of {}; taken as with memory", named(&unknown)));
            has_memory.extend(unknown);
            has_memory.sort_unstable();
        }
        Ok(has_memory)
    }

    /// The memory of a node, in KiB; `None` if its `meminfo` is absent or empty.
    fn total_kbytes(&self, node: u32) -> Result<Option<u64>, ReadError> {
        let path = self.folder.join(format!("node{node}/meminfo"));
        let Some(text) = text(&path)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        let total = text.lines().find_map(|line| line.split_once("MemTotal:"));
        let number = total.and_then(|(_, value)| value.split_ascii_whitespace().next()?.parse().ok());
        let wrong = || {
            let found = text.lines().next().unwrap_or_default();
            Problem::value("", format_args!("{found:?}"), "a line `Node N MemTotal: N kB`").in_file(&path)
        };
        number.map(Some).ok_or_else(wrong)
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(Warning::new(self.folder, Concern::EveryList, message));
    }
}
