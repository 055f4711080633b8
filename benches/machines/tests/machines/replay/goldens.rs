//! Replays of every recorded machine: our outcomes are the recorded ones, at boot and after each step.

use serde_json::{Map, Value};
use zonelist_core::topology::Rules;
use zonelist_machines::{
    MachineFile, MachineRecord,
    computed::{fallback_order, zoneinfo},
    replay::Replay,
};
use zonelist_schemes::SchemeId;

fn validated(file: &str, machine: MachineFile) -> MachineRecord {
    machine.validate().unwrap_or_else(|problem| panic!("{file}: {problem}"))
}

fn replay(file: &str, record: &MachineRecord, schemes: &[SchemeId]) -> Replay {
    Replay::of(record, schemes).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// One scheme, for replays whose outcome does not depend on it.
fn any() -> Vec<SchemeId> {
    SchemeId::all()[..1].to_vec()
}

#[test]
fn every_recorded_outcome_is_ours_through_every_scheme() {
    let (mut counts, mut compared) = (Counts::default(), 0);
    for (file, json) in crate::fixtures::goldens() {
        let record = MachineRecord::parse(&json).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        let replay = replay(&file, &record, &SchemeId::all());
        assert_eq!(replay.differences, [], "{file}");
        counts.add(&serde_json::from_slice(&json).unwrap());
        counts.steps += replay.steps.len();
        compared += replay.compared;
    }
    println!("{counts:?}, {compared} values compared");
    assert!(compared >= 51_715);
    assert!(counts.steps >= 441 && counts.results >= 441);
    assert!(counts.orders >= 70 + 161, "one at each boot and each recorded rebuild");
    assert!(counts.totals >= 161 && counts.policy_zones >= 70 + 161 && counts.built >= 161);
    assert!(counts.zones >= 2000);
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
    // With boot memory at the other end of each zone, 75 differed.
    assert!(pinned <= 47 && differing <= 52, "{pinned} and {differing}");
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

/// One changed outcome in a record is one difference, whichever outcome it is.
#[test]
fn every_changed_outcome_is_a_difference() {
    let record = |name: &str| crate::fixtures::goldens().into_iter().find(|(file, _)| file == name).unwrap().1;
    let mut changed = 0;
    for name in ["h01_seed_steps", "h08_errors", "h10_sysctl"] {
        let whole: Value = serde_json::from_slice(&record(name)).unwrap();
        let mut outcomes = vec!["/boot/fallback_order/1/1".into(), "/boot/policy_zone".into(), "/zones/1/low".into()];
        for (index, step) in whole["steps"].as_array().unwrap().iter().enumerate().take(3) {
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
const INPUTS: [&str; 14] = [
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
        let (machine, rules) = (record.machine(), Rules::LINUX_6_1);
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

        let (mut ours, mut from_inputs) = (replay(&file, &whole, &any()).steps, replay(&file, &bare, &any()).steps);
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
