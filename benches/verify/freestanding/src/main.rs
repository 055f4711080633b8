//! A kernel's place to be: no std, no libc and no heap. Publishes through the scheme that is its
//! feature, walks, and ends with 0 if all is as it should be.
//!
//! Were std linked, its panic handler would be a second one; were alloc, an allocator would be missing.

#![no_std]
#![no_main]

mod bare;
mod with_scheme;

use core::panic::PanicInfo;

use zonelist_core::{
    NodeId, NodeSpan, Request, ZoneId, ZoneKind, ZonelistsRef, Zoneref,
    publish::{FullFence, Published, Scheme},
};

/// A zone comes, and goes.
fn check<S: Scheme>(scheme: S) -> Option<()> {
    let published: Published<S, FullFence, 2> = Published::new(scheme);
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
