//! The recorded machines, and what must work for every machine.

use std::{collections::HashSet, fs, path::PathBuf};

use zonelist_core::{
    NodeId,
    topology::{Machine, Rules},
};
use zonelist_machines::computed::{fallback_order, zoneinfo};

/// Every recorded machine: the name of its file, and the content.
pub(crate) fn goldens() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../goldens");
    let mut files = Vec::new();
    for folder in [folder.clone(), folder.join("newer")] {
        files.extend(fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(files.len() >= 70 + 74, "{}: {} machines, expected at least 144", folder.display(), files.len());
    let read = |file: PathBuf| (file.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&file).unwrap());
    files.into_iter().map(read).collect()
}

/// Computes and prints everything that the command derives from a machine, and checks what holds for every machine.
pub(crate) fn assert_computes(machine: &Machine) {
    for (_, rules) in Rules::TABLE {
        let orders = fallback_order::Report::new(machine, rules);
        for rows in [&orders.boot, &orders.rebuilt] {
            let listed = if rules.offline_nodes_have_lists { machine.nodes().len() } else { machine.online().len() };
            assert_eq!(rows.len(), listed);
            for (node, row) in rows {
                let id = NodeId::new(*node).unwrap();
                let has_own = rules.memoryless_nodes_listed || machine.has_memory().contains(id);
                assert_eq!(row.first() == Some(node), has_own, "a node's row begins with it");
                assert!(has_own || !row.contains(node));
                assert_eq!(row.iter().collect::<HashSet<_>>().len(), row.len(), "and names each node once");
            }
        }
        assert!(!orders.to_string().is_empty() && serde_json::to_value(&orders).is_ok());
        let zones = zoneinfo::Report::new(machine, rules);
        assert_eq!(zones.is_some(), machine.memory().is_some());
        if let Some(zones) = zones {
            assert!(zones.zones.iter().all(|zone| zone.min <= zone.low && zone.low <= zone.high));
            assert!(!zones.to_string().is_empty() && serde_json::to_value(&zones).is_ok());
        }
    }
}
