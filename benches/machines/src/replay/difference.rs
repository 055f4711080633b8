//! What a record has, compared key by key with what we made of it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Golden, Step};

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

/// What a record was compared with, and found different.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Comparison {
    pub(super) differences: Vec<Difference>,
    /// Figures, names and states that were compared.
    pub(super) compared: usize,
}

impl Comparison {
    /// Compares the outcomes of the boot: what else the record has of it is what ours was made from.
    pub(super) fn boot(&mut self, golden: &Golden, ours: &Step) {
        let settled = golden.settled == Some(true);
        let recorded = Step {
            op: ours.op.clone(),
            fallback_order: golden.boot.fallback_order.clone().map(Some),
            policy_zone: golden.boot.policy_zone,
            zones: settled.then(|| golden.zones.clone()),
            ..Step::default()
        };
        self.compare(None, ours, recorded, settled);
    }

    /// Compares the outcomes of the steps, each given with its place in the record.
    pub(super) fn steps(&mut self, golden: &Golden, steps: &[(usize, Step)]) {
        let mut settled = golden.settled == Some(true);
        for (index, ours) in steps {
            settled |= ours.recomputes();
            self.compare(Some(*index), ours, golden.steps[*index].clone(), settled);
        }
    }

    /// Compares what the record has. Marks and reserves only where the kernel had computed them from the sizes of now.
    fn compare(&mut self, step: Option<usize>, ours: &Step, recorded: Step, settled: bool) {
        let (ours, recorded) = (keys(ours.clone(), settled), keys(recorded, settled));
        for (key, recorded) in recorded {
            let ours = ours.get(&key).cloned().unwrap_or(Value::Null);
            self.compared += leaves(&recorded);
            // A zone or block may be recorded in part; an order may not.
            let same = if key == "fallback_order" { ours == recorded } else { covers(&ours, &recorded) };
            if !same {
                self.differences.push(Difference { step, key, ours, recorded });
            }
        }
    }
}

/// Whether ours has all that is recorded, and has it the same.
fn covers(ours: &Value, recorded: &Value) -> bool {
    match (ours, recorded) {
        (Value::Object(ours), Value::Object(recorded)) => {
            recorded.iter().all(|(key, recorded)| ours.get(key).is_some_and(|ours| covers(ours, recorded)))
        }
        (Value::Array(ours), Value::Array(recorded)) => {
            ours.len() == recorded.len() && ours.iter().zip(recorded).all(|(ours, recorded)| covers(ours, recorded))
        }
        _ => ours == recorded,
    }
}

/// How many values it is made of; an empty list or object is one.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(entries) => entries.values().map(leaves).sum::<usize>().max(1),
        Value::Array(list) => list.iter().map(leaves).sum::<usize>().max(1),
        _ => 1,
    }
}

/// A step's keys, those that are sets in order.
fn keys(mut step: Step, settled: bool) -> Map<String, Value> {
    for set in [&mut step.online, &mut step.has_cpu, &mut step.has_memory] {
        set.iter_mut().for_each(|set| set.sort_unstable());
    }
    if let Some(zones) = &mut step.zones {
        zones.retain(|zone| zone.present > 0);
        zones.sort_by_key(|zone| (zone.node, zone.kind));
        if !settled {
            for zone in zones {
                (zone.min, zone.low, zone.high, zone.protection) = (None, None, None, None);
            }
        }
    }
    step.blocks_changed.iter_mut().for_each(|blocks| blocks.sort_by_key(|block| block.block));
    match serde_json::to_value(step) {
        Ok(Value::Object(mut keys)) => {
            // Inputs: ours are the record's.
            ["op", "block", "cpu", "name", "value", "pinned", "zone"]
                .iter()
                .for_each(|input| drop(keys.remove(*input)));
            keys
        }
        _ => Map::new(),
    }
}

impl Difference {
    /// The first place within the key's value in which the two differ, and what each has there.
    pub(super) fn narrowed(&self) -> (String, Value, Value) {
        let (mut place, mut ours, mut recorded) = (self.key.clone(), &self.ours, &self.recorded);
        loop {
            let inner = match (ours, recorded) {
                (Value::Object(a), Value::Object(b)) => b.iter().find_map(|(key, value)| {
                    let other = a.get(key)?;
                    (other != value).then(|| (format!("{place}.{key}"), other, value))
                }),
                (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                    let index = (0..a.len()).find(|&index| !covers(&a[index], &b[index]));
                    index.map(|index| (format!("{place}[{index}]"), &a[index], &b[index]))
                }
                _ => None,
            };
            match inner {
                Some(next) => (place, ours, recorded) = next,
                None => return (place, ours.clone(), recorded.clone()),
            }
        }
    }
}
