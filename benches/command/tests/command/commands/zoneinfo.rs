//! The command `zoneinfo`.

use crate::run::{json, recorded, succeed};

#[test]
fn zoneinfo_has_the_keys_of_the_record() {
    for (machine, file) in [("seed", "h01_seed_steps"), ("far-cxl", "b09_cxl_far"), ("one-node", "b01_one_node")] {
        assert_eq!(json(&["zoneinfo", "--json", "--machine", machine])["zones"], recorded(file)["zones"], "{machine}");
    }
}

#[test]
fn zoneinfo_has_the_kernels_layout() {
    let text = succeed(&["zoneinfo"]).stdout;
    let dma = "\
Node 0, zone      DMA
        min      133
        low      166
        high     199
        spanned  4095
        present  3998
        managed  3840
        protection: (0, 991, 991, 991, 991)
  start_pfn:           1
Node 0, zone    DMA32
";
    assert!(text.starts_with(dma), "{text}");
    assert_eq!(text.matches("Node ").count(), 10, "each kind of both nodes, empty or not");
}

/// Linux prints it since 6.12. It is one gap above the high watermark.
#[test]
fn the_promo_watermark_is_printed_where_the_kernel_prints_it() {
    let path = format!("{}/../goldens/newer/v612_b17_movablecore.json", env!("CARGO_MANIFEST_DIR"));
    let zones = json(&["zoneinfo", "--json", "--machine", &path])["zones"].clone();
    for zone in zones.as_array().unwrap() {
        let [low, high, promo] = ["low", "high", "promo"].map(|key| zone[key].as_u64().unwrap());
        assert_eq!(promo - high, high - low, "{zone}");
    }
    let text = succeed(&["zoneinfo", "--machine", &path]).stdout;
    let empty = "\n        min      32\n        low      32\n        high     32\n        promo    32\n";
    assert!(text.contains(empty), "an empty Movable zone: {text}");
    assert!(!succeed(&["zoneinfo", "--machine", &path, "--rules", "6.10"]).stdout.contains("promo"));
}

#[test]
fn the_mailed_machine_prints_the_reserves_of_4_14() {
    let protections = |machine: &str| {
        let text = succeed(&["zoneinfo", "--machine", machine, "--rules", "4.14"]).stdout;
        let node1 = &text[text.find("Node 1").unwrap()..];
        let rows = node1.lines().filter_map(|line| line.trim().strip_prefix("protection: "));
        rows.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        protections("mail-online"),
        ["(0, 943, 943, 1071)", "(0, 0, 0, 128)", "(0, 0, 0, 1024)", "(0, 0, 0, 0)"]
    );
    assert_eq!(protections("mail-offline"), ["(0, 943, 943, 943)", "(0, 0, 0, 0)", "(0, 0, 0, 0)", "(0, 0, 0, 0)"]);
    let watermarks = |machine: &str, zone: usize| {
        let zone = &json(&["zoneinfo", "--machine", machine, "--json"])["zones"][zone];
        ["min", "low", "high"].map(|key| zone[key].as_u64().unwrap())
    };
    assert_eq!(watermarks("mail-offline", 2), [8294, 10367, 12440], "DMA32, as the mail prints it");
    assert_eq!(watermarks("mail-online", 3), [85, 117, 149], "Movable, as the mail prints it");
}
