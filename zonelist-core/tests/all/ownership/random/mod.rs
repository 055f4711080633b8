//! Random machines, as they are and as they are not, with random hotplug, allocations and frees over them: each is
//! refused with the reason, or no frame ever has two owners and none is lost.

mod life;
mod world;

use std::{cell::RefCell, collections::BTreeMap};

use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use zonelist_core::{Machine, MachineError, ZoneId, hotplug::BlocksError};

use self::{
    life::{Life, Step, any_step},
    world::{World, any_world, zones},
};
use super::{booted, cases, is_long};

/// How often something was so.
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

/// What becomes of a machine, before it lives.
enum Fate {
    Machine(MachineError),
    Blocks(BlocksError),
    Allocator(String),
    Lives(Box<Life>),
}

fn fate(world: &World) -> Fate {
    let (description, blocks) = world.described();
    let machine = match Machine::new(description) {
        Ok((machine, _)) => machine,
        Err(error) => return Fate::Machine(error),
    };
    let state = match booted(machine, blocks) {
        Ok(state) => state,
        Err(error) => return Fate::Blocks(error),
    };
    match Life::begin(&state) {
        Ok(life) => Fate::Lives(Box::new(life)),
        Err(error) => Fate::Allocator(error),
    }
}

#[test]
fn a_machine_is_refused_with_the_reason_or_each_frame_has_one_owner() {
    let tally = RefCell::new(Tally::default());
    let config = Config { cases: cases(1500, 15), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&(any_world(), vec(any_step(), 0..80)), |(world, steps)| {
        lives(&world, &steps, &mut tally.borrow_mut());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let Tally(tally) = tally.into_inner();
    println!("{tally:?}");
    let seldom: Vec<_> = tally.iter().filter(|(_, times)| **times < if is_long() { 3 } else { 1 }).collect();
    assert!(seldom.is_empty(), "seen seldom or never: {seldom:?}");
}

fn lives(world: &World, steps: &[Step], tally: &mut Tally) {
    let honest = world.lie.is_none();
    let small = world.has_blocks && world.block_pages < 512;
    let fate = fate(world);
    let refused = match &fate {
        Fate::Machine(error) => Some(error.to_string()),
        Fate::Blocks(error) => Some(error.to_string()),
        Fate::Allocator(error) => Some(error.clone()),
        Fate::Lives(_) => None,
    };
    let unknown = refused.as_ref().is_some_and(|said| said.contains("the description does not say whose"));
    for (what, is_so) in [
        ("refused as a machine: no room", matches!(fate, Fate::Machine(MachineError::NoRoom { .. }))),
        ("refused as a machine: sizes", matches!(fate, Fate::Machine(MachineError::ZoneSizes { .. }))),
        ("refused as a machine: ranges overlap", matches!(fate, Fate::Machine(MachineError::RangeOverlap { .. }))),
        ("refused as a machine: range out of the span", matches!(fate, Fate::Machine(MachineError::ZoneRange { .. }))),
        ("refused as a machine: ranges too long", matches!(fate, Fate::Machine(MachineError::RangeSum { .. }))),
        ("refused by blocks: unknown owner", matches!(fate, Fate::Blocks(BlocksError::Owner(_)))),
        ("refused by blocks: no room", matches!(fate, Fate::Blocks(BlocksError::NoRoom { .. }))),
        ("refused by blocks: ranges", matches!(fate, Fate::Blocks(BlocksError::Range { .. }))),
        ("refused by blocks: out of the zone", matches!(fate, Fate::Blocks(BlocksError::Outside { .. }))),
        ("refused by blocks: twice", matches!(fate, Fate::Blocks(BlocksError::Duplicate { .. }))),
        ("refused by blocks: more than present", matches!(fate, Fate::Blocks(BlocksError::MoreThanPresent { .. }))),
        ("refused by the allocator: unknown owner", unknown && !world.has_blocks),
        ("refused by the allocator: small blocks", small && matches!(fate, Fate::Allocator(_))),
    ] {
        tally.note(what, is_so);
    }
    match fate {
        Fate::Lives(life) => {
            let owners = life.owners();
            if honest {
                as_described(world, &owners);
            }
            noticed(world, &owners, tally);
            let deeds = life.live(steps);
            for (what, times) in [
                ("pages taken", deeds.taken),
                ("pages moved", deeds.moved),
                ("blocks online", deeds.online),
                ("blocks off line", deeds.offline),
                ("operations refused: busy", deeds.busy),
                ("blocks refused where there is memory", deeds.exists),
            ] {
                tally.add(what, times);
            }
        }
        _ => {
            let said = refused.unwrap_or_default();
            assert!(said.contains("expected "), "{said}");
            let nothing = (0..5).all(|zone| world.ranges(zone).is_empty());
            assert!(!honest || nothing || small || unknown, "an honest machine was refused: {said}");
            assert!(!world.tells_all() || nothing || small, "all was said, and it was refused: {said}");
        }
    }
}

/// No frame is a zone's that is another's in truth; and none that is missing, if all is said.
fn as_described(world: &World, owners: &BTreeMap<u64, ZoneId>) {
    let truth = world.owners();
    for (&pfn, &zone) in owners {
        let real = truth.get(pfn as usize).copied().flatten().map(|at| zones()[at]);
        let is_right = real == Some(zone) || real.is_none() && !world.tells_all();
        assert!(is_right, "frame {pfn} is {real:?}'s, and {zone} has it");
    }
}

/// What of the hard cases a machine that lives has.
fn noticed(world: &World, owners: &BTreeMap<u64, ZoneId>, tally: &mut Tally) {
    let spans = |zone: &ZoneId| {
        let mut frames = owners.iter().filter(|(_, other)| *other == zone).map(|(pfn, _)| *pfn);
        Some((frames.next()?, frames.next_back()?))
    };
    let spans: Vec<_> = zones().iter().filter_map(spans).collect();
    let overlap = spans.iter().any(|one| spans.iter().any(|other| one.0 < other.0 && other.0 < one.1));
    let mut blocks: BTreeMap<u64, Vec<ZoneId>> = BTreeMap::new();
    for (pfn, zone) in owners {
        let zones = blocks.entry(pfn / 512).or_default();
        if !zones.contains(zone) {
            zones.push(*zone);
        }
    }
    let nodes = |zones: &Vec<ZoneId>| zones.iter().any(|zone| zone.node() != zones[0].node());
    tally.note("lives: spans overlap, and all is said", overlap && world.exact == [true; 5]);
    tally.note("lives: spans overlap, and blocks say whose", overlap && world.exact == [false; 5]);
    tally.note("lives: a pageblock of two zones", blocks.values().any(|zones| zones.len() > 1));
    tally.note("lives: a pageblock of two nodes", blocks.values().any(nodes));
    tally.note("lives: with a lie that nothing gives away", world.lie.is_some());
    tally.note("lives: boot took frames", world.taken.iter().any(|&taken| taken > 0));
    tally.note("lives: without blocks", !world.has_blocks);
}
