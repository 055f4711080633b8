//! Real machines with hotplugged or all-Movable nodes: our watermarks and reserves are those that their kernels printed.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use zonelist_core::ZoneKind;
use zonelist_machines::{LinuxRules, MachineRecord, computed::zoneinfo, replay::Replay};
use zonelist_schemes::SchemeId;

/// A machine file, what the machine's kernel printed, and that kernel's release.
struct Printed {
    json: &'static str,
    text: &'static str,
    release: &'static str,
}

macro_rules! printed {
    ($name:literal, $release:literal) => {
        Printed {
            json: include_str!(concat!("../../../real/zoneinfo/", $name, ".json")),
            text: include_str!(concat!("../../../real/zoneinfo/", $name, ".txt")),
            release: $release,
        }
    };
}

/// All of its memory was there at boot. Its kernel is older than the oldest rules, which do not differ here.
const PPC: Printed = printed!("ppc64k-4.11rc5-movable-node1", "4.14");
/// Its Movable zone came after boot.
const HOTPLUGGED: Printed = printed!("joonsoo-5.6-hotplug-movable", "5.6");

type Zone = (u32, String);
/// Watermarks (min, low, high), or reserves.
type Pages = Vec<u64>;

impl Printed {
    fn record(&self) -> MachineRecord {
        MachineRecord::parse(self.json.as_bytes()).unwrap()
    }

    fn rules(&self) -> LinuxRules {
        self.release.parse().unwrap()
    }

    /// The watermarks and the reserves of every zone, empty ones included.
    fn zones(&self) -> BTreeMap<Zone, (Pages, Pages)> {
        let mut zones = BTreeMap::<_, (Pages, Pages)>::new();
        let mut current = None;
        for line in self.text.lines() {
            let words = || line.split(|letter: char| !letter.is_ascii_digit());
            let numbers = || words().filter_map(|word| word.parse::<u64>().ok());
            match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
                ["Node", node, "zone", kind] => {
                    current = Some((node.trim_end_matches(',').parse().unwrap(), kind.into()))
                }
                ["min" | "low" | "high", _] => zones.entry(current.clone().unwrap()).or_default().0.extend(numbers()),
                ["protection:", ..] => zones.entry(current.clone().unwrap()).or_default().1.extend(numbers()),
                _ => {}
            }
        }
        zones
    }

    fn computed(&self) -> BTreeMap<Zone, (Pages, Pages)> {
        let report = zoneinfo::Report::new(self.record().machine(), self.rules().rules).unwrap();
        let zones = report.zones.into_iter().chain(report.empty);
        zones
            .map(|zone| {
                let name = (zone.node.into(), zone.kind.0.to_string());
                (name, (vec![zone.min, zone.low, zone.high], zone.protection))
            })
            .collect()
    }

    /// The reserves, of the zones that were printed: older kernels leave empty zones out.
    fn assert_reserves(&self) {
        let computed = self.computed();
        for (zone, (_, printed)) in self.zones() {
            assert_eq!(computed[&zone].1, printed, "{zone:?} of {}", self.text);
        }
    }
}

#[test]
fn watermarks_and_reserves_of_a_movable_node_are_the_printed() {
    let printed = PPC.zones();
    assert_eq!(printed.len(), 2);
    let mut computed = PPC.computed();
    computed.retain(|zone, _| printed.contains_key(zone));
    assert_eq!(computed, printed);
}

#[test]
fn reserves_are_the_printed() {
    PPC.assert_reserves();
    HOTPLUGGED.assert_reserves();
}

/// The printed watermarks are those of 9856 to 9863 KiB as `min_free_kbytes`. The file has 9868, with which DMA32 would
/// have 1130 and not 1129. Each block that goes online computes the value anew,
/// so that the last one gives the printed watermarks, from any value before it.
#[test]
fn watermarks_of_hotplugged_memory_follow_from_going_online() {
    let before = before_hotplug(&HOTPLUGGED.record(), serde_json::from_str(HOTPLUGGED.json).unwrap());
    let printed = HOTPLUGGED.zones();
    for at_boot in [9868, 9874, 4096] {
        let mut before = before.clone();
        before["sysctl"]["min_free_kbytes"] = at_boot.into();
        let record = MachineRecord::parse(before.to_string().as_bytes()).unwrap();
        let replay = Replay::of(&record, &SchemeId::all()[..1], HOTPLUGGED.rules()).unwrap();
        assert_eq!(replay.differences, []);
        let last = replay.steps.last().unwrap();
        let min_free_kbytes = last.sysctl.as_ref().unwrap().min_free_kbytes;
        assert!((9856..=9863).contains(&min_free_kbytes), "{min_free_kbytes} from {at_boot}");
        let zones = last.zones.as_ref().unwrap();
        assert_eq!(zones.len(), 5);
        for zone in zones {
            let watermarks = [zone.min, zone.low, zone.high].map(Option::unwrap).to_vec();
            let ours = (watermarks, zone.protection.clone().unwrap());
            assert_eq!(ours, printed[&(zone.node, zone.kind.0.to_string())], "{zone:?} from {at_boot}");
        }
    }
}

/// The machine with its Movable memory as offline blocks, and the steps that bring them online.
fn before_hotplug(record: &MachineRecord, mut file: Value) -> Value {
    let movable = |zone: &&zonelist_machines::ZoneRecord| zone.kind.0 == ZoneKind::Movable;
    let hotplugged = record.file().zones.iter().find(movable).unwrap();
    file["zones"].as_array_mut().unwrap().retain(|zone| zone["kind"] != "Movable");
    let block_pages = record.file().block_pages;
    let first = hotplugged.start_pfn / block_pages;
    let blocks = first..first + hotplugged.present / block_pages;
    let offline = |block| json!({"block": block, "node": hotplugged.node, "state": "offline", "zone": null});
    file["blocks"] = blocks.clone().map(offline).collect();
    file["steps"] = blocks.map(|block| json!({"op": "online_movable", "block": block, "result": "ok"})).collect();
    file
}
