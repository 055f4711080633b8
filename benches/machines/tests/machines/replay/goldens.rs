//! Replays of every recorded machine: our outcomes are the recorded ones, at boot and after each step.

use serde_json::{Map, Value};
use zonelist_core::topology::{NodeLoad, Rules};
use zonelist_machines::{
    LinuxRules, MachineFile, MachineRecord,
    computed::{fallback_order, zoneinfo},
    replay::Replay,
};
use zonelist_schemes::SchemeId;

fn validated(file: &str, machine: MachineFile) -> MachineRecord {
    machine.validate().unwrap_or_else(|problem| panic!("{file}: {problem}"))
}

fn replay(file: &str, record: &MachineRecord, schemes: &[SchemeId]) -> Replay {
    Replay::of(record, schemes, rules_of(record)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The rules of the record's kernel, which it names.
fn rules_of(record: &MachineRecord) -> LinuxRules {
    let (rules, warning) = LinuxRules::of_kernel(record.file().kernel.as_deref());
    assert_eq!(warning, None);
    rules
}

/// One scheme, for replays whose outcome does not depend on it.
fn any() -> Vec<SchemeId> {
    SchemeId::all()[..1].to_vec()
}

#[test]
fn every_recorded_outcome_is_ours_through_every_scheme() {
    let (mut counts, mut compared) = (Counts::default(), 0);
    for (nth, (file, json)) in crate::fixtures::goldens().into_iter().enumerate() {
        let record = MachineRecord::parse(&json).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        // Each file through a few schemes, starting with another one; in the long form through all of them.
        let mut schemes = SchemeId::all();
        let all = schemes.len();
        schemes.rotate_left(nth % all);
        schemes.truncate(if file.starts_with('v') { zonelist_verify::cases(all as u32, 5) as usize } else { all });
        let replay = replay(&file, &record, &schemes);
        assert_eq!(replay.differences, [], "{file}");
        counts.add(&serde_json::from_slice(&json).unwrap());
        counts.steps += replay.steps.len();
        compared += replay.compared;
    }
    println!("{counts:?}, {compared} values compared");
    assert!(compared >= 51_715 + 198_425);
    assert!(counts.steps >= 441 + 1443 && counts.results >= 441 + 1443);
    assert!(counts.orders >= 144 + 161 + 517, "one at each boot and each recorded rebuild");
    assert!(counts.totals >= 161 + 517 && counts.policy_zones >= 144 + 161 + 517 && counts.built >= 161 + 517);
    assert!(counts.zones >= 2000 + 8000);
}

/// A block that the kernel could not take offline because a page was in use has a page in use here, too. That page is
/// allocated by boot, as [`zonelist_core::hotplug::BootMemory`] describes, or by the replay. Without the page of the
/// replay, the block goes offline.
#[test]
fn an_allocated_page_keeps_a_pinned_block_online() {
    let (mut recorded, mut pinned, mut by_boot, mut differing) = (0, 0, 0, 0);
    for (file, json) in crate::fixtures::goldens() {
        let mut machine = MachineFile::parse(&json).unwrap();
        let pinned_steps = machine.steps.iter().filter(|step| step.pinned).count();
        if pinned_steps == 0 {
            continue;
        }
        recorded += pinned_steps;
        let with = replay(&file, &validated(&file, machine.clone()), &any());
        (pinned, by_boot) = (pinned + with.pinned, by_boot + with.kept_by_boot);
        // Without the input `pinned`, the recorded results are still compared.
        machine.steps.iter_mut().for_each(|step| step.pinned = false);
        let without = replay(&file, &validated(&file, machine), &any());
        differing += without.differences.iter().filter(|difference| difference.key == "result").count();
    }
    println!(
        "{recorded} pinned steps: {by_boot} by boot memory, {pinned} by a page of ours; {differing} differ without"
    );
    assert_eq!(pinned + by_boot, recorded);
    // A block that goes offline too early makes later steps of the same block differ, too.
    assert!(pinned > 0 && differing >= pinned);
    // More of them would show that boot memory is at the wrong end of a zone.
    assert!(pinned <= 124 && differing <= 168, "{pinned} and {differing}");
}

/// Counts of recorded outcomes, those of notes included.
#[derive(Default, Debug)]
struct Counts {
    steps: usize,
    results: usize,
    orders: usize,
    totals: usize,
    policy_zones: usize,
    built: usize,
    zones: usize,
}

impl Counts {
    fn add(&mut self, golden: &Value) {
        let steps = golden["steps"].as_array().unwrap();
        let count = |key: &str| steps.iter().filter(|step| !step[key].is_null()).count();
        self.results += count("result");
        self.orders += count("fallback_order") + 1;
        self.totals += count("total_pages");
        self.policy_zones += count("policy_zone") + 1;
        self.built += count("built");
        self.zones += steps.iter().map(|step| step["zones"].as_array().unwrap().len()).sum::<usize>();
    }
}

/// Each rule in which the recorded kernels differ is needed: with its other value some outcome of this record differs.
#[test]
fn each_rule_is_needed() {
    type Change = fn(&mut Rules);
    let needed: [(&str, Change); 9] = [
        ("v612_b17_movablecore", |rules| rules.movable_has_share ^= true),
        ("v612_b12_memoryless_node0", |rules| rules.memoryless_nodes_listed ^= true),
        ("v612_h24_node_hot_added", |rules| rules.emptied_nodes_listed ^= true),
        ("b01_one_node", |rules| rules.boot_total_is_present ^= true),
        ("v73_h31_sysctl_edges", |rules| rules.checks_reserve_ratios ^= true),
        ("v61_h22_auto_movable_blocks", |rules| rules.auto_movable ^= true),
        ("v612_h31_sysctl_edges", |rules| rules.max_watermark_scale_factor = 1000),
        ("h01_seed_steps", |rules| rules.hotplug_regards_huge_pages ^= true),
        ("b05_eight_boards", |rules| rules.node_load = NodeLoad::SetDescending),
    ];
    for (name, change) in needed {
        let (_, json) = crate::fixtures::goldens().into_iter().find(|(file, _)| file == name).unwrap();
        let record = MachineRecord::parse(&json).unwrap();
        let mut rules = rules_of(&record);
        assert_eq!(Replay::of(&record, &any(), rules).unwrap().differences, [], "{name}");
        change(&mut rules.rules);
        let changed = Replay::of(&record, &any(), rules).unwrap();
        assert_ne!(changed.differences, [], "{name} with {:?}", rules.rules);
    }
}

/// Known DIMMs determine the policy's choice: a recorded zone is not read, and without the DIMMs it is.
#[test]
fn auto_movable_is_computed_from_dimms() {
    for name in ["v61_h22_auto_movable_blocks", "v612_h22_auto_movable_blocks", "v73_h13_auto_movable"] {
        let (_, json) = crate::fixtures::goldens().into_iter().find(|(file, _)| file == name).unwrap();
        let whole: Value = serde_json::from_slice(&json).unwrap();
        let differences = |edit: &dyn Fn(&mut Value)| {
            let mut record = whole.clone();
            edit(&mut record);
            let record = MachineRecord::parse(record.to_string().as_bytes()).unwrap();
            replay(name, &record, &any()).differences.len()
        };
        let set_zones = |record: &mut Value, kind: &str| {
            for step in record["steps"].as_array_mut().unwrap().iter_mut().filter(|step| step["op"] == "online") {
                step["zone"] = kind.into();
            }
        };
        for kind in ["Normal", "Movable"] {
            assert_eq!(differences(&|record| set_zones(record, kind)), 0, "{name}");
        }
        let without_dimms = |record: &mut Value| {
            set_zones(record, "DMA32");
            record.as_object_mut().unwrap().remove("dimms");
        };
        assert!(differences(&without_dimms) > 0, "{name}");
    }
}

/// One changed outcome in a record is one difference, of any kind of outcome.
#[test]
fn every_changed_outcome_is_a_difference() {
    let record = |name: &str| crate::fixtures::goldens().into_iter().find(|(file, _)| file == name).unwrap().1;
    let mut changed = 0;
    // Of the last machine only the boot differs in kind.
    for (name, steps) in [("h01_seed_steps", 3), ("h08_errors", 3), ("h10_sysctl", 3), ("v612_h24_node_hot_added", 0)] {
        let whole: Value = serde_json::from_slice(&record(name)).unwrap();
        let mut outcomes = vec!["/boot/fallback_order/1/1".into(), "/boot/policy_zone".into(), "/zones/1/low".into()];
        if name.starts_with("v612") {
            let boot = ["total_pages", "later_builds/0/built", "later_builds/0/fallback_order/4/0"];
            outcomes.extend(boot.map(|key| format!("/boot/{key}")));
        }
        for (index, step) in whole["steps"].as_array().unwrap().iter().enumerate().take(steps) {
            let outcome = |(key, value): &(&String, &Value)| !STEP_INPUTS.contains(&key.as_str()) && !value.is_null();
            let keys = step.as_object().unwrap().iter().filter(outcome);
            outcomes.extend(keys.flat_map(|(key, value)| leaves(value, format!("/steps/{index}/{key}"))));
        }
        for path in outcomes {
            let mut record = whole.clone();
            change(record.pointer_mut(&path).unwrap_or_else(|| panic!("{path}")));
            let record = MachineRecord::parse(record.to_string().as_bytes())
                .unwrap_or_else(|problem| panic!("{path}: {problem}"));
            let differences = replay(name, &record, &any()).differences;
            assert_eq!(differences.len(), 1, "{name} with another {path}: {differences:?}");
            changed += 1;
        }
    }
    assert!(changed > 300, "{changed}");
}

/// Lists of zones and nodes are compared as sets; a fallback order is compared as a sequence.
#[test]
fn sets_compare_in_any_sequence_and_fallback_orders_do_not() {
    let (_, json) = crate::fixtures::goldens().into_iter().find(|(file, _)| file == "h01_seed_steps").unwrap();
    let differences = |edit: &dyn Fn(&mut Value)| {
        let mut record: Value = serde_json::from_slice(&json).unwrap();
        edit(&mut record);
        let record = MachineRecord::parse(record.to_string().as_bytes()).unwrap();
        replay("h01_seed_steps", &record, &any()).differences
    };
    let reverse = |record: &mut Value, path: &str| record.pointer_mut(path).unwrap().as_array_mut().unwrap().reverse();
    let sets = ["/zones", "/blocks", "/boot/online", "/boot/has_memory", "/steps/0/zones", "/steps/0/online"];
    assert_eq!(differences(&|record| sets.iter().for_each(|path| reverse(record, path))), []);
    assert_eq!(differences(&|record| reverse(record, "/boot/fallback_order/1")).len(), 1);
    assert_eq!(differences(&|record| record["steps"][0]["fallback_order"] = Map::new().into()).len(), 1);
    let empty = r#"{"node":0,"kind":"Movable","start_pfn":0,"spanned":0,"present":0,"managed":0}"#;
    let add = |record: &mut Value| {
        record["zones"].as_array_mut().unwrap().push(serde_json::from_str(empty).unwrap());
    };
    assert_eq!(differences(&add), []);
}

/// Paths of all values that are neither list nor object, and of empty lists.
fn leaves(value: &Value, path: String) -> Vec<String> {
    match value {
        Value::Object(entries) => {
            entries.iter().flat_map(|(key, value)| leaves(value, format!("{path}/{key}"))).collect()
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().flat_map(|(index, value)| leaves(value, format!("{path}/{index}"))).collect()
        }
        _ => vec![path],
    }
}

/// Another value of the same type.
fn change(value: &mut Value) {
    *value = match value {
        Value::Number(number) => (number.as_u64().unwrap() + 1).into(),
        Value::String(word) => match word.as_str() {
            "online" => "offline",
            "offline" => "online",
            "ok" | "EINVAL" | "EBUSY" => "ENOENT",
            "Movable" => "Normal",
            _ => "Movable",
        }
        .into(),
        Value::Array(_) => vec![Value::from(Map::from_iter([
            ("block".into(), 34.into()),
            ("node".into(), 1.into()),
            ("state".into(), "online".into()),
        ]))]
        .into(),
        // The zone of an offline block, which is null.
        _ => "Movable".into(),
    };
}

/// The keys that goldens/README.md lists as inputs; all others are outcomes.
const INPUTS: [&str; 16] = [
    "kernel",
    "dimms",
    "page_bytes",
    "block_pages",
    "pageblock_pages",
    "zone_kinds",
    "possible",
    "distance",
    "cpus",
    "thp",
    "boot_options",
    "sysctl",
    "blocks",
    "blocks_with_holes",
    "buddy",
    "boot",
];

/// The input keys of a step.
const STEP_INPUTS: [&str; 7] = ["op", "block", "cpu", "name", "value", "pinned", "zone"];

#[test]
fn inputs_alone_make_the_same_machine() {
    let reports = |record: &MachineRecord| {
        let (machine, rules) = (record.machine(), rules_of(record).rules);
        let zones = zoneinfo::Report::new(machine, rules).unwrap();
        (fallback_order::Report::new(machine, rules), zones)
    };
    let mut unsettled = 0;
    for (file, json) in crate::fixtures::goldens() {
        let whole = MachineRecord::parse(&json).unwrap();
        let inputs = inputs_of(serde_json::from_slice(&json).unwrap()).to_string();
        let bare = MachineRecord::parse(inputs.as_bytes()).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        assert_eq!(reports(&bare), reports(&whole), "{file}");
        let without_outcomes = bare.steps().all(|(step, _)| step.fallback_order.is_none());
        assert!(bare.file().settled.is_none() && without_outcomes, "{file}");

        let (ours, from_inputs) = (replay(&file, &whole, &any()), replay(&file, &bare, &any()));
        assert_eq!(from_inputs.boot, ours.boot, "{file}");
        let (mut ours, mut from_inputs) = (ours.steps, from_inputs.steps);
        if whole.file().settled == Some(false) {
            // The total counts pages above watermarks of an unfinished boot, which follow from no input.
            unsettled += 1;
            ours[0].total_pages = None;
            from_inputs[0].total_pages = None;
        }
        assert_eq!(from_inputs, ours, "{file}");
    }
    assert_eq!(unsettled, 4);
}

fn inputs_of(golden: Value) -> Value {
    let keep = |value: &Value, keys: &[&str]| -> Value {
        let entries = value.as_object().unwrap().iter().filter(|(key, _)| keys.contains(&key.as_str()));
        entries.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let keep_each = |list: &Value, keys: &[&str]| -> Value {
        list.as_array().unwrap().iter().map(|entry| keep(entry, keys)).collect()
    };
    let mut inputs = keep(&golden, &INPUTS);
    inputs["boot"] = keep(&golden["boot"], &["online", "has_cpu", "has_memory"]);
    inputs["zones"] = keep_each(&golden["zones"], &["node", "kind", "start_pfn", "spanned", "present", "managed"]);
    inputs["steps"] = keep_each(&golden["steps"], &STEP_INPUTS);
    inputs
}
