//! The command `load`: its form and its exit codes.

use serde_json::Value;
use zonelist_schemes::SchemeId;

use crate::run::{alone, json, zonelist};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().map(String::as_str).collect()
}

#[test]
fn the_report_has_every_measure_under_stable_keys() {
    let _alone = alone();
    let arguments = ["load", "--seconds", "0.2", "--scheme", "EpochSwap", "--scheme", "InPlace", "--json"];
    let report = json(&arguments);
    assert_eq!(
        keys(&report),
        ["barrier", "clock", "conditions", "machine", "noise", "peers", "quiet", "schemes", "seconds", "threads"],
        "{report:#}"
    );
    assert_eq!((&report["machine"], &report["seconds"]), (&"seed".into(), &0.2.into()));
    assert_eq!(report["barrier"], zonelist_schemes::barrier());
    assert_eq!(keys(&report["clock"]), ["empty_pair_ns", "resolution_ns", "source"]);
    assert_eq!(keys(&report["noise"]), ["publishes", "reads"]);
    let schemes = report["schemes"].as_array().unwrap();
    let names: Vec<_> = schemes.iter().map(|scheme| &scheme["scheme"]).collect();
    assert_eq!(names, ["EpochSwap", "InPlace"]);
    assert!(schemes[0]["grace_periods"]["count"].as_u64().unwrap() > 0, "{report:#}");
    assert!(schemes[1].get("grace_periods").is_none(), "InPlace has none");
    for contestant in schemes.iter().chain([&report["noise"]]) {
        assert_eq!(keys(&contestant["reads"]), ["0", "10", "1000", "unpaced"]);
        assert_eq!(keys(&contestant["publishes"]), ["10", "1000", "unpaced"]);
        for reads in contestant["reads"].as_object().unwrap().values() {
            assert!(reads["count"].as_u64().unwrap() > 0, "{reads}");
            assert!(reads["read_ns"].is_f64() && reads["p50_ns"].is_u64() && reads["max_ns"].is_u64(), "{reads}");
        }
        assert!(contestant["publishes"]["unpaced"]["a_second"].as_f64().unwrap() > 0.0, "{contestant:#}");
        assert!(contestant["publishes"]["1000"]["count"].is_u64(), "{contestant:#}");
    }
    for scheme in schemes {
        let stalled = &scheme["stalled"];
        let [returned, due] = ["returned", "due"].map(|key| stalled[key].as_u64().unwrap());
        assert!(returned <= due, "{stalled:#}");
        // The command counts bytes, but only publishes that returned keep any.
        assert_eq!(stalled.get("bytes_kept").is_some(), returned > 0, "{stalled:#}");
        assert!(stalled["reads"].get("slow_ppm").is_none(), "no noise is measured beside a stalled reader");
    }
}

#[test]
fn what_was_not_measured_is_absent() {
    let report = json(&["load", "--seconds", "0", "--json"]);
    let schemes = report["schemes"].as_array().unwrap();
    assert_eq!(schemes.len(), SchemeId::all().len());
    for scheme in schemes {
        assert_eq!(keys(&scheme["reads"]["1000"]), ["count"], "{scheme:#}");
        assert_eq!(scheme["publishes"]["unpaced"]["count"], 0, "{scheme:#}");
        assert!(scheme["stalled"].get("bytes_kept").is_none(), "{scheme:#}");
    }
    assert!(report["clock"].get("empty_pair_ns").is_none() && report.get("quiet").is_none(), "{report:#}");
    let text = zonelist(["load", "--seconds", "0", "--scheme", "Qsbr", "--threads", "2"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    assert!(text.stdout.contains("2 threads read") && !text.stdout.contains("InPlace"), "{}", text.stdout);
}

#[test]
fn impossible_arguments_are_bad_input() {
    for arguments in [["--threads", "0"], ["--threads", "48"], ["--seconds", "-1"], ["--scheme", "no"]] {
        let run = zonelist(["load"].iter().chain(&arguments));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}: {run:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
}
