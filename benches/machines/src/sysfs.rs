//! A folder in the layout of `/sys/devices/system/node`.
//!
//! Read are `possible`, `online`, `has_cpu`, `has_memory`, and `distance` and `cpulist` of each online
//! node. The kernel gives distances between online nodes only, so these are the machine's nodes: one
//! that is possible and not online has no fallback order here. Sizes of zones are not in the folder.

use std::{collections::BTreeMap, path::Path};

use zonelist_core::{LOCAL_DISTANCE, MAX_NODES, Machine, MachineDescription};

use super::{Loaded, Problem, ReadError, list::parse_list, read_text};

/// CPU numbers are below this, as on any Linux.
pub(super) const MAX_CPUS: u32 = 8192;

/// The machine that a folder describes.
///
/// # Errors
/// Names the file of the folder that is missing or wrong.
pub fn sysfs(folder: &Path) -> Result<Loaded, ReadError> {
    let wrong = |error| Problem::Machine { section: "", error }.of(folder);
    let (machine, warning) = Machine::new(describe(folder)?).map_err(wrong)?;
    Ok(Loaded { machine, warning, golden: None })
}

/// What a folder says, before it is checked as a whole.
pub(super) fn describe(folder: &Path) -> Result<MachineDescription, ReadError> {
    let possible = nodes(&folder.join("possible"))?;
    let online = nodes(&folder.join("online"))?;
    if online.is_empty() {
        return Err(Problem::value("", "no node", "at least one").of(&folder.join("online")));
    }
    if let Some(node) = online.iter().find(|node| !possible.contains(node)) {
        let problem = Problem::value("", format_args!("node {node}"), "nodes of `possible` only");
        return Err(problem.of(&folder.join("online")));
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

fn nodes(path: &Path) -> Result<Vec<u32>, ReadError> {
    list(path, MAX_NODES as u32)
}

/// A file that is one list.
pub(super) fn list(path: &Path, limit: u32) -> Result<Vec<u32>, ReadError> {
    parse_list(&read_text(path)?, limit).map_err(|problem| problem.of(path))
}

/// A node's row of the matrix.
fn distances(path: &Path, nodes: usize) -> Result<Vec<u32>, ReadError> {
    let text = read_text(path)?;
    let row: Result<Vec<u32>, Problem> = text.split_ascii_whitespace().enumerate().map(distance).collect();
    let row = row.map_err(|problem| problem.of(path))?;
    if row.len() != nodes {
        let expected = format!("one for each of {nodes} online nodes");
        return Err(Problem::value("", format_args!("{} distances", row.len()), expected).of(path));
    }
    Ok(row)
}

fn distance((index, word): (usize, &str)) -> Result<u32, Problem> {
    match word.parse::<u8>() {
        Ok(distance) if distance >= LOCAL_DISTANCE => Ok(distance.into()),
        _ => Err(Problem::value(format!("entry {}", index + 1), format_args!("{word:?}"), "a distance, 10 to 255")),
    }
}
