//! Zones of one allocator: none takes a frame that another one manages, by whichever way it comes.

use std::{
    array,
    cell::{Cell, RefCell},
    slice,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use zonelist_core::{
    LocalHandle, MAX_ORDER, NodeSpan, PageAllocator, PageRequest, PerCpuPages, RangeError, RawLock, SetupError, Slot,
    Slots, Spin, StopWorld, Zone, ZoneId,
    ZoneKind::{Dma32, Movable, Normal},
    ZonelistsRef, Zoneref,
    publish::{FullFence, Published},
};

use super::setup::zone_id;

type Scheme = StopWorld<Box<[Slot]>>;
type Allocator = PageAllocator<'static, Scheme, FullFence, Spin, 2>;

const FRAMES: u64 = 8192;

fn ids() -> [ZoneId; 3] {
    [Dma32, Normal, Movable].map(|kind| zone_id(0, kind))
}

fn zones() -> [Zone<'static>; 3] {
    ids().map(|id| Zone::boxed(id, 0..FRAMES, MAX_ORDER, Spin::new()).unwrap())
}

fn published() -> Published<Scheme, FullFence, 2> {
    Published::new(StopWorld::new(Slots::boxed(zonelist_core::Capacity::new(1, 3).unwrap())))
}

/// An allocator over zones that stay where they are.
fn over(zones: &'static [Zone<'static>]) -> Result<Allocator, SetupError> {
    let caches = Vec::from_iter((0..6).map(|_| PerCpuPages::new())).leak();
    PageAllocator::new(published(), zones, vec![0; 64].leak(), caches)
}

#[test]
fn a_zone_takes_no_frame_of_another_of_its_allocator() {
    let allocator = PageAllocator::boxed(published(), zones().into()).unwrap();
    let allocator: Box<Allocator> = Box::new(allocator);
    let [one, other, _] = array::from_fn(|at| &allocator.zones()[at]);
    one.add(0..700).unwrap();
    let owned = |pfn| Err(RangeError::Owned { pfn, zone: ids()[0] });
    assert_eq!((other.add(600..1000), other.add(0..1), other.add(0..FRAMES)), (owned(600), owned(0), owned(0)));
    assert_eq!(allocator.add(ids()[1], 699..701), owned(699));
    other.add(700..1000).unwrap();
    assert_eq!(one.add(900..1100), Err(RangeError::Owned { pfn: 900, zone: ids()[1] }));
    assert_eq!(one.add(500..701), Err(RangeError::Owned { pfn: 700, zone: ids()[1] }));
    // What one has given up, the other may have.
    one.remove(600..700).unwrap();
    other.add(600..700).unwrap();
    // What is none of a zone's is refused as before.
    assert_eq!(other.add(0..FRAMES + 1), owned(0));
    assert!(matches!(other.add(FRAMES - 1..FRAMES + 1), Err(RangeError::Outside { .. })));
    assert_eq!((one.managed(), other.managed()), (600, 400));
}

#[test]
fn zones_that_an_allocator_had_stay_together() {
    let zones: &'static [Zone<'static>] = Vec::from(zones()).leak();
    zones[0].add(0..512).unwrap();
    drop(over(zones).unwrap());
    let owned = Err(RangeError::Owned { pfn: 511, zone: ids()[0] });
    assert_eq!(zones[1].add(511..1024), owned);
    // Two allocators of the same zones keep them apart in the same way.
    let (_one, two) = (over(zones).unwrap(), over(zones).unwrap());
    assert_eq!(two.add(ids()[2], 511..1024), owned);
    two.add(ids()[2], 512..1024).unwrap();
    assert!(zones[1].add(512..513).is_err());
}

#[test]
fn zones_of_one_allocator_are_not_some_of_another() {
    let zones: &'static [Zone<'static>] = Vec::from(zones()).leak();
    let _both = over(&zones[..2]).unwrap();
    let elsewhere = |at: usize| Some(SetupError::Elsewhere { zone: ids()[at] });
    assert_eq!(over(zones).err(), elsewhere(0));
    assert_eq!(over(&zones[..1]).err(), elsewhere(0));
    assert_eq!(over(&zones[1..]).err(), elsewhere(1));
    assert!(elsewhere(1).unwrap().to_string().contains("; expected zones of none, or just those of one"));
    over(slice::from_ref(&zones[2])).unwrap();
}

/// Of what two zones want at the same time, one gets each frame.
#[test]
fn what_two_zones_take_at_once_one_has() {
    for _ in 0..20 {
        let allocator: Allocator = PageAllocator::boxed(published(), zones().into()).unwrap();
        thread::scope(|scope| {
            for zone in allocator.zones() {
                scope.spawn(|| (0..FRAMES).step_by(64).filter(|&pfn| zone.add(pfn..pfn + 64).is_ok()).count());
            }
        });
        let managed: usize = allocator.zones().iter().map(Zone::managed).sum();
        assert_eq!(managed as u64, FRAMES);
        for pfn in 0..FRAMES {
            assert_eq!(allocator.zones().iter().filter(|zone| zone.manages(pfn)).count(), 1, "frame {pfn}");
        }
    }
}

thread_local! {
    /// What this thread does, once, before it takes a zone's lock.
    static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    /// How many locks it takes before that.
    static FIRST: Cell<u32> = const { Cell::new(0) };
}

/// A lock before which a thread can be held up.
struct HeldUp(Spin);

// SAFETY: it is the lock inside.
unsafe impl RawLock for HeldUp {
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
        // SAFETY: the caller has the lock.
        unsafe { self.0.unlock(()) };
    }
}

/// Between a zone's look at the others and its taking of frames, no other zone takes them.
#[test]
fn no_zone_takes_frames_while_another_of_its_allocator_does() {
    // However many locks the first zone's call takes, it is held up before each of them in turn.
    let mut held_up = 0;
    for before in 0..6 {
        let zones = ids().map(|id| Zone::boxed(id, 0..FRAMES, MAX_ORDER, HeldUp(Spin::new())).unwrap());
        let zones: &'static [Zone<'static, HeldUp>] = Vec::from(zones).leak();
        let caches = Vec::from_iter((0..6).map(|_| PerCpuPages::new())).leak();
        let _allocator = PageAllocator::new(published(), zones, vec![0; 64].leak(), caches).unwrap();
        let (done, other) = (mpsc::channel(), Arc::new(Mutex::new(None)));
        let handle = Arc::clone(&other);
        MEANWHILE.set(Some(Box::new(move || {
            let taken = thread::spawn(move || {
                let taken = zones[1].add(0..700).is_ok();
                let _ = done.0.send(());
                taken
            });
            *handle.lock().unwrap() = Some(taken);
            // The other one either waits until the first is through, and is not waited for, or is through at once.
            let _ = done.1.recv_timeout(Duration::from_millis(20));
        })));
        FIRST.set(before);
        let first = zones[0].add(0..700).is_ok();
        MEANWHILE.set(None);
        let Some(other) = other.lock().unwrap().take() else { continue };
        held_up += 1;
        let taken = [first, other.join().unwrap()];
        assert_eq!(taken.iter().filter(|&&taken| taken).count(), 1, "before lock {before}: {taken:?}");
        assert_eq!(zones.iter().map(Zone::managed).sum::<usize>(), 700);
    }
    assert!(held_up > 0, "a zone's lock is taken");
}

/// What uses an allocator that is borrowed for as long as its zones are.
struct User<'a> {
    allocator: &'a PageAllocator<'a, Scheme, FullFence, Spin, 2>,
    local: LocalHandle<'a, 'a, Scheme, FullFence, Spin, 2>,
}

/// Something is done when an allocator is dropped. That need not be said: it may have been lent out until then.
#[test]
fn an_allocator_is_lent_for_as_long_as_its_zones() {
    let (mut index, mut caches) = ([0; 64], [const { PerCpuPages::new() }; 2]);
    let mut words = [0; Zone::<Spin>::words(0, FRAMES)];
    let id = ids()[1];
    let zones = [Zone::new(id, 0..FRAMES, MAX_ORDER, &mut words, Spin::new()).unwrap()];
    zones[0].add(0..FRAMES).unwrap();
    {
        let entries = [Zoneref::new(id)];
        let lists = ZonelistsRef::new(&entries, &[NodeSpan { start: 0, len: 1, own: 1 }]).unwrap();
        let on_heap = PageAllocator::boxed(published(), super::setup::zones()).unwrap();
        let given = PageAllocator::new(published(), &zones, &mut index, &mut caches).unwrap();
        given.published().publish(lists).unwrap();
        let mut user = User { allocator: &given, local: given.local().unwrap() };
        let class = user.allocator.prepare(&PageRequest::up_to(Normal)).unwrap();
        let page = user.local.alloc(id.node(), &class).unwrap();
        user.local.free(page).unwrap();
        // Its pages are in its caches, until the allocator is dropped.
        std::mem::forget(user);
        assert!(zones[0].free_pages() < zones[0].managed());
        let other = User { allocator: &on_heap, local: on_heap.local().unwrap() };
        assert_eq!(other.allocator.zones().len(), 4);
        drop(other);
    }
    assert_eq!(zones[0].free_pages(), zones[0].managed());
}
