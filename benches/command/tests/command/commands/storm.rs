//! The command `storm`: its form, its exit codes, and that it notices deliberate faults.

use std::time::Duration;

use serde_json::Value;
use zonelist_bench::storm::{Fault, Outcome, SchemeReport, Site, SiteError, Storm};
use zonelist_core::{hotplug::BlockId, topology::Rules};
use zonelist_machines::{Builtin, MachineFile, MachineRecord};
use zonelist_schemes::SchemeId;

use crate::run::{alone, zonelist};

fn seed() -> MachineFile {
    MachineFile::parse(Builtin::named("seed").unwrap().json.as_bytes()).unwrap()
}

/// Storms on the seed's machine, each three times as long as the one before, until one is `enough` or takes a minute.
fn storm(scheme: SchemeId, fault: Option<Fault>, enough: impl Fn(&SchemeReport) -> bool) -> (Outcome, SchemeReport) {
    let site = Site::of(seed().validate().unwrap().state(Rules::LINUX_6_1).unwrap()).unwrap();
    let mut time = Duration::from_millis(300);
    loop {
        let outcome =
            scheme.visit(&mut Storm { site: &site, threads: 2, time, seed: 1, fault, tick: &mut |_| () }).unwrap();
        let report = SchemeReport::new(scheme.facts(), &outcome);
        if enough(&report) || time > Duration::from_secs(60) {
            return (outcome, report);
        }
        time *= 3;
    }
}

#[test]
fn every_page_and_every_walk_is_accounted_for_under_every_scheme() {
    let _alone = alone();
    for scheme in SchemeId::all() {
        let proved = |report: &SchemeReport| !report.wrong.iter().any(|wrong| wrong.contains("proved nothing"));
        let (outcome, report) = storm(scheme, None, proved);
        assert!(report.wrong.is_empty(), "{report:?}");
        assert_eq!((outcome.counts.pages_lost, outcome.counts.patterns_damaged), (0, 0), "{report:?}");
    }
}

#[test]
fn a_damaged_pattern_and_a_lost_page_are_noticed() {
    let _alone = alone();
    let scheme: SchemeId = "InPlace".parse().unwrap();
    let (_, report) = storm(scheme, Some(Fault::Damaged), |report| report.counts.patterns_damaged > 0);
    assert!(report.counts.patterns_damaged > 0 && report.counts.pages_lost == 0, "{report:?}");
    assert!(report.wrong.iter().any(|wrong| wrong.ends_with("pages were damaged")));
    let (_, report) = storm(scheme, Some(Fault::Lost), |report| report.counts.pages_lost > 0);
    assert!(report.counts.pages_lost > 0 && report.counts.patterns_damaged == 0, "{report:?}");
    assert!(report.wrong.iter().any(|wrong| wrong.ends_with("pages were lost")));
}

#[test]
fn a_storm_of_no_time_fails_and_says_why() {
    let run = zonelist(["storm", "--json", "--seconds", "0", "--scheme", "InPlace", "--threads", "3"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    assert_eq!((run.code, report["machine"].as_str()), (Some(1), Some("seed")), "{report:#}");
    let scheme = &report["schemes"][0];
    assert_eq!((scheme["scheme"].as_str(), scheme["guarantee"].as_str()), (Some("InPlace"), Some("Racy")));
    for key in ["toggles", "refused", "allocations", "wrongful_failures", "missed", "repeated", "empty"] {
        assert!(scheme[key].is_u64(), "{key}: {scheme:#}");
    }
    for damage in ["patterns_damaged", "pages_lost"] {
        assert_eq!(scheme[damage], 0, "{damage}: {scheme:#}");
    }
    assert!(scheme["wrong"].to_string().contains("proved nothing"), "{scheme:#}");
    let text = zonelist(["storm", "--seconds", "0", "--scheme", "InPlace"]);
    assert!(text.code == Some(1) && text.stdout.contains("without any unexpected behavior"), "{text:?}");
}

#[test]
fn impossible_arguments_are_bad_input() {
    for arguments in [
        &["--threads", "0"][..],
        &["--threads", "13"],
        &["--seconds", "-1"],
        &["--scheme", "no"],
        &["--machine", "live"],
        &["--machine", "ring"],
        &["--machine", "no/such/file"],
    ] {
        let run = zonelist(["storm"].iter().chain(arguments));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}: {run:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_machine_without_a_spare_block_or_another_node_is_no_site() {
    let state = |change: fn(&mut MachineFile)| {
        let mut golden = seed();
        change(&mut golden);
        Site::of(golden.validate().unwrap().state(Rules::LINUX_6_1).unwrap())
            .map(|site| (site.block, site.node.number()))
    };
    assert_eq!(state(|_| ()), Ok((BlockId::new(34), 1)));
    let without = |golden: &mut MachineFile| golden.blocks.retain(|block| block.block != 34);
    assert_eq!(state(without), Err(SiteError::NoBlock));
    let golden = MachineRecord::parse(include_bytes!("../../../../goldens/b17_movablecore.json")).unwrap();
    let site = Site::of(golden.state(Rules::LINUX_6_1).unwrap()).unwrap();
    let block = *site.state.block(site.block).unwrap();
    assert_eq!(block.state, zonelist_core::hotplug::MemoryBlockState::Online(zonelist_core::ZoneKind::Movable));
}
