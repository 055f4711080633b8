//! Implementations of the library's safe traits that break their documentation.
//!
//! No frame has two users then, and nothing is held for ever but what such an implementation holds itself.

mod locks;
mod migration_sources;
mod operations;
mod reentrant;
mod scheme;
mod tables;
mod walks;

use std::{cell::Cell, collections::HashSet};

use zonelist_core::{
    NodeId, Page, PageAllocator, Pfn, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    publish::{Published, Scheme},
    sync::Spin,
    zone::Order,
};

const READERS: usize = 4;
const FRAMES: u64 = 4096;
const NODE: NodeId = NodeId::new(0).unwrap();
const ZONES: [ZoneId; 2] = [ZoneId::new(NODE, Movable), ZoneId::new(NODE, Normal)];

type Allocator<S> = PageAllocator<'static, S>;

/// Two zones of [`FRAMES`] each.
fn allocator<S: Scheme>(scheme: S) -> Allocator<S> {
    let zone = |(id, start): (ZoneId, u64)| {
        let zone = Zone::boxed(id, Pfn::range(start..start + FRAMES), Order::MAX, Spin::new()).unwrap();
        zone.add(Pfn::range(start..start + FRAMES)).unwrap();
        zone
    };
    PageAllocator::boxed(Published::new(scheme), ZONES.into_iter().zip([0, FRAMES]).map(zone).collect()).unwrap()
}

/// Panics if a frame is in two pages, or not in the zone of its page.
fn are_apart<S: Scheme>(allocator: &Allocator<S>, pages: &[Page]) {
    let mut frames = HashSet::new();
    for page in pages {
        let zone = allocator.zone_of(page).expect("a page of this allocator");
        for pfn in Pfn::iter(page.frames()) {
            assert!(zone.manages(pfn), "{page:?} is not of {}", zone.id());
            assert!(frames.insert(pfn), "frame {pfn} is allocated twice");
        }
    }
}

/// True if every frame is free after a drain of all per-CPU pages.
fn all_is_free<S: Scheme>(allocator: &Allocator<S>) -> bool {
    allocator.drain().unwrap();
    allocator.zones().iter().all(|zone| zone.free_pages() == FRAMES as usize)
}

/// The next pseudo-random number of this thread: xorshift with the same seed in each.
fn random() -> u64 {
    thread_local! { static STATE: Cell<u64> = const { Cell::new(0x2545_f491_4f6c_dd1d) } }
    STATE.with(|state| {
        let mut next = state.get();
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        state.set(next);
        next
    })
}
