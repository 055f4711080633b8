//! Bytes that are kept for a stalled reader, in a program whose allocator counts them. One test, since any other thread
//! of the program would be counted, too.

use std::time::Duration;

use zonelist_contenders::load::{BATCH, Clock, Counted, CountingHeap, Load, Rate, Stalled};
use zonelist_core::{NodeId, publish::StalledReader, table::Capacity};
use zonelist_schemes::{SchemeId, workload::synthetic};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

#[test]
fn versions_are_kept_for_a_stalled_reader_where_the_scheme_says_so() {
    let counted = Counted::begin().expect("the program's allocator");
    let before = counted.kept();
    let mut bytes = vec![0_u8; 1000];
    assert_eq!(counted.kept() - before, 1000);
    bytes.resize(3000, 1);
    assert!(counted.kept() - before >= 3000);
    drop(bytes);
    assert_eq!(counted.kept(), before);

    let (versions, clock) = ([synthetic(8), synthetic(7)], Clock::new());
    let nodes = [NodeId::new(0).unwrap(); BATCH];
    for scheme in SchemeId::all() {
        let mut time = Duration::from_millis(20);
        loop {
            let load = Load {
                versions: &versions,
                nodes: &nodes,
                readers: 1,
                time,
                rate: Rate::PerSecond(2000),
                clock: &clock,
            };
            let run = scheme.visit(&mut Stalled { load, capacity: Capacity::of(versions[0].lists()) }).unwrap();
            println!("{}: {:?} bytes after {} publishes", scheme.name(), run.bytes_kept, run.returned);
            assert_eq!(run.bytes_kept.is_some(), run.returned > 0);
            match (scheme.facts().stalled_reader, run.bytes_kept) {
                // The one version that the reader pins, at most.
                (StalledReader::Bounded, kept) => {
                    assert!(kept.is_none_or(|kept| (0..=4096).contains(&kept)), "{}: {kept:?}", scheme.name());
                    break;
                }
                // Each version has a word for each zone of its lists, at least.
                (StalledReader::Unbounded, Some(kept)) if run.returned >= 10 => {
                    assert!(kept >= run.returned as i64 * 8 * 4, "{}: {kept}", scheme.name());
                    break;
                }
                (StalledReader::Unbounded, _) => time *= 2,
            }
        }
    }
}
