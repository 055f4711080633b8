//! The command `machines`.

use zonelist_machines::Builtin;

use crate::run::{json, succeed};

#[test]
fn each_built_in_machine_is_a_line_and_can_be_drawn() {
    let listed = json(&["machines", "--json"]);
    let lines = succeed(&["machines"]).stdout;
    assert_eq!((listed.as_array().unwrap().len(), lines.lines().count()), (Builtin::ALL.len(), Builtin::ALL.len()));
    for (entry, builtin) in listed.as_array().unwrap().iter().zip(Builtin::ALL) {
        assert_eq!((entry["name"].as_str(), entry["description"].as_str()), (Some(builtin.name), Some(builtin.about)));
        assert!(lines.contains(builtin.name));
        let picture = json(&["machines", "--machine", builtin.name, "--json"]);
        assert_eq!(
            picture["nodes"].as_array().unwrap().len() as u64,
            entry["nodes"].as_u64().unwrap(),
            "{}",
            builtin.name
        );
        let order = json(&["order", "--machine", builtin.name, "--json"]);
        let drawn: Vec<&String> = picture["lists"].as_object().unwrap().keys().collect();
        assert_eq!(drawn, order["rebuilt"].as_object().unwrap().keys().collect::<Vec<_>>(), "{}", builtin.name);
    }
}

#[test]
fn a_picture_has_distances_contents_and_lists() {
    let text = succeed(&["machines", "--machine", "offline-node"]).stdout;
    let picture = "\
Distances from each node (row) to each node (column), and what it has:

          0    1    2    3    4
    0    10   20   20   20   20   1 CPU, Normal 128.0 MiB
    1    20   10   20   20   20   offline
    2    20   20   10   20   20   1 CPU, Normal 128.0 MiB
    3    20   20   20   10   20   1 CPU, Normal 128.0 MiB
    4    20   20   20   20   10   1 CPU, Normal 128.0 MiB

The list of each node after a rebuild, nearest first, with the distance before each group:

    0   10: 0/Normal  20: 2/Normal 3/Normal 4/Normal
    1   20: 3/Normal 4/Normal 2/Normal 0/Normal
    2   10: 2/Normal  20: 4/Normal 3/Normal 0/Normal
    3   10: 3/Normal  20: 4/Normal 0/Normal 2/Normal
    4   10: 4/Normal  20: 0/Normal 2/Normal 3/Normal
";
    assert_eq!(text, picture);
    let old = succeed(&["machines", "--machine", "offline-node", "--rules", "4.14"]).stdout;
    assert!(old.ends_with("Offline, and without a list by these rules: 1\n"), "{old}");
}

/// Each built-in machine shows what its line says.
#[test]
fn the_machines_show_what_they_are_chosen_for() {
    let picture = |name| json(&["machines", "--machine", name, "--json"]);
    let list = |name, node: &str| {
        let groups = picture(name)["lists"][node].clone();
        let entries = groups.as_array().unwrap().iter().flat_map(|group| group["entries"].as_array().unwrap().clone());
        entries.map(|entry| entry.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(list("memoryless-boot", "0").iter().all(|zone| !zone.starts_with("0/")));
    assert!(list("fake-numa", "3").len() == 8 && picture("fake-numa")["nodes"][7]["cpus"] == 4);
    assert_eq!(list("near-far", "0")[..2], ["0/Normal", "0/DMA32"]);
    // Four nodes of DDR come first, of which node 0 has three zones.
    let fast = list("two-tier", "2").iter().position(|zone| zone == "6/Normal");
    assert_eq!(fast, Some(6));
}
