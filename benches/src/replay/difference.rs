//! What a record has, compared key by key with what we made of it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::machine::{Golden, Step};

/// A key that has one value in the record and another on our machine.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Difference {
    /// The step's place in the record, `null` for the boot.
    pub step: Option<usize>,
    /// The key.
    pub key: String,
    /// What we have.
    pub ours: Value,
    /// What was recorded.
    pub recorded: Value,
}

/// Differences of the boot.
pub(super) fn at_boot(golden: &Golden, ours: &Step) -> Vec<Difference> {
    let recorded = Step {
        op: ours.op.clone(),
        fallback_order: golden.boot.fallback_order.clone().map(Some),
        policy_zone: golden.boot.policy_zone,
        online: Some(golden.boot.online.clone()),
        has_cpu: Some(golden.boot.has_cpu.clone()),
        has_memory: Some(golden.boot.has_memory.clone()),
        sysctl: Some(golden.sysctl.clone()),
        zones: Some(golden.zones.clone()),
        ..Step::default()
    };
    compare(None, ours, &recorded, golden.settled == Some(true))
}

/// Differences of the steps, each given with its place in the record.
pub(super) fn of_steps(golden: &Golden, steps: &[(usize, Step)]) -> Vec<Difference> {
    let mut settled = golden.settled == Some(true);
    let mut differences = Vec::new();
    for (index, ours) in steps {
        settled |= ours.recomputes();
        differences.extend(compare(Some(*index), ours, &golden.steps[*index], settled));
    }
    differences
}

/// Compares what the record has. Marks and reserves only where the kernel had computed them from the sizes of now.
fn compare(step: Option<usize>, ours: &Step, recorded: &Step, settled: bool) -> Vec<Difference> {
    let (ours, recorded) = (keys(ours, settled), keys(recorded, settled));
    let differs = |(key, recorded): (String, Value)| {
        let ours = ours.get(&key).cloned().unwrap_or(Value::Null);
        (!covers(&ours, &recorded)).then_some(Difference { step, key, ours, recorded })
    };
    recorded.into_iter().filter_map(differs).collect()
}

/// Whether ours has all that is recorded, and has it the same.
fn covers(ours: &Value, recorded: &Value) -> bool {
    match (ours, recorded) {
        (Value::Object(ours), Value::Object(recorded)) if ours.len() >= recorded.len() => {
            recorded.iter().all(|(key, recorded)| ours.get(key).is_some_and(|ours| covers(ours, recorded)))
        }
        (Value::Array(ours), Value::Array(recorded)) => {
            ours.len() == recorded.len() && ours.iter().zip(recorded).all(|(ours, recorded)| covers(ours, recorded))
        }
        _ => ours == recorded,
    }
}

fn keys(step: &Step, settled: bool) -> Map<String, Value> {
    let Ok(Value::Object(mut keys)) = serde_json::to_value(step) else { return Map::new() };
    if let (false, Some(Value::Array(zones))) = (settled, keys.get_mut("zones")) {
        for zone in zones.iter_mut().filter_map(Value::as_object_mut) {
            zone.retain(|key, _| !["min", "low", "high", "protection"].contains(&key.as_str()));
        }
    }
    keys
}
