//! Folders in the layout of `/sys/devices/system/node`.
//!
//! The files read are `possible`, `online`, `has_cpu`, `has_memory`, and `distance` and `cpulist` of each online node.
//! The kernel prints distances between online nodes only, so the online nodes are the machine's possible nodes.
//! The folder has no sizes of zones.

use std::{collections::BTreeMap, path::Path};

use zonelist_core::topology::{LOCAL_DISTANCE, MAX_NODES, Machine, MachineDescription};

use super::list::parse_list;
use crate::{
    bounded_read::read_text,
    error::{Problem, ReadError},
    loaded::Loaded,
};

/// The limit of CPU numbers, Linux's largest `NR_CPUS` on x86-64.
pub(super) const MAX_CPUS: u32 = 8192;

/// The machine that a folder describes.
///
/// # Errors
/// A file of the folder is missing or wrong; the error names it.
pub fn sysfs(folder: &Path) -> Result<Loaded, ReadError> {
    let wrong = |error| Problem::Machine { section: "", error }.in_file(folder);
    let (machine, warning) = Machine::new(describe(folder)?).map_err(wrong)?;
    Ok(Loaded { machine, warning, kernel: None, record: None })
}

/// The content of a folder, before [`Machine::new`] validates it as a whole.
pub(super) fn describe(folder: &Path) -> Result<MachineDescription, ReadError> {
    let possible = nodes(&folder.join("possible"))?;
    let online = nodes(&folder.join("online"))?;
    if online.is_empty() {
        return Err(Problem::value("", "no node", "at least one").in_file(&folder.join("online")));
    }
    if let Some(node) = online.iter().find(|node| !possible.contains(node)) {
        let problem = Problem::value("", format_args!("node {node}"), "nodes of `possible` only");
        return Err(problem.in_file(&folder.join("online")));
    }
    let mut distance = Vec::with_capacity(online.len());
    let mut cpus = BTreeMap::new();
    for &node in &online {
        let folder = folder.join(format!("node{node}"));
        distance.push(distances(&folder.join("distance"), online.len())?);
        cpus.insert(node, list(&folder.join("cpulist"), MAX_CPUS)?);
    }
    Ok(MachineDescription {
        distance,
        cpus,
        has_cpu: nodes(&folder.join("has_cpu"))?,
        has_memory: nodes(&folder.join("has_memory"))?,
        possible: online.clone(),
        online,
        ..MachineDescription::default()
    })
}

/// A file that is one list of nodes.
fn nodes(path: &Path) -> Result<Vec<u32>, ReadError> {
    list(path, MAX_NODES as u32)
}

/// A file that is one list.
pub(super) fn list(path: &Path, limit: u32) -> Result<Vec<u32>, ReadError> {
    parse_list(&read_text(path)?, limit).map_err(|problem| problem.in_file(path))
}

/// A node's row of the distance matrix.
fn distances(path: &Path, nodes: usize) -> Result<Vec<u32>, ReadError> {
    let text = read_text(path)?;
    let row: Result<Vec<u32>, Problem> = text.split_ascii_whitespace().enumerate().map(distance).collect();
    let row = row.map_err(|problem| problem.in_file(path))?;
    if row.len() != nodes {
        let expected = format!("one for each of {nodes} online nodes");
        return Err(Problem::value("", format_args!("{} distances", row.len()), expected).in_file(path));
    }
    Ok(row)
}

/// A distance, as ACPI's SLIT has it: a byte, and at least 10.
fn distance((index, word): (usize, &str)) -> Result<u32, Problem> {
    match word.parse::<u8>() {
        Ok(distance) if distance >= LOCAL_DISTANCE => Ok(distance.into()),
        _ => Err(Problem::value(format!("entry {}", index + 1), format_args!("{word:?}"), "a distance, 10 to 255")),
    }
}
