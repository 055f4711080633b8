//! Schemes by hand: the read side of each, written without the trait for this one use.
//!
//! The lists are never published again, so that there is no writer, but for [`SeqlockByHand`].

use std::sync::atomic::{
    AtomicU32, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    compiler_fence, fence,
};

use crossbeam_epoch::{Atomic, Collector, LocalHandle};
use zonelist_core::{
    NodeId, Zoneref,
    table::{
        AtomicZoneMask, Capacity, DoubleBuffer, OrderEntry, OrderFilter, OrderTables, Slot, SlotFilter, Slots, ZoneMask,
    },
    zonelist::ZonelistsRef,
};

use super::{
    any_publication::AnyPublication,
    loops::{ANY, Contender, ReadList, sum},
    seqlock_by_hand::SeqlockByHand,
};

/// The hand-written read of a scheme, if it has one.
///
/// `asymmetric` is true if writers can use membarrier, so that readers need no fence.
#[must_use]
pub fn by_hand(scheme: &str, lists: ZonelistsRef<'_>, asymmetric: bool) -> Option<Box<dyn Contender>> {
    let table = || {
        let table = Slots::boxed(Capacity::of(lists));
        table.rewrite(lists).ok().map(|()| Box::new(table))
    };
    let buffers = || {
        let buffers = DoubleBuffer::boxed(Capacity::of(lists));
        buffers.replace(lists).ok().map(|()| Box::new(buffers))
    };
    let filter = SlotFilter::new(&ANY);
    Some(match scheme {
        "InPlace" => Box::new(InPlace { table: table()?, filter }),
        "Presence" => Box::new(Presence::of(lists)),
        "SeqRetry" => Box::new(SeqRetry { sequence: AtomicUsize::new(2), table: table()?, filter }),
        "StopWorld" if asymmetric => Box::new(StopWorld::<true> { slot: Box::default(), table: table()?, filter }),
        "StopWorld" => Box::new(StopWorld::<false> { slot: Box::default(), table: table()?, filter }),
        "AsymmetricEpoch" if asymmetric => {
            Box::new(AsymmetricEpoch::<true> { slot: Box::default(), buffers: buffers()?, filter })
        }
        "AsymmetricEpoch" => Box::new(AsymmetricEpoch::<false> { slot: Box::default(), buffers: buffers()?, filter }),
        "Qsbr" => Box::new(Qsbr { buffers: buffers()?, filter }),
        "EpochSwap" => {
            let local = Collector::new().register();
            Box::new(EpochSwap { local, current: Box::new(Atomic::new(Slots::fixed(lists))), filter })
        }
        "ArcSwap" => {
            let current = Box::new(arc_swap::ArcSwap::from_pointee(Slots::fixed(lists)));
            Box::new(ArcSwap { current, filter })
        }
        // The sizes of the scheme, without the largest one, whose compilation takes long.
        "SeqCopy" => match Capacity::of(lists).zones() {
            0..=8 => Box::new(Box::leak(Box::new(SeqlockByHand::<8>::new(lists))).reader()),
            9..=64 => Box::new(Box::leak(Box::new(SeqlockByHand::<64>::new(lists))).reader()),
            _ => return None,
        },
        _ => return None,
    })
}

/// The hand-written publisher of a scheme, and its name: where an outside crate is the scheme, and no peer uses it.
#[must_use]
pub fn published_by_hand(scheme: &str, lists: ZonelistsRef<'_>) -> Option<(&'static str, Box<dyn AnyPublication>)> {
    let zones = Capacity::of(lists).zones();
    (scheme == "SeqCopy").then_some(())?;
    let publication: Box<dyn AnyPublication> = match zones {
        0..=8 => Box::new(SeqlockByHand::<8>::new(lists)),
        9..=64 => Box::new(SeqlockByHand::<64>::new(lists)),
        _ => return None,
    };
    Some(("seqlock by hand", publication))
}

struct InPlace {
    table: Box<Slots<Box<[Slot]>>>,
    filter: SlotFilter,
}

impl ReadList for InPlace {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.table.walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.table.walk(node, &self.filter))
    }
}

struct Presence {
    word: AtomicZoneMask,
    begun: AtomicUsize,
    orders: Box<OrderTables<Box<[Slot]>>>,
    filter: OrderFilter,
}

impl Presence {
    /// All zones of a kind share one bit. All zones are present, so no walk depends on the bits.
    fn of(lists: ZonelistsRef<'_>) -> Self {
        let orders = Box::new(OrderTables::boxed(Capacity::of(lists)));
        for (node, scope) in orders.lists() {
            let place = |&entry: &Zoneref| OrderEntry { entry, bit: OrderEntry::KINDS + entry.kind() as u32 };
            orders.write(zonelist_core::table::OrderTable::First, node, scope, lists.of(node, scope).iter().map(place));
        }
        // Selects the first table, and has every bit from the first one of a kind on.
        let all = ZoneMask::of(usize::MAX << OrderEntry::KINDS);
        let filter = OrderFilter::new(&ANY, all, ZoneMask::NONE);
        Self { word: AtomicZoneMask::new(all), begun: AtomicUsize::new(1), orders, filter }
    }

    #[inline(always)]
    fn walk(&self, node: NodeId) -> (impl Iterator<Item = Zoneref>, usize) {
        let begun = self.begun.load(Acquire);
        (self.orders.walk(self.word.load(Acquire), node, &self.filter), begun)
    }
}

impl ReadList for Presence {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        let (mut walk, begun) = self.walk(node);
        walk.next().or_else(|| if self.begun.load(Relaxed) == begun { None } else { self.walk(node).0.next() })
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        let (walk, begun) = self.walk(node);
        let all = sum(walk);
        fence(Acquire);
        if self.begun.load(Relaxed) == begun { all } else { 0 }
    }
}

struct SeqRetry {
    sequence: AtomicUsize,
    table: Box<Slots<Box<[Slot]>>>,
    filter: SlotFilter,
}

impl ReadList for SeqRetry {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        let begun = self.sequence.load(Acquire);
        if let Some(first) = self.table.walk(node, &self.filter).next() {
            return Some(first);
        }
        fence(Acquire);
        (self.sequence.load(Relaxed) != begun).then(|| self.first_again(node)).flatten()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        let begun = self.sequence.load(Acquire);
        let all = sum(self.table.walk(node, &self.filter));
        fence(Acquire);
        if self.sequence.load(Relaxed) == begun { all } else { 0 }
    }
}

impl SeqRetry {
    #[cold]
    fn first_again(&mut self, node: NodeId) -> Option<Zoneref> {
        self.table.walk(node, &self.filter).next()
    }
}

/// The handshake between one reader and the writers, of which this file has the reader's end only.
///
/// A fence orders the reader's store of `active` before its load of `request`, as in the schemes. With membarrier a
/// compiler fence is enough: the writer's heavy barrier, between its store of `request` and its load of `active`, is
/// the other end of the pair.
#[repr(align(128))]
#[derive(Default)]
struct ReaderSlot {
    active: AtomicU32,
    request: AtomicU32,
}

struct StopWorld<const ASYMMETRIC: bool> {
    slot: Box<ReaderSlot>,
    table: Box<Slots<Box<[Slot]>>>,
    filter: SlotFilter,
}

impl ReaderSlot {
    /// Sets `active`; true if no writer has set `request`.
    #[inline(always)]
    fn enter<const ASYMMETRIC: bool>(&self) -> bool {
        self.active.store(1, Relaxed);
        if ASYMMETRIC {
            compiler_fence(SeqCst);
        } else {
            fence(SeqCst);
        }
        // Acquire: pairs with the release in `Handshake::clear_publish_request`, so that the walk sees what was
        // published.
        self.request.load(Acquire) == 0
    }

    /// Clears `active` and waits until writers have cleared their request.
    #[cold]
    #[inline(never)]
    fn wait<const ASYMMETRIC: bool>(&self) {
        loop {
            // Release: pairs with the acquire in `Handshake::has_left`, so that a writer that sees the reader inactive
            // sees its walk ended, too.
            self.active.store(0, Release);
            std::thread::yield_now();
            if self.enter::<ASYMMETRIC>() {
                return;
            }
        }
    }
}

impl<const ASYMMETRIC: bool> StopWorld<ASYMMETRIC> {
    #[inline(always)]
    fn in_critical_section<R>(&self, read: impl FnOnce(&Self) -> R) -> R {
        if !self.slot.enter::<ASYMMETRIC>() {
            self.slot.wait::<ASYMMETRIC>();
        }
        let result = read(self);
        self.slot.active.store(0, Release);
        result
    }
}

impl<const ASYMMETRIC: bool> ReadList for StopWorld<ASYMMETRIC> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.in_critical_section(|this| this.table.walk(node, &this.filter).next())
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        self.in_critical_section(|this| sum(this.table.walk(node, &this.filter)))
    }
}

struct AsymmetricEpoch<const ASYMMETRIC: bool> {
    slot: Box<ReaderSlot>,
    buffers: Box<DoubleBuffer>,
    filter: SlotFilter,
}

impl<const ASYMMETRIC: bool> AsymmetricEpoch<ASYMMETRIC> {
    #[inline(always)]
    fn in_critical_section<R>(&self, read: impl FnOnce(&Self) -> R) -> R {
        if !self.slot.enter::<ASYMMETRIC>() {
            self.slot.acknowledge();
        }
        let result = read(self);
        self.slot.active.store(0, Release);
        result
    }
}

impl ReaderSlot {
    /// Acknowledges the requested grace period, and stays active.
    #[cold]
    #[inline(never)]
    fn acknowledge(&self) {
        self.active.store(self.request.load(Acquire), Release);
    }
}

impl<const ASYMMETRIC: bool> ReadList for AsymmetricEpoch<ASYMMETRIC> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.in_critical_section(|this| this.buffers.current().walk(node, &this.filter).next())
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        self.in_critical_section(|this| sum(this.buffers.current().walk(node, &this.filter)))
    }
}

struct Qsbr {
    buffers: Box<DoubleBuffer>,
    filter: SlotFilter,
}

impl ReadList for Qsbr {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.buffers.current().walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.buffers.current().walk(node, &self.filter))
    }
}

/// A version of the lists, which is never written again.
type Table = Slots<Box<[Option<Zoneref>]>>;

struct EpochSwap {
    local: LocalHandle,
    current: Box<Atomic<Table>>,
    filter: SlotFilter,
}

impl ReadList for EpochSwap {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        let guard = self.local.pin();
        // SAFETY: `current` is never null, and no code retires its table before the drop of `self`.
        let table = unsafe { self.current.load(Acquire, &guard).deref() };
        table.walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        let guard = self.local.pin();
        // SAFETY: `current` is never null, and no code retires its table before the drop of `self`.
        let table = unsafe { self.current.load(Acquire, &guard).deref() };
        sum(table.walk(node, &self.filter))
    }
}

impl Drop for EpochSwap {
    fn drop(&mut self) {
        // SAFETY: `current` was made by `Atomic::new`, and `&mut self` excludes every reader.
        drop(unsafe { std::mem::take(&mut *self.current).into_owned() });
    }
}

struct ArcSwap {
    current: Box<arc_swap::ArcSwap<Table>>,
    filter: SlotFilter,
}

impl ReadList for ArcSwap {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.current.load().walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.current.load().walk(node, &self.filter))
    }
}
