//! A program without std, libc and heap, as a kernel is. Publishes through the scheme of its feature, walks, and exits
//! with 0 if the walks show what was published.
//!
//! It does not link if a scheme needs more: std has a panic handler too, and alloc needs an allocator.

#![no_std]
#![no_main]

mod bare;
mod with_scheme;

use core::panic::PanicInfo;

use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zoneref,
    publish::{Published, ReaderSlots, Scheme},
    zonelist::{NodeSpan, ZonelistsRef},
};

fn check_once() -> Option<()> {
    Some(())
}

/// Publishes and walks two lists: of two zones, and of one.
fn check<S: Scheme>(scheme: S, memory: with_scheme::StaticMemory) -> Option<()> {
    let [slots, ..] = memory.slots;
    let published: Published<S> = Published::with_platform(scheme, ReaderSlots::borrowed(slots));
    let node = NodeId::new(1).unwrap();
    let zones = [ZoneKind::Movable, ZoneKind::Normal].map(|kind| Zoneref::new(ZoneId::new(node, kind)));
    let row = NodeSpan { start: 0, len: 2, own: 2 };
    let mut reader = published.reader().unwrap();
    for (lists, expected) in [(&zones[..], 2), (&zones[1..], 1)] {
        let row = NodeSpan { len: expected as u32, own: expected as u32, ..row };
        published.publish(ZonelistsRef::new(lists, &[row, row]).unwrap()).unwrap();
        let filter = published.filter(&Request::up_to(ZoneKind::Movable));
        assert!(reader.enter().walk(node, &filter).eq(lists.iter().copied()));
        reader.quiescent();
    }
    Some(())
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    bare::exit(101)
}
