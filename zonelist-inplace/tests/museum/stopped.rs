//! 4.13 and before: every CPU is stopped, between any two instructions.
//!
//! `build_all_zonelists` ran under `stop_machine`, which may stop a CPU between two slots of a list. The reader then goes on
//! in the middle of another list. So stopping the machine never gave a consistent walk. The commit that removed it says so,
//! and is right.
//!
//! `StopWorld` waits until no walk is under way. `StopWorldPreempted` does as the kernel did, for comparison.

use std::sync::Arc;

use zonelist_core::{
    ZoneKind::Movable,
    conformance::models::{MOVABLE, NORMAL, ROOM, Scenario, full, search_interrupts},
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    sync::traced::Log,
    table::{Slot, Slots},
};

use super::kernel::{Build, M0, Memory, N0, Request, Zonelist, allocate};

#[test]
fn a_reader_that_was_stopped_goes_on_over_another_list() {
    let found = search_interrupts("museum: stopped", |after| {
        let list = Arc::new(Zonelist::new(Memory::Sequential, 2, &[M0, N0]));
        Log::call("allocates, and is stopped");
        Log::from_here();
        let rebuilt = Arc::clone(&list);
        Log::interrupt(after, move || {
            Log::say("is stopped; elsewhere:");
            rebuilt.build(Build::InOnePass, &[N0]);
            Log::say("goes on");
        });
        let seen = allocate(&list, &Request::MOVABLE);
        (!seen.zones.contains(&N0)).then(|| "Normal is in both lists, and is not found".into())
    });
    super::exhibited(&found, "stopped");

    let ours = Scenario::new("museum: walks are waited for").before(&[MOVABLE, NORMAL]).publisher(&[&[NORMAL]]);
    let ours = ours.reader(&[full(Movable)]).explore(|| {
        let scheme: StopWorld<Box<[Slot]>> = StopWorld::new(Slots::boxed(ROOM));
        Published::with_slots(scheme, ReaderSlots::boxed(1))
    });
    assert_eq!(ours.tally.torn, 0);
}
