//! Zones of one allocator: none adds a frame that another zone manages, in any order of calls.

use std::{
    array,
    cell::{Cell, RefCell},
    slice,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use zonelist_core::{
    LocalHandle, PageAllocator, PageRequest, Pfn, Zone, ZoneId,
    ZoneKind::{Dma32, Movable, Normal},
    Zoneref,
    page_alloc::{PerCpuPages, SetupError},
    publish::{FullFence, Parts, Published, ReaderSlots, Standard},
    stop_world::StopWorld,
    sync::{RawLock, Spin},
    table::{Slot, Slots},
    zone::{Order, RangeError},
    zonelist::{NodeSpan, ZonelistsRef},
};

use super::setup::zone_id;

type Scheme = StopWorld<Box<[Slot]>>;
type Allocator = PageAllocator<'static, Scheme>;

const FRAMES: u64 = 8192;

fn ids() -> [ZoneId; 3] {
    [Dma32, Normal, Movable].map(|kind| zone_id(0, kind))
}

fn zones() -> [Zone<'static>; 3] {
    ids().map(|id| Zone::boxed(id, Pfn::range(0..FRAMES), Order::MAX, Spin::new()).unwrap())
}

fn published() -> Published<Scheme> {
    Published::with_slots(
        StopWorld::new(Slots::boxed(zonelist_core::table::Capacity::new(1, 3).unwrap())),
        ReaderSlots::boxed(2),
    )
}

/// An allocator over zones that are never dropped.
fn over(zones: &'static [Zone<'static>]) -> Result<Allocator, SetupError> {
    let caches = Vec::from_iter((0..6).map(|_| PerCpuPages::new())).leak();
    PageAllocator::new(published(), zones, vec![0; 64].leak(), caches)
}

#[test]
fn a_zone_adds_no_frame_of_another_zone_of_its_allocator() {
    let allocator = PageAllocator::boxed(published(), zones().into()).unwrap();
    let allocator: Box<Allocator> = Box::new(allocator);
    let [one, other, _] = array::from_fn(|at| &allocator.zones()[at]);
    one.add(Pfn::range(0..700)).unwrap();
    let owned = |pfn| Err(RangeError::Owned { pfn, zone: ids()[0] });
    assert_eq!(
        (other.add(Pfn::range(600..1000)), other.add(Pfn::range(0..1)), other.add(Pfn::range(0..FRAMES))),
        (owned(Pfn::new(600)), owned(Pfn::new(0)), owned(Pfn::new(0)))
    );
    assert_eq!(allocator.add(ids()[1], Pfn::range(699..701)), owned(Pfn::new(699)));
    other.add(Pfn::range(700..1000)).unwrap();
    assert_eq!(one.add(Pfn::range(900..1100)), Err(RangeError::Owned { pfn: Pfn::new(900), zone: ids()[1] }));
    assert_eq!(one.add(Pfn::range(500..701)), Err(RangeError::Owned { pfn: Pfn::new(700), zone: ids()[1] }));
    // A frame that one zone has removed, another zone may add.
    one.remove(Pfn::range(600..700)).unwrap();
    other.add(Pfn::range(600..700)).unwrap();
    // Frames out of the span are refused with an error of their own.
    assert_eq!(other.add(Pfn::range(0..FRAMES + 1)), owned(Pfn::new(0)));
    assert!(matches!(other.add(Pfn::range(FRAMES - 1..FRAMES + 1)), Err(RangeError::Outside { .. })));
    assert_eq!((one.managed(), other.managed()), (600, 400));
}

#[test]
fn zones_of_a_dropped_allocator_stay_one_set() {
    let zones: &'static [Zone<'static>] = Vec::from(zones()).leak();
    zones[0].add(Pfn::range(0..512)).unwrap();
    drop(over(zones).unwrap());
    let owned = Err(RangeError::Owned { pfn: Pfn::new(511), zone: ids()[0] });
    assert_eq!(zones[1].add(Pfn::range(511..1024)), owned);
    // Two allocators of the same zones keep them apart in the same way.
    let (_one, two) = (over(zones).unwrap(), over(zones).unwrap());
    assert_eq!(two.add(ids()[2], Pfn::range(511..1024)), owned);
    two.add(ids()[2], Pfn::range(512..1024)).unwrap();
    assert!(zones[1].add(Pfn::range(512..513)).is_err());
}

#[test]
fn zones_of_one_allocator_are_no_part_of_another() {
    let zones: &'static [Zone<'static>] = Vec::from(zones()).leak();
    let _both = over(&zones[..2]).unwrap();
    let elsewhere = |at: usize| Some(SetupError::OtherAllocator { zone: ids()[at] });
    assert_eq!(over(zones).err(), elsewhere(0));
    assert_eq!(over(&zones[..1]).err(), elsewhere(0));
    assert_eq!(over(&zones[1..]).err(), elsewhere(1));
    assert!(elsewhere(1).unwrap().to_string().contains("; expected zones of none, or just those of one"));
    over(slice::from_ref(&zones[2])).unwrap();
}

/// All zones add the same frames concurrently: each frame gets into one zone.
#[test]
fn a_frame_that_zones_add_at_once_is_in_one_of_them() {
    for _ in 0..20 {
        let allocator: Allocator = PageAllocator::boxed(published(), zones().into()).unwrap();
        thread::scope(|scope| {
            for zone in allocator.zones() {
                scope.spawn(|| {
                    (0..FRAMES).step_by(64).filter(|&pfn| zone.add(Pfn::range(pfn..pfn + 64)).is_ok()).count()
                });
            }
        });
        let managed: usize = allocator.zones().iter().map(Zone::managed).sum();
        assert_eq!(managed as u64, FRAMES);
        for pfn in 0..FRAMES {
            assert_eq!(allocator.zones().iter().filter(|zone| zone.manages(Pfn::new(pfn))).count(), 1, "frame {pfn}");
        }
    }
}

thread_local! {
    /// A closure that this thread calls once, before it acquires a zone's lock.
    static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    /// The number of locks that it acquires before that.
    static FIRST: Cell<u32> = const { Cell::new(0) };
}

/// A lock that can delay a thread before it is acquired.
struct Delayed(Spin);

// SAFETY: the inner lock excludes all other threads.
unsafe impl RawLock for Delayed {
    type Held = ();

    fn lock(&self) {
        if FIRST.replace(FIRST.get().saturating_sub(1)) == 0 {
            let meanwhile = MEANWHILE.take();
            meanwhile.into_iter().for_each(|act| act());
        }
        self.0.lock();
    }

    fn try_lock(&self) -> Option<()> {
        self.0.try_lock()
    }

    unsafe fn unlock(&self, (): ()) {
        // SAFETY: the caller holds the lock, which is the inner one.
        unsafe { self.0.unlock(()) };
    }
}

/// Between a zone's check of the other zones and the addition of the frames, no other zone adds them.
#[test]
fn no_zone_adds_frames_while_another_of_its_allocator_does() {
    // The number of locks that the call acquires is not known here: it is delayed before each of them in turn.
    let mut delayed = 0;
    for before in 0..6 {
        let zones = ids().map(|id| Zone::boxed(id, Pfn::range(0..FRAMES), Order::MAX, Delayed(Spin::new())).unwrap());
        let zones: &'static [Zone<'static, Delayed>] = Vec::from(zones).leak();
        let caches = Vec::from_iter((0..6).map(|_| PerCpuPages::new())).leak();
        let table = StopWorld::new(Slots::boxed(zonelist_core::table::Capacity::new(1, 3).unwrap()));
        let lists: Published<_, Parts<FullFence, Delayed>> = Published::with_platform(table, ReaderSlots::boxed(2));
        let _allocator = PageAllocator::new(lists, zones, vec![0; 64].leak(), caches).unwrap();
        let (done, other) = (mpsc::channel(), Arc::new(Mutex::new(None)));
        let handle = Arc::clone(&other);
        MEANWHILE.set(Some(Box::new(move || {
            let taken = thread::spawn(move || {
                let taken = zones[1].add(Pfn::range(0..700)).is_ok();
                let _ = done.0.send(());
                taken
            });
            *handle.lock().unwrap() = Some(taken);
            // The other thread either waits for the first, which must then not wait for it, or ends at once.
            let _ = done.1.recv_timeout(Duration::from_millis(20));
        })));
        FIRST.set(before);
        let first = zones[0].add(Pfn::range(0..700)).is_ok();
        MEANWHILE.set(None);
        let Some(other) = other.lock().unwrap().take() else { continue };
        delayed += 1;
        let taken = [first, other.join().unwrap()];
        assert_eq!(taken.iter().filter(|&&taken| taken).count(), 1, "before lock {before}: {taken:?}");
        assert_eq!(zones.iter().map(Zone::managed).sum::<usize>(), 700);
    }
    assert!(delayed > 0, "the call acquires a zone's lock");
}

/// A user of an allocator that is borrowed for as long as its zones.
struct User<'a> {
    allocator: &'a PageAllocator<'a, Scheme>,
    local: LocalHandle<'a, 'a, Scheme, Standard>,
}

/// The drop of an allocator uses its zones. The borrow checker allows loans of the allocator until then all the same.
#[test]
fn an_allocator_is_borrowed_for_as_long_as_its_zones() {
    let (mut index, mut caches) = ([0; 64], [const { PerCpuPages::new() }; 2]);
    let mut words = [0; Zone::<Spin>::words(Pfn::range(0..FRAMES))];
    let id = ids()[1];
    let zones = [Zone::new(id, Pfn::range(0..FRAMES), Order::MAX, &mut words, Spin::new()).unwrap()];
    zones[0].add(Pfn::range(0..FRAMES)).unwrap();
    {
        let entries = [Zoneref::new(id)];
        let lists = ZonelistsRef::new(&entries, &[NodeSpan { start: 0, len: 1, own: 1 }]).unwrap();
        let on_heap = PageAllocator::boxed(published(), super::setup::zones()).unwrap();
        let given = PageAllocator::new(published(), &zones, &mut index, &mut caches).unwrap();
        given.published().publish(lists).unwrap();
        let mut user = User { allocator: &given, local: given.local().unwrap() };
        let request = user.allocator.prepare(&PageRequest::up_to(Normal));
        let page = user.local.alloc(id.node(), &request).unwrap();
        user.local.free(page).unwrap();
        // The leaked handle's per-CPU pages are not free until the allocator is dropped.
        std::mem::forget(user);
        assert!(zones[0].free_pages() < zones[0].managed());
        let other = User { allocator: &on_heap, local: on_heap.local().unwrap() };
        assert_eq!(other.allocator.zones().len(), 4);
        drop(other);
    }
    assert_eq!(zones[0].free_pages(), zones[0].managed());
}
