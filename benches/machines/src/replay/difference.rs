//! Comparison of a record with our outcomes, key by key.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::record::{Boot, LaterBuild, MachineFile, MachineRecord, Step};

/// A key whose recorded value is not the one of our machine.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Difference {
    /// The step's index in the record; `null` for the boot.
    pub step: Option<usize>,
    /// The key.
    pub key: String,
    /// Our value.
    pub ours: Value,
    /// The recorded value.
    pub recorded: Value,
}

/// The comparison of a record so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Comparison {
    pub(super) differences: Vec<Difference>,
    /// The count of recorded figures, names and states.
    pub(super) compared: usize,
}

impl Comparison {
    /// Compares the outcomes of the boot. The other recorded keys are inputs of ours.
    ///
    /// A total is compared only if it follows from the inputs, that is if ours has one.
    pub(super) fn boot(&mut self, file: &MachineFile, ours: &Step, logged: &Boot) {
        let settled = file.settled == Some(true);
        let ours = Step {
            fallback_order: logged.fallback_order.clone().map(Some),
            total_pages: logged.total_pages,
            policy_zone: logged.policy_zone,
            ..ours.clone()
        };
        let recorded = Step {
            op: ours.op.clone(),
            fallback_order: file.boot.fallback_order.clone().map(Some),
            total_pages: file.boot.total_pages.filter(|_| ours.total_pages.is_some()),
            policy_zone: file.boot.policy_zone,
            zones: settled.then(|| file.zones.clone()),
            ..Step::default()
        };
        self.compare(None, &ours, recorded, settled);
        if let Some(recorded) = &file.boot.later_builds {
            self.later_builds(logged.later_builds.as_deref().unwrap_or_default(), recorded);
        }
    }

    /// Compares the builds of boot after the first, as far as they are recorded.
    fn later_builds(&mut self, ours: &[LaterBuild], recorded: &[LaterBuild]) {
        let recorded: Vec<_> = recorded.iter().map(|build| LaterBuild { total_pages: None, ..build.clone() }).collect();
        let same = |(ours, recorded): (&LaterBuild, &LaterBuild)| {
            ours.fallback_order == recorded.fallback_order && covers(&json!(ours), &json!(recorded))
        };
        let all_same = ours.len() == recorded.len() && ours.iter().zip(&recorded).all(same);
        let [ours, recorded] = [json!(ours), json!(recorded)];
        self.compared += leaves(&recorded);
        if !all_same {
            self.differences.push(Difference { step: None, key: "later_builds".into(), ours, recorded });
        }
    }

    /// Compares our outcomes of the steps, each with its index in the record.
    pub(super) fn steps(&mut self, record: &MachineRecord, ours: &[(usize, Step)]) {
        let mut settled = record.file().settled == Some(true);
        let recorded: Vec<_> = record.steps().collect();
        for (index, ours) in ours {
            let (step, operation) = recorded[*index];
            settled |= operation.recomputes_watermarks() && ours.result.as_deref() == Some("ok");
            self.compare(Some(*index), ours, step.clone(), settled);
        }
    }

    /// Compares the recorded keys. Watermarks and reserves count only if the kernel had `settled` them, that is
    /// computed them from the current sizes.
    fn compare(&mut self, step: Option<usize>, ours: &Step, recorded: Step, settled: bool) {
        let (ours, recorded) = (keys(ours.clone(), settled), keys(recorded, settled));
        for (key, recorded) in recorded {
            let ours = ours.get(&key).cloned().unwrap_or(Value::Null);
            self.compared += leaves(&recorded);
            // A zone or block may lack keys in the record; a fallback order is complete.
            let same = if key == "fallback_order" { ours == recorded } else { covers(&ours, &recorded) };
            if !same {
                self.differences.push(Difference { step, key, ours, recorded });
            }
        }
    }
}

/// True if every recorded value is in ours, too, with the same value.
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

/// The count of values in it; an empty list or object counts as one.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(entries) => entries.values().map(leaves).sum::<usize>().max(1),
        Value::Array(list) => list.iter().map(leaves).sum::<usize>().max(1),
        _ => 1,
    }
}

/// A step's outcomes by key; sets are sorted, so that their sequence does not matter.
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
            // Inputs, which ours takes from the record.
            ["op", "block", "cpu", "name", "value", "pinned", "zone"]
                .iter()
                .for_each(|input| drop(keys.remove(*input)));
            keys
        }
        _ => Map::new(),
    }
}

impl Difference {
    /// The innermost place where the two values first differ, with both values there.
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
