//! Arbitrary content of a machine file gives a validated record or an error, never a panic.

use std::sync::LazyLock;

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use zonelist_machines::MachineRecord;
use zonelist_verify::cases;

use crate::fixtures::assert_computes;

/// The shortest recorded machines, whose mutations are parsed fastest.
static GOLDENS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut goldens = crate::fixtures::goldens();
    goldens.sort_by_key(|(_, json)| json.len());
    goldens.iter().take(40).map(|(_, json)| serde_json::from_slice(json).unwrap()).collect()
});

/// True if the text is a valid machine file. A machine computes; an error says what was expected.
fn is_valid(json: &[u8]) -> bool {
    let record = MachineRecord::parse(json);
    match &record {
        Ok(record) => assert_computes(record.machine()),
        Err(problem) => assert!(problem.to_string().contains("expected"), "{problem}"),
    }
    record.is_ok()
}

/// A change of one value of a file.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Value),
    Delete,
    Repeat,
    Nudge(i64),
    /// Puts a value from elsewhere in the file there.
    Transplant(Vec<Index>),
}

fn mutations() -> impl Strategy<Value = (Vec<Index>, Mutation)> {
    let odd = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1),
        json!(1.5),
        json!(255),
        json!(1023),
        json!(1024),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(1u64 << 48),
        json!(1e300),
        json!(""),
        json!("Normal"),
        json!("DMA"),
        json!("HighMem"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([0, 1]),
        json!({"0": [0]}),
    ]);
    let place = || prop::collection::vec(any::<Index>(), 5);
    let mutation = prop_oneof![
        odd.prop_map(Mutation::Replace),
        Just(Mutation::Delete),
        Just(Mutation::Repeat),
        (-3i64..=3).prop_map(Mutation::Nudge),
        any::<i64>().prop_map(Mutation::Nudge),
        place().prop_map(Mutation::Transplant),
    ];
    (place(), mutation)
}

/// The JSON pointer that is reached from the root by one child for each index.
fn pointer(value: &Value, place: &[Index]) -> String {
    let Some((index, rest)) = place.split_first() else { return String::new() };
    match value {
        Value::Object(map) if !map.is_empty() => {
            let (key, child) = map.iter().nth(index.index(map.len())).unwrap();
            format!("/{key}{}", pointer(child, rest))
        }
        Value::Array(list) if !list.is_empty() => {
            let at = index.index(list.len());
            format!("/{at}{}", pointer(&list[at], rest))
        }
        _ => String::new(),
    }
}

fn mutate(golden: &mut Value, place: &[Index], mutation: Mutation) {
    let path = pointer(golden, place);
    let elsewhere = match &mutation {
        Mutation::Transplant(from) => golden.pointer(&pointer(golden, from)).cloned(),
        _ => None,
    };
    let (parent, key) = path.rsplit_once('/').unwrap_or(("", ""));
    match (mutation, golden.pointer_mut(parent)) {
        (Mutation::Delete, Some(Value::Object(map))) => drop(map.remove(key)),
        (Mutation::Delete, Some(Value::Array(list))) => drop(list.remove(key.parse().unwrap())),
        (Mutation::Repeat, Some(Value::Array(list))) => list.push(list[key.parse::<usize>().unwrap()].clone()),
        (Mutation::Repeat, Some(Value::Object(map))) => drop(map.insert("7".into(), json!([7]))),
        (mutation, Some(_)) => {
            let value = golden.pointer_mut(&path).unwrap();
            match mutation {
                Mutation::Nudge(by) => *value = json!(value.as_i64().unwrap_or(0).wrapping_add(by)),
                Mutation::Replace(odd) => *value = odd,
                _ => *value = elsewhere.unwrap_or(Value::Null),
            }
        }
        (_, None) => unreachable!("the parent of a value that is there"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(3000, 5)))]

    #[test]
    fn changed_machine_files_load_or_fail(
        base in any::<Index>(),
        mutations in prop::collection::vec(mutations(), 1..4),
    ) {
        let mut golden = base.get(&GOLDENS).clone();
        for (place, mutation) in mutations {
            mutate(&mut golden, &place, mutation);
        }
        is_valid(golden.to_string().as_bytes());
    }

    #[test]
    fn spliced_machine_files_load_or_fail(
        base in any::<Index>(),
        at in any::<[Index; 3]>(),
        len in 0usize..40,
        cut in any::<bool>(),
    ) {
        let mut text = base.get(&GOLDENS).to_string().into_bytes();
        let [from, to, end] = at.map(|index| index.index(text.len()));
        let piece = text[from..text.len().min(from + len)].to_vec();
        text.splice(to..text.len().min(to + len / 2), piece);
        if cut {
            text.truncate(end);
        }
        is_valid(&text);
    }
}

#[test]
fn the_machine_files_are_valid_before_they_are_changed() {
    let valid = GOLDENS.iter().filter(|golden| is_valid(golden.to_string().as_bytes())).count();
    assert_eq!(valid, GOLDENS.len());
}
