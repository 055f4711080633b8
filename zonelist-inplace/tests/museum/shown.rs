//! What an in-place rebuild can show: seven observations, three kinds of change, four ways to rebuild.
//!
//! What Linux shipped is explored in every interleaving, as if every load saw the last store: lists of up to four zones,
//! requests of two kinds and of single nodes. Weak memory, and a build that never ran beside readers, are explored within
//! a bound. The table of what is found is `shown.md`, and a test compares the two.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use zonelist_core::{
    conformance::models::{Bound, explore, search_interrupts},
    sync::traced::Log,
};

use super::kernel::{Build, M0, M1, Memory, N0, N1, N2, Request, Seen, Zone, Zonelist, allocate, beside, names};

/// The observations, as the table names them.
const OBSERVATIONS: [&str; 7] = [
    "a zone that stays is skipped",
    "a zone is visited twice",
    "no zone at all, though one stays that would serve",
    "a zone of a kind that was not requested",
    "a zone of a node that was not requested",
    "no zone where the filter loads twice",
    "no zone where the scan loads the preferred slot again",
];

/// A rebuild from one list to another, and the requests of allocations meanwhile.
struct Change {
    before: &'static [Zone],
    after: &'static [Zone],
    requests: &'static [Request],
}

const CHANGES: [(&str, &[Change]); 3] = [
    (
        "a zone leaves",
        &[
            Change { before: &[M0, N0], after: &[N0], requests: &[Request::KERNEL, Request::MOVABLE] },
            Change { before: &[M0, N0, M1, N1], after: &[N0, M1, N1], requests: &[Request::KERNEL] },
            Change {
                before: &[N0, N1, N2],
                after: &[N1, N2],
                requests: &[Request::KERNEL, Request::on(&[1]), Request::on(&[2])],
            },
        ],
    ),
    (
        "a zone comes",
        &[
            Change { before: &[N0], after: &[M0, N0], requests: &[Request::KERNEL, Request::MOVABLE] },
            Change { before: &[N0, N1], after: &[M0, N0, N1], requests: &[Request::KERNEL] },
            Change { before: &[N1, N2], after: &[N0, N1, N2], requests: &[Request::on(&[1]), Request::on(&[2])] },
        ],
    ),
    (
        "the node order changes",
        &[Change {
            before: &[N0, N1, N2],
            after: &[N0, N2, N1],
            requests: &[Request::KERNEL, Request::on(&[1]), Request::on(&[2])],
        }],
    ),
];

/// Remote nodes change places, one of them with two zones: beyond what was known.
const MIXED: Change = Change { before: &[N0, M1, N1, N2], after: &[N0, N2, M1, N1], requests: &[Request::KERNEL] };

/// The observations that a walk shows, by number.
fn observed(seen: &Seen, change: &Change, request: &Request) -> BTreeSet<usize> {
    assert!(!seen.past_the_array, "a walk leaves the array");
    let stays = |zone: &&Zone| change.after.contains(zone) && request.admits(**zone);
    let due: Vec<&Zone> = change.before.iter().filter(stays).collect();
    let distinct: BTreeSet<&Zone> = seen.zones.iter().collect();
    let is = [
        due.iter().any(|zone| !seen.zones.contains(zone)),
        distinct.len() < seen.zones.len(),
        seen.zones.is_empty() && !due.is_empty(),
        seen.zones.iter().any(|(kind, _)| *kind > request.highest),
        seen.zones.iter().any(|(_, node)| request.nodes.is_some_and(|nodes| !nodes.contains(node))),
        seen.null_in_filter,
        seen.null_preferred,
    ];
    (0..).zip(is).filter_map(|(number, is)| is.then_some(number)).collect()
}

/// How the lists are rebuilt under the reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rebuild {
    /// By another thread.
    Concurrent(Build, Memory),
    /// Between two steps of the reader, which is stopped there.
    Stopped,
}

impl Rebuild {
    /// What Linux ships is explored to the end. Weak memory, or a build that writes more, has ten times the interleavings.
    fn bound(self) -> Bound {
        match self {
            Self::Concurrent(Build::InOnePass, Memory::Sequential) | Self::Stopped => Bound::Exhaustive,
            Self::Concurrent(..) => Bound::Within(4_000),
        }
    }
}

/// All observations of any walk beside these changes.
fn all(rebuild: Rebuild, changes: &'static [Change]) -> BTreeSet<usize> {
    let all = Arc::new(Mutex::new(BTreeSet::new()));
    for (change, request) in
        changes.iter().flat_map(|change| change.requests.iter().map(move |request| (change, request)))
    {
        let name = format!("museum: {rebuild:?}, {} to {}, {request}", names(change.before), names(change.after));
        let into = Arc::clone(&all);
        let room = change.before.len().max(change.after.len());
        let list = move |memory| Zonelist::new(memory, room, change.before);
        match rebuild {
            Rebuild::Concurrent(build, memory) => drop(explore(&name, rebuild.bound(), move || {
                let rebuild = move |list: &Zonelist| list.build(build, change.after);
                let seen = beside(list(memory), rebuild, "allocates", |list| allocate(list, request));
                into.lock().unwrap().extend(observed(&seen, change, request));
            })),
            Rebuild::Stopped => drop(search_interrupts(&name, move |after| {
                let list = Arc::new(list(Memory::Sequential));
                let rebuilt = Arc::clone(&list);
                Log::interrupt(after, move || rebuilt.build(Build::InOnePass, change.after));
                let seen = allocate(&list, request);
                into.lock().unwrap().extend(observed(&seen, change, request));
                None
            })),
        }
    }
    Arc::into_inner(all).unwrap().into_inner().unwrap()
}

const WAYS: [(&str, Rebuild); 4] = [
    ("4.14: in place", Rebuild::Concurrent(Build::InOnePass, Memory::Sequential)),
    ("4.14, weak memory", Rebuild::Concurrent(Build::InOnePass, Memory::Weak)),
    ("4.13: readers stopped", Rebuild::Stopped),
    ("4.13's build, readers not stopped", Rebuild::Concurrent(Build::ClearedFirst, Memory::Sequential)),
];

#[test]
fn what_a_rebuild_can_show_is_what_the_table_says() {
    let mut table = String::from("| observation | change |");
    let line = |cells: Vec<&str>| cells.iter().map(|cell| format!(" {cell} |")).collect::<String>();
    writeln!(table, "{}\n|---|---|{}", line(WAYS.map(|(name, _)| name).to_vec()), "---|".repeat(WAYS.len())).unwrap();
    let found: Vec<Vec<BTreeSet<usize>>> =
        CHANGES.iter().map(|(_, changes)| WAYS.iter().map(|&(_, way)| all(way, changes)).collect()).collect();
    let mixed: Vec<BTreeSet<usize>> = WAYS.iter().map(|&(_, way)| all(way, std::slice::from_ref(&MIXED))).collect();
    let rows = found.iter().zip(CHANGES.map(|(name, _)| name)).chain([(&mixed, "the same, Movable zones among them")]);
    let rows: Vec<_> = rows.collect();
    for (number, observation) in OBSERVATIONS.iter().enumerate() {
        for (ways, change) in &rows {
            let cells = ways.iter().map(|found| if found.contains(&number) { "yes" } else { "no" }).collect();
            writeln!(table, "| {observation} | {change} |{}", line(cells)).unwrap();
        }
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/museum/shown.md");
    if std::env::var_os("ZONELIST_BLESS").is_some() {
        fs::write(&kept, &table).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&kept).unwrap_or_default(),
        table,
        "another table, expected the one in {}",
        kept.display()
    );
}
