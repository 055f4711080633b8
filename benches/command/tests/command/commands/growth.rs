//! The command `growth`: its form and its exit codes.

use serde_json::Value;

use crate::run::{alone, json, zonelist};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().map(String::as_str).collect()
}

#[test]
fn the_report_has_every_axis_under_stable_keys() {
    let _alone = alone();
    let report = json(&["growth", "--seconds", "0.3", "--scheme", "Qsbr", "--no-lines", "--json"]);
    assert_eq!(keys(&report), ["axes", "barrier", "conditions", "cpus", "seconds"], "{report:#}");
    let axes = report["axes"].as_array().unwrap();
    let names: Vec<_> = axes.iter().map(|axis| axis["axis"].as_str().unwrap()).collect();
    let expected =
        ["walk_by_zones", "first_zone_by_nodes", "first_zone_by_threads", "publish_by_nodes", "publish_by_readers"];
    assert_eq!(names, expected);
    for axis in axes {
        let name = axis["axis"].as_str().unwrap();
        let contenders = axis["contenders"].as_array().unwrap();
        let contender = contenders.last().unwrap();
        // The baseline can't publish.
        assert_eq!(contenders.len(), if name.starts_with("publish") { 1 } else { 2 }, "{axis:#}");
        assert_eq!(contender["name"], "Qsbr");
        assert_eq!(keys(contender), ["exponent", "half_width", "name", "points", "r_squared"], "{axis:#}");
        for point in contender["points"].as_array().unwrap() {
            assert!(point["number"].as_u64().unwrap() > 0 && point["ns"].as_f64().unwrap() > 0.0, "{point}");
        }
    }
}

#[test]
fn what_was_not_measured_is_absent() {
    let report = json(&["growth", "--seconds", "0", "--scheme", "InPlace", "--no-lines", "--json"]);
    for axis in report["axes"].as_array().unwrap() {
        for contender in axis["contenders"].as_array().unwrap() {
            assert_eq!((keys(contender), contender["points"].as_array().unwrap().len()), (vec!["name", "points"], 0));
        }
    }
}

#[test]
fn impossible_arguments_are_bad_input() {
    for arguments in [["--seconds", "-1"], ["--scheme", "no"], ["--machine", "seed"]] {
        let run = zonelist(["growth"].iter().chain(&arguments));
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stdout);
    }
}
