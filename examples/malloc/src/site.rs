//! The page allocator over a scheme: its zones, the memory behind them, and what all threads share.

use core::{
    cell::UnsafeCell,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};
use std::sync::Arc;

use zonelist_core::{
    LocalHandle, NodeId, PageAllocator, PageRequest, Pfn, Scheme, Zone, ZoneId, ZoneKind, Zoneref,
    hotplug::{AllocatorProvider, Arena, RunningMachine},
    page_alloc::{MovablePages, PreparedRequest},
    publish::{HandleId, Published, ReaderError, ReaderSlots},
    sync::Spin,
    table::Capacity,
    zone::Order,
    zonelist::{NodeSpan, ZonelistsRef},
};

use crate::{
    block::{self, FRAME_BYTES, FRAMES},
    fork::Prepared,
    pages::{Pages, System, ThreadPages},
    storm::{self, Copier},
};

/// The one node.
pub(crate) const NODE: NodeId = NodeId::new(0).unwrap();
/// The zone of malloc's memory.
pub(crate) const NORMAL: ZoneId = ZoneId::new(NODE, ZoneKind::Normal);
/// The zone of the storm, which malloc's requests do not admit.
pub(crate) const MOVABLE: ZoneId = ZoneId::new(NODE, ZoneKind::Movable);

/// Frames of the memory block that the storm takes offline and online, behind malloc's own.
pub(crate) const STORM: Range<Pfn> = Pfn::new(FRAMES)..Pfn::new(FRAMES + storm::BLOCK_FRAMES);

/// Frames that malloc's zone gets at first, and each time it grows: 16 MiB.
const GROWTH: u64 = 4096;

/// Handles at first, and those that are added each time when all are taken.
const HANDLES: usize = 4;

/// Room for the lists of one node and two zones.
pub(crate) const CAPACITY: Capacity = Capacity::new(1, 2).unwrap();

/// The memory and movable pages of the machine that the storm changes.
pub(crate) type Provider<S> = AllocatorProvider<'static, S, System, (MovablePages<'static, Copier>, Arc<Arena>)>;

/// A page allocator, alone or in a machine whose memory goes offline and online.
pub(crate) enum Frames<S: Scheme + 'static> {
    Fixed(PageAllocator<'static, S, System>),
    Hotplug(RunningMachine<Provider<S>>),
}

/// What all threads share, over one scheme.
pub(crate) struct Site<S: Scheme + 'static> {
    pub frames: Frames<S>,
    arena: Arc<Arena>,
    /// The first frame that malloc's zone did not get yet.
    end: AtomicU64,
    /// By order.
    requests: Vec<PreparedRequest<S>>,
    /// The state in which the process forks.
    pub prepared: UnsafeCell<Option<Prepared<S>>>,
}

// SAFETY: prepared requests are only read, and the filter of every scheme below an allocator is plain data. `prepared` is
// accessed by the thread that forks alone, which holds the lock of `fork::prepare`.
unsafe impl<S: Scheme + 'static> Sync for Site<S> {}

/// A site of any scheme.
pub(crate) trait AnySite: Sync {
    /// The name of the scheme.
    fn scheme(&self) -> &'static str;
    /// A handle for a thread. `None` if there is no memory for one.
    fn attach(&'static self) -> Option<Box<dyn Pages>>;
    /// Prepares a fork: false if that fails.
    fn prepare_fork(&'static self) -> bool;
    /// Ends the preparation in the parent.
    fn parent(&'static self);
    /// Ends the preparation in the child, which uses these handles.
    ///
    /// # Safety
    /// This is the child of a fork after `prepare_fork`. No other handle is ever used again.
    unsafe fn child(&'static self, keep: &[HandleId]);
    /// Changes the lists without pause, until the process ends.
    fn storm(&'static self);
}

/// Creates the site of a scheme, with the machine of the storm or without.
pub(crate) fn create<S: Scheme + 'static>(scheme: S, with_storm: bool) -> Option<&'static dyn AnySite>
where
    LocalHandle<'static, 'static, S, System>: Send,
{
    let arena = Arc::new(Arena::reserve(Pfn::range(0..FRAMES + storm::BLOCK_FRAMES), FRAME_BYTES).ok()?);
    block::set_base(arena.address(Pfn::new(0))?.as_ptr());
    let zone = |id, frames| Zone::boxed(id, frames, Order::MAX, Spin::new());
    let normal = zone(NORMAL, Pfn::range(0..FRAMES)).ok()?;
    let zones = if with_storm { vec![normal, zone(MOVABLE, STORM).ok()?] } else { vec![normal] };
    let published = Published::with_platform(scheme, ReaderSlots::try_boxed(HANDLES)?);
    let allocator = PageAllocator::boxed(published, zones).ok()?;
    publish(&allocator, &[NORMAL])?;
    let prepare = |order| allocator.prepare(&PageRequest::up_to(ZoneKind::Normal).order(order));
    let requests = Order::ALL.into_iter().map(prepare).collect();
    let frames = if with_storm {
        Frames::Hotplug(storm::machine(allocator, Arc::clone(&arena))?)
    } else {
        Frames::Fixed(allocator)
    };
    let site = Site { frames, arena, end: AtomicU64::new(0), requests, prepared: UnsafeCell::new(None) };
    site.grow()?;
    Some(Box::leak(Box::new(site)))
}

/// Publishes a list of these zones.
pub(crate) fn publish<S: Scheme>(allocator: &PageAllocator<'static, S, System>, zones: &[ZoneId]) -> Option<()> {
    let spans = [NodeSpan { start: 0, len: zones.len() as u32, own: zones.len() as u32 }];
    let mut zonerefs = [Zoneref::new(NORMAL); 2];
    zonerefs.iter_mut().zip(zones).for_each(|(entry, &zone)| *entry = Zoneref::new(zone));
    let lists = ZonelistsRef::new(zonerefs.get(..zones.len())?, &spans).ok()?;
    allocator.published().publish(lists).ok().map(drop)
}

impl<S: Scheme + 'static> Site<S> {
    /// The page allocator.
    pub(crate) fn allocator(&self) -> &PageAllocator<'static, S, System> {
        match &self.frames {
            Frames::Fixed(allocator) => allocator,
            Frames::Hotplug(machine) => machine.provider().allocator(),
        }
    }

    /// The memory behind the frames.
    pub(crate) fn arena(&self) -> &Arena {
        &self.arena
    }

    /// The request for a page of an order.
    pub(crate) fn request(&self, order: Order) -> &PreparedRequest<S> {
        // One for each order.
        &self.requests[order.index()]
    }

    /// A new handle. `None` if there is no memory for one.
    pub(crate) fn local(&self) -> Option<LocalHandle<'_, 'static, S, System>> {
        loop {
            match self.allocator().local() {
                Ok(local) => return Some(local),
                Err(ReaderError::NoSlot { slots }) => self.allocator().add_boxed_handles(slots.min(64)).ok()?,
                Err(_) => return None,
            }
        }
    }

    /// Adds frames to malloc's zone. `None` if it has all, or the system has no memory.
    pub(crate) fn grow(&self) -> Option<()> {
        // Each thread that grows the zone takes a range of its own, so no lock is held that a fork could cut short.
        let start = self.end.fetch_update(Relaxed, Relaxed, |end| (end < FRAMES).then_some(end + GROWTH)).ok()?;
        let frames = Pfn::range(start..start + GROWTH);
        self.arena.commit(NODE, frames.clone()).ok()?;
        self.allocator().add(NORMAL, frames).ok()
    }
}

impl<S: Scheme + 'static> AnySite for Site<S>
where
    LocalHandle<'static, 'static, S, System>: Send,
{
    fn scheme(&self) -> &'static str {
        S::FACTS.scheme
    }

    fn attach(&'static self) -> Option<Box<dyn Pages>> {
        let local = self.local()?;
        Some(Box::new(ThreadPages { local, site: self }))
    }

    fn prepare_fork(&'static self) -> bool {
        Prepared::new(self).is_some_and(|prepared| {
            // SAFETY: only the thread that forks accesses the place, as `Sync` of the site says.
            unsafe { *self.prepared.get() = Some(prepared) };
            true
        })
    }

    fn parent(&'static self) {
        // SAFETY: only the thread that forks accesses the place, as `Sync` of the site says.
        let prepared = unsafe { (*self.prepared.get()).take() };
        drop(prepared);
    }

    unsafe fn child(&'static self, keep: &[HandleId]) {
        // SAFETY: the child has one thread.
        let prepared = unsafe { (*self.prepared.get()).take() };
        if let Some(prepared) = prepared {
            // SAFETY: the caller guarantees that this is the child of the prepared fork, and that no other handle is
            // used again.
            unsafe { prepared.child(keep) };
        }
    }

    fn storm(&'static self) {
        storm::run(self);
    }
}
