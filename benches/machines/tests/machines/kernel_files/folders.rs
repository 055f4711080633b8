//! Folders of real machines, and the files that a kernel prints for a machine file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use zonelist_machines::MachineFile;

/// A folder of a real machine, with its orders by another implementation.
#[derive(Deserialize)]
pub(crate) struct RealFolder {
    pub(crate) name: String,
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) orders: Option<Value>,
}

/// Every folder of a real machine, and some of one peculiarity each.
pub(crate) fn real_folders() -> Vec<RealFolder> {
    serde_json::from_str(include_str!("../../../real/folders.json")).unwrap()
}

/// The folder that a kernel prints for a machine: distances of online nodes only.
pub(crate) fn printed(file: &MachineFile) -> BTreeMap<String, String> {
    let list = |nodes: &[u32]| nodes.iter().map(u32::to_string).collect::<Vec<_>>().join(",") + "\n";
    let mut files: BTreeMap<String, String> = [
        ("possible", &file.possible),
        ("online", &file.boot.online),
        ("has_cpu", &file.boot.has_cpu),
        ("has_memory", &file.boot.has_memory),
    ]
    .map(|(name, nodes)| (name.into(), list(nodes)))
    .into();
    let online = |node: &u32| file.boot.online.contains(node);
    for (from, row) in file.possible.iter().zip(&file.distance).filter(|(from, _)| online(from)) {
        let columns = file.possible.iter().zip(row).filter(|(to, _)| online(to));
        let columns: Vec<String> = columns.map(|(_, distance)| distance.to_string()).collect();
        files.insert(format!("node{from}/distance"), columns.join(" ") + "\n");
        let cpus = file.cpus.0.get(from).filter(|_| file.boot.has_cpu.contains(from));
        files.insert(format!("node{from}/cpulist"), list(cpus.map_or(&[], Vec::as_slice)));
    }
    files
}
