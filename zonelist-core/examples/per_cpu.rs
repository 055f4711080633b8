//! The boot of a kernel: CPU 0 creates the allocator and a handle for each CPU, in statics, without a heap.
//!
//! `boot` and `handle` need neither std nor a heap, and no `unsafe`. Threads stand for CPUs in `main`. Run it with
//! `cargo run --example per_cpu --package zonelist-core`.

use std::{error::Error, thread};

use zonelist_core::{
    LocalHandle, NodeId, PageAllocator, PageRequest, Pfn, Published, Zone, ZoneId, ZoneKind, Zoneref,
    page_alloc::{PerCpuPages, PreparedRequest},
    publish::{ReaderSlot, ReaderSlots, Standard},
    stop_world::StopWorld,
    sync::{Spin, TakeCell},
    table::{Capacity, Slot, Slots},
    zone::Order,
    zonelist::{NodeSpan, ZonelistsRef},
};

const CPUS: usize = 4;
/// The end of the page frames. The kernel's image has those before `FREE`.
const END: u64 = 1 << 16;
const FREE: u64 = 4096;
const NODE: NodeId = NodeId::new(0).unwrap();
const NORMAL: ZoneId = ZoneId::new(NODE, ZoneKind::Normal);
/// One node, with one zone on its list.
const CAPACITY: Capacity = Capacity::new(1, 1).unwrap();

type Scheme = StopWorld<[Slot; CAPACITY.words()]>;
type Allocator = PageAllocator<'static, Scheme>;
type Handle = LocalHandle<'static, 'static, Scheme, Standard>;

// All zeros, in `.bss`.
const ZONE_WORDS: usize = Zone::<Spin>::words(Pfn::range(0..END));
static WORDS: TakeCell<[u64; ZONE_WORDS]> = TakeCell::new([0; ZONE_WORDS]);
static INDEX: TakeCell<[u16; NORMAL.index() + 1]> = TakeCell::new([0; NORMAL.index() + 1]);
static SLOTS: TakeCell<[ReaderSlot; CPUS]> = TakeCell::new([const { ReaderSlot::new() }; CPUS]);
static CACHES: TakeCell<[PerCpuPages; CPUS]> = TakeCell::new([const { PerCpuPages::new() }; CPUS]);

// Created at boot, and never dropped.
static ZONES: TakeCell<Option<[Zone<'static>; 1]>> = TakeCell::new(None);
static ALLOCATOR: TakeCell<Option<Allocator>> = TakeCell::new(None);
static HANDLES: [TakeCell<Option<Handle>>; CPUS] = [const { TakeCell::new(None) }; CPUS];

/// Creates the allocator, on CPU 0. `None` in a second call, or if a constant above is too small.
fn boot() -> Option<&'static Allocator> {
    let zone = Zone::new(NORMAL, Pfn::range(0..END), Order::MAX, WORDS.take()?, Spin::new()).ok()?;
    zone.add(Pfn::range(FREE..END)).ok()?;
    let zones = ZONES.take()?.insert([zone]);
    let slots = ReaderSlots::borrowed(SLOTS.take()?);
    let published = Published::with_slots(StopWorld::new(Slots::in_array(CAPACITY)?), slots);
    let (zonerefs, spans) = ([Zoneref::new(NORMAL)], [NodeSpan { start: 0, len: 1, own: 1 }]);
    published.publish(ZonelistsRef::new(&zonerefs, &spans).ok()?).ok()?;
    let allocator = PageAllocator::new(published, zones, INDEX.take()?, CACHES.take()?).ok()?;
    Some(ALLOCATOR.take()?.insert(allocator))
}

/// Creates the handle of a CPU, on CPU 0.
fn handle(allocator: &'static Allocator, cpu: usize) -> Option<&'static mut Handle> {
    Some(HANDLES.get(cpu)?.take()?.insert(allocator.local().ok()?))
}

/// The work of a CPU, which has its handle for itself. The CPU keeps it in its per-CPU area, and uses it with preemption
/// off. An interrupt handler needs another handle, or interrupts are off too.
fn start(cpu: usize, local: &'static mut Handle, request: &PreparedRequest<Scheme>) {
    for _ in 0..1000 {
        let page = local.alloc(NODE, request).expect("a free page");
        local.free(page).expect("a page of this allocator");
    }
    // The per-CPU pages stay with the CPU: its handle is never dropped.
    println!("CPU {cpu}: {} pages are free in the zone", local.allocator().zones()[0].free_pages());
}

fn main() -> Result<(), Box<dyn Error>> {
    let allocator = boot().ok_or("the boot fails")?;
    let request = &allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
    thread::scope(|scope| {
        for cpu in 0..CPUS {
            let local = handle(allocator, cpu).ok_or("no handle is left")?;
            scope.spawn(move || start(cpu, local, request));
        }
        Ok::<_, Box<dyn Error>>(())
    })?;
    // Any CPU can drain the pages of all.
    allocator.drain()?;
    assert_eq!(allocator.zones()[0].free_pages() as u64, END - FREE);
    Ok(())
}
