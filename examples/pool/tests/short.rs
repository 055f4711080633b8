//! The pool in a short run.

use zonelist_example_pool::{
    chart,
    run::{Size, run},
};

#[test]
fn no_page_is_lost_or_altered_while_blocks_come_and_go() {
    let outcome = run(Size { threads: 3, steps: 60_000, keys: 12_000, spares: 6 }).expect("a run");
    let counts = outcome.counts;
    assert!(outcome.verified > 10_000, "{outcome:?}");
    assert!(counts.onlined > 0 && counts.offlined > 0, "{counts:?}");
    assert!(counts.promoted > 0 && counts.demoted > 0, "{counts:?}");
    let [peak, last] = [
        outcome.samples.iter().map(|sample| sample.online).fold(0.0, f64::max),
        outcome.samples.last().expect("samples").online,
    ];
    assert!(last < peak, "{last} MiB at the end, {peak} at the peak");

    let file = std::env::temp_dir().join(format!("residency-{}.svg", std::process::id()));
    chart::draw(&file, &outcome.samples).expect("a picture");
    let picture = std::fs::read_to_string(&file).expect("the picture");
    std::fs::remove_file(&file).expect("removed");
    assert!(picture.contains("pages in the far tier") && picture.contains("<polygon"), "{picture}");
}
