//! The schemes without the trait: each read as one would write it for this one use.
//!
//! Only the read side, since that is what a read is compared with; the lists stand still.

use std::sync::atomic::{
    AtomicU32, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    compiler_fence, fence,
};

use crossbeam_epoch::{Atomic, Collector, LocalHandle};
use seqlock::SeqLock;
use zonelist_core::{
    Capacity, Lists, NodeId, NodeSet, OrderFilter, Orders, Place, Scope, Set, SharedSet, Slot, SlotFilter, Slots,
    Twins, Zoneref,
};

use super::{ANY, Contender, Look, sum};

/// The hand-written twin of a scheme, if it has one.
///
/// `asymmetric` says whether the writer could use membarrier, so that readers need no fence.
#[must_use]
pub fn by_hand(scheme: &str, lists: Lists<'_>, asymmetric: bool) -> Option<Box<dyn Contender>> {
    let table = || {
        let table = Slots::boxed(Capacity::of(lists));
        table.rewrite(lists).ok().map(|()| Box::new(table))
    };
    let twins = || {
        let twins = Twins::boxed(Capacity::of(lists));
        twins.replace(lists).ok().map(|()| Box::new(twins))
    };
    let filter = SlotFilter::new(&ANY);
    Some(match scheme {
        "InPlace" => Box::new(InPlace { table: table()?, filter }),
        "Presence" => Box::new(Presence::of(lists)),
        "SeqRetry" => Box::new(SeqRetry { sequence: AtomicUsize::new(2), table: table()?, filter }),
        "StopWorld" if asymmetric => Box::new(StopWorld::<true> { seat: Box::default(), table: table()?, filter }),
        "StopWorld" => Box::new(StopWorld::<false> { seat: Box::default(), table: table()?, filter }),
        "AsymmetricEpoch" if asymmetric => {
            Box::new(AsymmetricEpoch::<true> { seat: Box::default(), twins: twins()?, filter })
        }
        "AsymmetricEpoch" => Box::new(AsymmetricEpoch::<false> { seat: Box::default(), twins: twins()?, filter }),
        "Qsbr" => Box::new(Qsbr { twins: twins()?, filter }),
        "EpochSwap" => {
            let local = Collector::new().register();
            Box::new(EpochSwap { local, current: Box::new(Atomic::new(Slots::fixed(lists))), filter })
        }
        "ArcSwap" => {
            let current = Box::new(arc_swap::ArcSwap::from_pointee(Slots::fixed(lists)));
            Box::new(ArcSwap { current, filter })
        }
        // In the sizes that the scheme comes in, but the one that takes the compiler long.
        "SeqCopy" => match Capacity::of(lists).zones() {
            0..=8 => Box::new(SeqCopy::<8>::new(lists, filter)),
            9..=64 => Box::new(SeqCopy::<64>::new(lists, filter)),
            _ => return None,
        },
        _ => return None,
    })
}

struct InPlace {
    table: Box<Slots<Box<[Slot]>>>,
    filter: SlotFilter,
}

impl Look for InPlace {
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
    word: SharedSet,
    begun: AtomicUsize,
    orders: Box<Orders<Box<[Slot]>>>,
    filter: OrderFilter,
}

impl Presence {
    /// The bit of its kind for each zone: all are there, so that it matters to no walk.
    fn of(lists: Lists<'_>) -> Self {
        let orders = Box::new(Orders::boxed(Capacity::of(lists)));
        for (node, scope) in orders.lists() {
            let place = |&entry: &Zoneref| Place { entry, bit: Place::KINDS + entry.kind() as u32 };
            orders.write(zonelist_core::Table::First, node, scope, lists.of(node, scope).iter().map(place));
        }
        // Of the first table, and of no bit below the kinds'.
        let all = Set::of(usize::MAX << Place::KINDS);
        let filter = OrderFilter::new(&ANY, all, Set::NONE);
        Self { word: SharedSet::new(all), begun: AtomicUsize::new(1), orders, filter }
    }

    #[inline(always)]
    fn walk(&self, node: NodeId) -> (impl Iterator<Item = Zoneref>, usize) {
        let begun = self.begun.load(Acquire);
        (self.orders.walk(self.word.load(Acquire), node, &self.filter), begun)
    }
}

impl Look for Presence {
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

impl Look for SeqRetry {
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

#[repr(align(128))]
#[derive(Default)]
struct Seat {
    inside: AtomicU32,
    gate: AtomicU32,
}

struct StopWorld<const ASYMMETRIC: bool> {
    seat: Box<Seat>,
    table: Box<Slots<Box<[Slot]>>>,
    filter: SlotFilter,
}

impl Seat {
    #[inline(always)]
    fn admitted<const ASYMMETRIC: bool>(&self) -> bool {
        self.inside.store(1, Relaxed);
        if ASYMMETRIC {
            compiler_fence(SeqCst);
        } else {
            fence(SeqCst);
        }
        self.gate.load(Acquire) == 0
    }

    #[cold]
    #[inline(never)]
    fn wait<const ASYMMETRIC: bool>(&self) {
        loop {
            self.inside.store(0, Release);
            std::thread::yield_now();
            if self.admitted::<ASYMMETRIC>() {
                return;
            }
        }
    }
}

impl<const ASYMMETRIC: bool> StopWorld<ASYMMETRIC> {
    #[inline(always)]
    fn inside<R>(&self, read: impl FnOnce(&Self) -> R) -> R {
        if !self.seat.admitted::<ASYMMETRIC>() {
            self.seat.wait::<ASYMMETRIC>();
        }
        let result = read(self);
        self.seat.inside.store(0, Release);
        result
    }
}

impl<const ASYMMETRIC: bool> Look for StopWorld<ASYMMETRIC> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.inside(|this| this.table.walk(node, &this.filter).next())
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        self.inside(|this| sum(this.table.walk(node, &this.filter)))
    }
}

struct AsymmetricEpoch<const ASYMMETRIC: bool> {
    seat: Box<Seat>,
    twins: Box<Twins>,
    filter: SlotFilter,
}

impl<const ASYMMETRIC: bool> AsymmetricEpoch<ASYMMETRIC> {
    #[inline(always)]
    fn inside<R>(&self, read: impl FnOnce(&Self) -> R) -> R {
        if !self.seat.admitted::<ASYMMETRIC>() {
            self.seat.answer();
        }
        let result = read(self);
        self.seat.inside.store(0, Release);
        result
    }
}

impl Seat {
    #[cold]
    #[inline(never)]
    fn answer(&self) {
        self.inside.store(self.gate.load(Acquire), Release);
    }
}

impl<const ASYMMETRIC: bool> Look for AsymmetricEpoch<ASYMMETRIC> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.inside(|this| this.twins.find().walk(node, &this.filter).next())
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        self.inside(|this| sum(this.twins.find().walk(node, &this.filter)))
    }
}

struct Qsbr {
    twins: Box<Twins>,
    filter: SlotFilter,
}

impl Look for Qsbr {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.twins.find().walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.twins.find().walk(node, &self.filter))
    }
}

/// A version that is never written again.
type Table = Slots<Box<[Option<Zoneref>]>>;

struct EpochSwap {
    local: LocalHandle,
    current: Box<Atomic<Table>>,
    filter: SlotFilter,
}

impl Look for EpochSwap {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        let guard = self.local.pin();
        // SAFETY: never null, and nobody ever retires it.
        let table = unsafe { self.current.load(Acquire, &guard).deref() };
        table.walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        let guard = self.local.pin();
        // SAFETY: never null, and nobody ever retires it.
        let table = unsafe { self.current.load(Acquire, &guard).deref() };
        sum(table.walk(node, &self.filter))
    }
}

impl Drop for EpochSwap {
    fn drop(&mut self) {
        // SAFETY: nobody else has it; it was made by `Atomic::new`.
        drop(unsafe { std::mem::take(&mut *self.current).into_owned() });
    }
}

struct ArcSwap {
    current: Box<arc_swap::ArcSwap<Table>>,
    filter: SlotFilter,
}

impl Look for ArcSwap {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.current.load().walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.current.load().walk(node, &self.filter))
    }
}

struct SeqCopy<const ZONES: usize> {
    rows: Box<[SeqLock<[Option<Zoneref>; ZONES]>]>,
    filter: SlotFilter,
}

impl<const ZONES: usize> SeqCopy<ZONES> {
    fn new(lists: Lists<'_>, filter: SlotFilter) -> Self {
        let row = |node| {
            let mut row = [None; ZONES];
            row.iter_mut().zip(lists.of(node, Scope::Fallback)).for_each(|(zone, &entry)| *zone = Some(entry));
            SeqLock::new(row)
        };
        Self { rows: NodeSet::ALL.iter().take(lists.nodes()).map(row).collect(), filter }
    }
}

impl<const ZONES: usize> Look for SeqCopy<ZONES> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        let zones = self.rows.get(node.index())?.read();
        zones.iter().map_while(|&zone| zone).find(|&entry| self.filter.admits(entry))
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        let Some(row) = self.rows.get(node.index()) else { return 0 };
        let zones = row.read();
        sum(zones.iter().map_while(|&zone| zone).filter(|&entry| self.filter.admits(entry)))
    }
}
