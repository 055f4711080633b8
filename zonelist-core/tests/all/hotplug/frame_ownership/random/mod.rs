//! Random machines, described correctly or with a fault, under random hotplug, allocations and frees. Each is refused with
//! the reason, or no frame ever has two zones and none is lost.

mod machine;
mod running;

use std::{cell::RefCell, collections::BTreeMap};

use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use zonelist_core::{
    Pfn, ZoneId,
    hotplug::MemoryBlocksError,
    topology::{Machine, MachineError},
    zone::Order,
};

use self::{
    machine::{RandomMachine, any_machine, zones},
    running::{RunningSystem, Step, any_step},
};
use super::{booted, cases, is_long};

/// Counts events.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn add(&mut self, what: &'static str, times: usize) {
        *self.0.entry(what).or_default() += times;
    }

    fn note(&mut self, what: &'static str, is_so: bool) {
        self.add(what, is_so.into());
    }
}

/// The outcome of booting a machine.
enum Outcome {
    Machine(MachineError),
    Blocks(MemoryBlocksError),
    Allocator(String),
    Runs(Box<RunningSystem>),
}

fn outcome(machine: &RandomMachine) -> Outcome {
    let (description, blocks) = machine.described();
    let machine = match Machine::new(description) {
        Ok((machine, _)) => machine,
        Err(error) => return Outcome::Machine(error),
    };
    let state = match booted(machine, blocks) {
        Ok(state) => state,
        Err(error) => return Outcome::Blocks(error),
    };
    match RunningSystem::boot(&state) {
        Ok(system) => Outcome::Runs(Box::new(system)),
        Err(error) => Outcome::Allocator(error),
    }
}

#[test]
fn a_machine_is_refused_with_the_reason_or_each_frame_has_one_zone() {
    let tally = RefCell::new(Tally::default());
    let config = Config { cases: cases(1500, 15), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&(any_machine(), vec(any_step(), 0..80)), |(machine, steps)| {
        check(&machine, &steps, &mut tally.borrow_mut());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let Tally(tally) = tally.into_inner();
    println!("{tally:?}");
    let rare: Vec<_> = tally.iter().filter(|(_, times)| **times < if is_long() { 3 } else { 1 }).collect();
    assert!(rare.is_empty(), "too few or none: {rare:?}");
}

fn check(machine: &RandomMachine, steps: &[Step], tally: &mut Tally) {
    let correct = machine.fault.is_none();
    let small = machine.has_blocks && machine.block_pages < 512;
    let outcome = outcome(machine);
    let refused = match &outcome {
        Outcome::Machine(error) => Some(error.to_string()),
        Outcome::Blocks(error) => Some(error.to_string()),
        Outcome::Allocator(error) => Some(error.clone()),
        Outcome::Runs(_) => None,
    };
    let unknown = refused.as_ref().is_some_and(|message| message.contains("the description does not say whose"));
    for (what, is_so) in [
        ("refused as a machine: no room", matches!(outcome, Outcome::Machine(MachineError::NoRoom { .. }))),
        ("refused as a machine: sizes", matches!(outcome, Outcome::Machine(MachineError::ZoneSizes { .. }))),
        (
            "refused as a machine: ranges overlap",
            matches!(outcome, Outcome::Machine(MachineError::RangeOverlap { .. })),
        ),
        (
            "refused as a machine: range out of the span",
            matches!(outcome, Outcome::Machine(MachineError::ZoneRange { .. })),
        ),
        ("refused as a machine: ranges too long", matches!(outcome, Outcome::Machine(MachineError::RangeSum { .. }))),
        ("refused by blocks: unknown owner", matches!(outcome, Outcome::Blocks(MemoryBlocksError::Owner(_)))),
        ("refused by blocks: no room", matches!(outcome, Outcome::Blocks(MemoryBlocksError::NoRoom { .. }))),
        ("refused by blocks: ranges", matches!(outcome, Outcome::Blocks(MemoryBlocksError::Range { .. }))),
        ("refused by blocks: out of the zone", matches!(outcome, Outcome::Blocks(MemoryBlocksError::Outside { .. }))),
        ("refused by blocks: twice", matches!(outcome, Outcome::Blocks(MemoryBlocksError::Duplicate { .. }))),
        (
            "refused by blocks: more than present",
            matches!(outcome, Outcome::Blocks(MemoryBlocksError::MoreThanPresent { .. })),
        ),
        ("refused by the allocator: unknown owner", unknown && !machine.has_blocks),
        ("refused by the allocator: small blocks", small && matches!(outcome, Outcome::Allocator(_))),
    ] {
        tally.note(what, is_so);
    }
    match outcome {
        Outcome::Runs(system) => {
            let owners = system.owners();
            if correct {
                as_described(machine, &owners);
            }
            note_hard_cases(machine, &owners, tally);
            let counts = system.perform(steps);
            for (what, times) in [
                ("pages allocated", counts.allocated),
                ("pages migrated", counts.moved),
                ("blocks online", counts.online),
                ("blocks offline", counts.offline),
                ("operations refused: busy", counts.busy),
                ("blocks refused where there is memory", counts.exists),
            ] {
                tally.add(what, times);
            }
        }
        _ => {
            let message = refused.unwrap_or_default();
            assert!(message.contains("expected "), "{message}");
            let nothing = (0..5).all(|zone| machine.ranges(zone).is_empty());
            assert!(!correct || nothing || small || unknown, "a correctly described machine was refused: {message}");
            assert!(
                !machine.is_fully_described() || nothing || small,
                "a fully described machine was refused: {message}"
            );
        }
    }
}

/// Each frame has its true zone; and a frame of no zone has none, if the machine is fully described.
fn as_described(machine: &RandomMachine, owners: &BTreeMap<Pfn, ZoneId>) {
    let truth = machine.owners();
    for (&pfn, &zone) in owners {
        let real = truth.get(pfn.number() as usize).copied().flatten().map(|at| zones()[at]);
        let is_right = real == Some(zone) || real.is_none() && !machine.is_fully_described();
        assert!(is_right, "frame {pfn} is of {real:?}, and {zone} has it");
    }
}

/// Counts the hard cases among the machines that run.
fn note_hard_cases(machine: &RandomMachine, owners: &BTreeMap<Pfn, ZoneId>, tally: &mut Tally) {
    let spans = |zone: &ZoneId| {
        let mut frames = owners.iter().filter(|(_, other)| *other == zone).map(|(pfn, _)| *pfn);
        Some((frames.next()?, frames.next_back()?))
    };
    let spans: Vec<_> = zones().iter().filter_map(spans).collect();
    let overlap = spans.iter().any(|one| spans.iter().any(|other| one.0 < other.0 && other.0 < one.1));
    let mut blocks: BTreeMap<Pfn, Vec<ZoneId>> = BTreeMap::new();
    for (pfn, zone) in owners {
        let zones = blocks.entry(pfn.align_down(Order::PAGEBLOCK)).or_default();
        if !zones.contains(zone) {
            zones.push(*zone);
        }
    }
    let nodes = |zones: &Vec<ZoneId>| zones.iter().any(|zone| zone.node() != zones[0].node());
    tally.note("runs: spans overlap, with all exact ranges", overlap && machine.exact == [true; 5]);
    tally.note("runs: spans overlap, without exact ranges", overlap && machine.exact == [false; 5]);
    tally.note("runs: a pageblock of two zones", blocks.values().any(|zones| zones.len() > 1));
    tally.note("runs: a pageblock of two nodes", blocks.values().any(nodes));
    tally.note("runs: with a fault that contradicts nothing", machine.fault.is_some());
    tally.note("runs: boot took frames", machine.taken.iter().any(|&taken| taken > 0));
    tally.note("runs: without blocks", !machine.has_blocks);
}
