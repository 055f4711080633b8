//! Every recorded machine: what the kernel printed is what the model computes.

mod common;

use std::fmt::{Debug, Write};

use serde_json::Value;
use zonelist_bench::{
    commands::{order, zoneinfo},
    machine::{ByNode, Golden, Kind, Operation, Step, Sysctl, Zone},
};
use zonelist_core::{
    FallbackOrder, Machine, NodeId, NodeSet, OrderInput, Rules, ZoneId, ZoneKind, lowmem_reserve, policy_zone,
    total_pages, watermarks,
};

#[test]
fn every_recorded_outcome_is_computed() {
    let mut judge = Judge::default();
    for (file, json) in common::goldens() {
        let golden = Golden::parse(&json).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        let (machine, _) = golden.machine().unwrap_or_else(|problem| panic!("{file}: {problem}"));
        judge.place = format!("{file}: boot");
        let mut state = State::booted(&golden, &mut judge, &machine);
        for (index, step) in golden.steps.iter().enumerate() {
            judge.place = format!("{file}: steps[{index}] ({})", step.op);
            state = state.after(step, &golden, &mut judge, &machine);
        }
    }
    let Judge { orders, rows, zones, totals, policy_zones, built, differences, .. } = judge;
    println!("{orders} orders of {rows} rows, {zones} zones, {totals} totals, {policy_zones} policy zones compared");
    assert!(differences.is_empty(), "differences:\n{differences}");
    assert!(orders >= 70 + 161, "one at each boot and each recorded rebuild");
    assert!(rows >= 277 + 624, "one for each node of these");
    assert!(totals >= 150 && policy_zones >= 70 + 161 && built >= 161);
    assert!(zones >= 2000, "marks and reserves of every settled zone");
}

/// What was compared, and what was found different.
#[derive(Default)]
struct Judge {
    place: String,
    orders: usize,
    rows: usize,
    zones: usize,
    totals: usize,
    policy_zones: usize,
    built: usize,
    differences: String,
}

impl Judge {
    fn compare<T: PartialEq + Debug>(&mut self, key: &str, ours: T, recorded: T) {
        if ours != recorded {
            writeln!(self.differences, "{}: {key}: ours {ours:?}, recorded {recorded:?}", self.place).unwrap();
        }
    }

    fn order(&mut self, ours: &FallbackOrder, recorded: &ByNode<Vec<u32>>) {
        self.orders += 1;
        self.rows += recorded.0.len();
        let numbers = |row: &[NodeId]| row.iter().map(|node| node.number().into()).collect();
        let ours = ours.rows().map(|(node, row)| (node.number().into(), numbers(row))).collect();
        self.compare("fallback_order", ByNode(ours), recorded.clone());
    }

    fn policy_zone(&mut self, ours: ZoneKind, recorded: Option<Kind>) {
        self.policy_zones += 1;
        self.compare("policy_zone", Some(Kind(ours)), recorded);
    }

    /// Marks and reserves of a settled state.
    fn tables(&mut self, golden: &Golden, zones: &[Zone], sysctl: &Sysctl) {
        let memory = golden.memory(zones, sysctl).unwrap();
        for ((zone, size), marks) in zones.iter().zip(&memory.zones).zip(watermarks(&memory)) {
            self.zones += 1;
            let name = size.zone.to_string();
            let ours = (Some(marks.min), Some(marks.low), Some(marks.high));
            self.compare(&format!("{name} min, low, high"), ours, (zone.min, zone.low, zone.high));
            let protection = Some(lowmem_reserve(&memory, size.zone, Rules::LINUX_6_1));
            self.compare(&format!("{name} protection"), protection, zone.protection.clone());
        }
    }
}

/// The machine between two steps, as the model follows it.
struct State {
    has_memory: NodeSet,
    /// Each zone's high mark: ours if settled, else as recorded.
    high: Vec<(ZoneId, u64)>,
    policy_zone: ZoneKind,
    settled: bool,
}

impl State {
    fn booted(golden: &Golden, judge: &mut Judge, machine: &Machine) -> Self {
        let recorded = golden.boot.fallback_order.as_ref().expect("every boot logs it");
        judge.order(&FallbackOrder::at_boot(machine, Rules::LINUX_6_1), recorded);
        let policy_zone = policy_zone(ZoneKind::Dma, &machine.memory().unwrap().zones);
        judge.policy_zone(policy_zone, golden.boot.policy_zone);
        let settled = golden.settled == Some(true);
        if settled {
            judge.tables(golden, &golden.zones, &golden.sysctl);
        }
        let high = high_marks(golden, &golden.zones, &golden.sysctl, settled);
        Self { has_memory: *machine.has_memory(), high, policy_zone, settled }
    }

    fn after(self, step: &Step, golden: &Golden, judge: &mut Judge, machine: &Machine) -> Self {
        let (zones, sysctl) = (step.zones.as_ref().unwrap(), step.sysctl.as_ref().unwrap());
        let settled = self.settled || step.recomputes();
        if settled {
            judge.tables(golden, zones, sysctl);
        }
        let has_memory = nodes(step.has_memory.as_ref().unwrap());
        let high = high_marks(golden, zones, sysctl, settled);
        let sizes = golden.memory(zones, sysctl).unwrap().zones;
        let mut policy = self.policy_zone;
        if let Some(Some(recorded)) = &step.fallback_order {
            // A node that comes is a node with memory before the rebuild, one that goes is it until after.
            let either = self.has_memory.iter().chain(has_memory.iter()).collect();
            let online = nodes(step.online.as_ref().unwrap());
            let has_cpu = nodes(step.has_cpu.as_ref().unwrap());
            let input =
                OrderInput { online: online.len(), has_cpu: &has_cpu, has_memory: &either, ..OrderInput::of(machine) };
            judge.order(&FallbackOrder::build(input, Rules::LINUX_6_1), recorded);
            policy = policy_zone(policy, &sizes);
            judge.policy_zone(policy, step.policy_zone);
            judge.built += 1;
            judge.compare("built", Some(online.len() as u64), step.built);
            if let Ok(Operation::Block { word, .. }) = step.operation() {
                let seen = if word == "offline" { &high } else { &self.high };
                let mark = |zone| seen.iter().find(|(other, _)| *other == zone).map_or(0, |(_, mark)| *mark);
                judge.totals += 1;
                judge.compare("total_pages", Some(total_pages(&sizes, mark)), step.total_pages);
            }
        }
        Self { has_memory, high, policy_zone: policy, settled }
    }
}

fn high_marks(golden: &Golden, zones: &[Zone], sysctl: &Sysctl, settled: bool) -> Vec<(ZoneId, u64)> {
    let memory = golden.memory(zones, sysctl).unwrap();
    let ours = watermarks(&memory);
    let mark = |(index, zone): (usize, &Zone)| if settled { ours[index].high } else { zone.high.unwrap() };
    memory.zones.iter().map(|size| size.zone).zip(zones.iter().enumerate().map(mark)).collect()
}

fn nodes(numbers: &[u32]) -> NodeSet {
    numbers.iter().map(|&number| NodeId::new(number as u16).unwrap()).collect()
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

#[test]
fn inputs_alone_make_the_same_machine() {
    let reports = |golden: &Golden| {
        let (machine, warning) = golden.machine().unwrap();
        let rules = Rules::LINUX_6_1;
        (order::Report::new(&machine, rules), zoneinfo::Report::new(&machine, rules).unwrap(), warning)
    };
    for (file, json) in common::goldens() {
        let whole = Golden::parse(&json).unwrap();
        let inputs = inputs_of(serde_json::from_slice(&json).unwrap()).to_string();
        let bare = Golden::parse(inputs.as_bytes()).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        assert_eq!(reports(&bare), reports(&whole), "{file}");
        assert!(bare.settled.is_none() && bare.steps.iter().all(|step| step.fallback_order.is_none()), "{file}");
        for (bare, whole) in bare.steps.iter().zip(&whole.steps) {
            assert_eq!(bare.operation().unwrap(), whole.operation().unwrap(), "{file}");
            assert_eq!((bare.pinned, bare.zone), (whole.pinned, whole.zone), "{file}");
        }
    }
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
    inputs["steps"] = keep_each(&golden["steps"], &["op", "block", "cpu", "name", "value", "pinned", "zone"]);
    inputs
}
