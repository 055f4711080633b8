//! The commands `compare` and `schemes`: their form, their exit codes, and that no evidence is made up.

use std::{fs, path::Path};

use super::run::zonelist;
use serde_json::Value;
use zonelist_schemes::{
    SchemeId,
    evidence::{FACTS, all_tests},
};

/// Runs the command, which must succeed, and reads the JSON it prints.
fn json(arguments: &[&str]) -> Value {
    let run = zonelist(arguments);
    assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_comparison_has_every_measure_of_every_scheme() {
    let report = json(&["compare", "--seconds", "0", "--rounds", "3", "--json"]);
    assert_eq!((&report["machine"], &report["rounds"]), (&"seed".into(), &3.into()));
    assert_eq!(report["barrier"], zonelist_schemes::barrier());
    for floor in ["first_zone", "alloc_pair"] {
        assert!(report["raw"][floor]["ns"].as_f64().unwrap() > 0.0 && report["raw"][floor].get("ratio").is_none());
    }
    let schemes = report["schemes"].as_array().unwrap();
    assert_eq!(schemes.len(), SchemeId::all().len());
    for scheme in schemes {
        let pair = ["/alloc_pair/ns", "/alloc_pair/ratio"];
        let walks = ["/first_zone/ratio", "/full_walk/8/ratio", "/full_walk/64/ns", "/full_walk/1024/ratio"];
        for measure in walks.iter().chain(&pair) {
            assert!(scheme.pointer(measure).and_then(|value| value.as_f64()).is_some(), "{measure} of {scheme}");
        }
        assert!(scheme["walks"].as_u64().unwrap() > 0 && scheme["publish"]["p99_ns"].is_u64(), "{scheme}");
        assert!(scheme["allocations"].as_u64().unwrap() > 0 && scheme["failed_allocations"].is_u64(), "{scheme}");
        assert_eq!(scheme["violations"], 0, "{scheme}");
        if scheme["guarantee"] != "Racy" {
            assert_eq!((&scheme["unreported"], &scheme["failed_allocations"]), (&0.into(), &0.into()), "{scheme}");
        }
    }
}

#[test]
fn a_bare_call_compares() {
    let arguments = ["--seconds", "0", "--rounds", "1", "--scheme", "SeqRetry", "--scheme", "InPlace"];
    let run = zonelist(arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = run.stdout;
    assert!(text.contains("SeqRetry") && text.contains("InPlace") && !text.contains("StopWorld"), "{text}");
    assert!(text.contains(" alloc ") && text.contains(" refused "), "{text}");
    assert!(text.contains(&format!("writers: {}.", zonelist_schemes::barrier())), "{text}");
    let named = json(&[&["compare"], &arguments[..], &["--json"]].concat());
    let names: Vec<_> = named["schemes"].as_array().unwrap().iter().map(|scheme| &scheme["scheme"]).collect();
    assert_eq!(names, ["SeqRetry", "InPlace"]);
}

#[test]
fn a_scheme_that_there_is_not_is_bad_input() {
    for arguments in
        [["compare", "--scheme", "Nobody"], ["schemes", "--scheme", "nobody"], ["compare", "--seconds", "-1"]]
    {
        let run = zonelist(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_card_claims_what_a_test_shows_and_nothing_else() {
    for card in json(&["schemes", "--json"]).as_array().unwrap() {
        for fact in FACTS {
            assert_eq!(card[fact].is_null(), card["evidence"].get(fact).is_none(), "{fact} of {card}");
        }
        assert!(card["scheme"].is_string() && card["crate"].is_string() && card["guarantee"].is_string(), "{card}");
    }
}

#[test]
fn every_test_that_is_named_as_evidence_exists() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for evidence in all_tests() {
        let (file, test) = evidence.split_once(": ").unwrap();
        let source = fs::read_to_string(workspace.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let exists = match test.split_once("::") {
            None => source.contains(&format!("#[test]\nfn {test}() {{")),
            // A module of `model!`, and a shape of its suite.
            Some((scheme, shape)) => {
                let made = ["model!(", "model!(\n    ", "model!(retires "].iter();
                made.clone().any(|made| source.contains(&format!("{made}{scheme}: "))) && has_shape(&workspace, shape)
            }
        };
        assert!(exists, "{file} has no test {test}");
    }
}

fn has_shape(workspace: &Path, shape: &str) -> bool {
    let suite = workspace.join("zonelist-core/src/conformance/models/suite.rs");
    let all = workspace.join("zonelist-core/src/conformance/model.rs");
    let (suite, all) = (fs::read_to_string(suite).unwrap(), fs::read_to_string(all).unwrap());
    suite.contains(&format!("\npub fn {shape}<")) && all.contains(shape)
}

#[test]
fn every_fact_of_every_scheme_has_evidence() {
    for card in json(&["schemes", "--json"]).as_array().unwrap() {
        for fact in FACTS {
            let evidence = card["evidence"][fact].as_array().unwrap_or_else(|| panic!("{fact} of {}", card["scheme"]));
            assert!(!evidence.is_empty());
        }
    }
}
