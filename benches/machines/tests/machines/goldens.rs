//! Every recorded machine: what the kernel recorded is what ours does, at boot and after each step.

use serde_json::{Map, Value};
use zonelist_core::Rules;
use zonelist_machines::{
    Golden,
    computed::{order, zoneinfo},
    replay::Replay,
};
use zonelist_schemes::SchemeId;

fn replay(file: &str, golden: &Golden, schemes: &[SchemeId]) -> Replay {
    Replay::of(golden, schemes).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The scheme that a replay goes through where it does not matter.
fn any() -> Vec<SchemeId> {
    SchemeId::all()[..1].to_vec()
}

#[test]
fn every_recorded_outcome_is_computed() {
    let (mut counts, mut compared) = (Counts::default(), 0);
    for (file, json) in crate::recorded::goldens() {
        let golden = Golden::parse(&json).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        let replay = replay(&file, &golden, &SchemeId::all());
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

/// A block that the kernel could not take off line for a page in use has one of ours: one that boot took, where the
/// rule has it ([`zonelist_core::hotplug::BootMemory`]), or one that is allocated, without which it would go.
#[test]
fn a_page_really_in_use_keeps_a_pinned_block_online() {
    let (mut said, mut pinned, mut by_boot, mut gone) = (0, 0, 0, 0);
    for (file, json) in crate::recorded::goldens() {
        let mut golden = Golden::parse(&json).unwrap();
        let of_record = golden.steps.iter().filter(|step| step.pinned).count();
        if of_record == 0 {
            continue;
        }
        said += of_record;
        let with = replay(&file, &golden, &any());
        (pinned, by_boot) = (pinned + with.pinned, by_boot + with.kept_by_boot);
        // What the record says of its outcome is still compared, and where boot put its memory.
        golden.steps.iter_mut().for_each(|step| step.pinned = false);
        let without = replay(&file, &golden, &any());
        gone += without.differences.iter().filter(|difference| difference.key == "result").count();
    }
    println!(
        "{said} steps said to meet a pinned block: {by_boot} a page of boot, {pinned} a page of ours; {gone} differ without"
    );
    assert_eq!(pinned + by_boot, said);
    // A block that goes is not there for the next step that is to meet it.
    assert!(pinned > 0 && gone >= pinned);
    // With boot's memory at the other end of each zone, 75 differed.
    assert!(pinned <= 47 && gone <= 52, "{pinned} and {gone}");
}

/// What the records have, toggles and other notes included.
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

/// A record with one outcome changed is told from ours, whichever it is.
#[test]
fn every_outcome_is_looked_at() {
    let record = |name: &str| crate::recorded::goldens().into_iter().find(|(file, _)| file == name).unwrap().1;
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
            let golden =
                Golden::parse(record.to_string().as_bytes()).unwrap_or_else(|problem| panic!("{path}: {problem}"));
            let differences = replay(name, &golden, &any()).differences;
            assert_eq!(differences.len(), 1, "{name} with another {path}: {differences:?}");
            changed += 1;
        }
    }
    assert!(changed > 300, "{changed}");
}

/// Lists of zones and nodes are sets, and so are compared; an order is not.
#[test]
fn sets_may_come_in_any_order() {
    let (_, json) = crate::recorded::goldens().into_iter().find(|(file, _)| file == "h01_seed_steps").unwrap();
    let differences = |edit: &dyn Fn(&mut Value)| {
        let mut record: Value = serde_json::from_slice(&json).unwrap();
        edit(&mut record);
        let golden = Golden::parse(record.to_string().as_bytes()).unwrap();
        replay("h01_seed_steps", &golden, &any()).differences
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

/// Paths of all values that are no list and no object, and of lists that are empty.
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
        // A block in no zone.
        _ => "Movable".into(),
    };
}

/// The keys that goldens/README.md lists as inputs; everything else is an outcome.
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

/// Those of a step.
const STEP_INPUTS: [&str; 7] = ["op", "block", "cpu", "name", "value", "pinned", "zone"];

#[test]
fn inputs_alone_make_the_same_machine() {
    let reports = |golden: &Golden| {
        let (machine, warning) = golden.machine().unwrap();
        let rules = Rules::LINUX_6_1;
        (order::Report::new(&machine, rules), zoneinfo::Report::new(&machine, rules).unwrap(), warning)
    };
    let mut unsettled = 0;
    for (file, json) in crate::recorded::goldens() {
        let whole = Golden::parse(&json).unwrap();
        let inputs = inputs_of(serde_json::from_slice(&json).unwrap()).to_string();
        let bare = Golden::parse(inputs.as_bytes()).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        assert_eq!(reports(&bare), reports(&whole), "{file}");
        assert!(bare.settled.is_none() && bare.steps.iter().all(|step| step.fallback_order.is_none()), "{file}");

        let (mut ours, mut from_inputs) = (replay(&file, &whole, &any()).steps, replay(&file, &bare, &any()).steps);
        if whole.settled == Some(false) {
            // Pages above the high marks of a boot that was not over: no input tells those marks.
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
