//! Cache lines that more than one thread writes: reads of schemes have none, a lock has its own.

use std::process::Command;

use zonelist_contenders::growth::{
    Grown,
    lines::{LineAxis, Lines, LinesError},
};

use crate::{release_build, skipped};

#[test]
fn readers_of_a_scheme_share_no_line_and_those_of_a_lock_share_its_own() {
    let probe = release_build();
    for (name, by_reads) in [("AsymmetricEpoch", [0, 0, 0]), ("std RwLock", [1, 1, 1])] {
        let mut program = Command::new(&probe);
        program.args(["lines", name]);
        let lines = match Lines::count(Grown::named(name).expect("a contender"), &program) {
            Ok(lines) => lines,
            Err(LinesError::NoValgrind) => return skipped("valgrind is not installed, so no stores were traced"),
            Err(error) => panic!("{error}"),
        };
        let of = |axis| lines.axes[&axis].points.iter().map(|point| point.lines).collect::<Vec<_>>();
        println!("{name}: {lines:?}");
        assert_eq!(of(LineAxis::ReadByThreads), by_reads, "{name}");
        if name == "AsymmetricEpoch" {
            // A publish writes to no slot of an idle reader, and both publishers write the tables.
            let by_readers = of(LineAxis::PublishByReaders);
            assert!(by_readers[0] > 0 && by_readers.iter().all(|&lines| lines == by_readers[0]), "{lines:?}");
            assert!(of(LineAxis::PublishByZones)[2] >= 6144 * 4 / 64, "{lines:?}");
        }
    }
}
