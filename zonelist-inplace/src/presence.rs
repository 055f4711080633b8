//! `Presence`: the orders stand still, and one word says for all of them which zones are there.
//!
//! Linux rebuilds every list when a zone gets its first page or loses its last one, yet mostly the
//! lists then differ in that zone alone. Here each list is an order of all zones that were ever
//! listed, and the machine has one word:
//!
//! ```text
//!   bits 0 and 1: clear | 2: which table | 3 to 8: a bit for each kind | 9 to 63: a bit for each zone
//! ```
//!
//! A walk loads it once and tests each zone's bit as it goes along its order. So **one load is a
//! snapshot of every list, and one store publishes them all**. What a request admits is a mask, made
//! once ([`OrderFilter`]) and anded to the word: a zone that it rules out costs a test, not a look at
//! its kind and node.
//!
//! **A changed order.** If the order that there is, less the absent zones, is not what is to be
//! published, it is written into the table that the word does not name, and then the word is stored.
//! An absent zone keeps its place, behind the zone that it stood behind. Its return is one store if
//! its list is to be just that; if the rules now want it elsewhere, that is a changed order again.
//! A list has no place for it any more when others need the room, when the zone that it stood behind
//! has left that list alone, or when the list was first published in its absence. Then it can't return
//! without lists that name it: [`PublishError::PlaceLost`].
//!
//! **More zones than bits**, at one time or one after another: every version is then a changed order,
//! of the listed zones only, and those have the bits of their kinds. Walks are as before but that they
//! look at each zone's node, if the request has a set of nodes. When all zones have bits of their own
//! again, those are used again.
//!
//! **Why a walk is exact, or reported as torn.** `begun` counts changed orders; the n-th is written into table
//! n mod 2, between a store of `begun` = n and the store of its word.
//!
//! - The word was loaded with acquire: all that was written before its store is seen. So every slot
//!   shows the order of that word, and the walk is exactly the version stored with it, unless a
//!   load saw a store of a later rewrite of the same table.
//! - Say that was rewrite n, and the word's order w; n is at least w + 2. `begun` = n was stored
//!   before a release fence, and the slot after it. The walk's question has an acquire fence behind
//!   its loads, so it then finds `begun` at n or later.
//! - The walk loaded `begun` first. From it and the word's table it reckons an order no later than
//!   w: the last, up to what it loaded, of that table. That is right since `begun` = m is a release
//!   store, after the word of m - 1, and was loaded with acquire: w is m - 1 or later.
//! - It finds `begun` two or more past that order: reported. A walk that sleeps through exactly
//!   2⁶⁴ changed orders (2³² on a 32-bit CPU) is not.
//!
//! A change of who is there never tells a walk to retry, nor does one changed order, unless it comes
//! between the walk's first two loads.
//!
//! A filter is no part of this. A bit is one zone's for good, and a filter knows the zones that were
//! listed before it was made; at others, a walk looks. So a filter is never wrong, only behind: make it
//! again when new zones have come. It is good for no other `Presence`: debug builds panic there, and else a walk
//! shows zones of its list that the request may not admit, and leaves others out.

mod current;

use self::current::Current;
use zonelist_core::{
    AtomicZoneMask, Locked, NodeId, OrderEntry, OrderFilter, OrderTable, OrderTables, OrderWalk, Request, Scope, Slot,
    Spin, Storage, ZoneId, ZoneKind, ZoneMask, ZonelistsRef, Zoneref,
    publish::{
        Allocates, Facts, Guarantee, Membership, Progress, PublishError, ReadToken, ReaderProtocol, Scheme,
        StalledReader, Walk, Writer,
    },
    sync::{
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
            fence,
        },
        const_fn, or_mutant,
    },
};

/// Order tables, and a word that says which zones are present. Neither readers nor the writer wait, and nothing is allocated.
///
#[doc = include_str!("presence.md")]
///
/// ```
/// use zonelist_core::{Capacity, OrderTables, Slot, publish::{FullFence, Published}};
/// use zonelist_inplace::Presence;
///
/// const CAPACITY: Capacity = Capacity::new(8, 24).unwrap();
/// static LISTS: Published<Presence<[Slot; CAPACITY.order_words()]>, FullFence, 1> =
///     Published::new(Presence::new(OrderTables::in_array(CAPACITY).unwrap()));
/// assert!(LISTS.reader().is_ok());
/// ```
#[derive(Debug)]
pub struct Presence<T> {
    /// Who is there, and the table that is current.
    word: AtomicZoneMask,
    /// The last order whose writing has begun.
    begun: AtomicUsize,
    /// How many zones have bits, for filters.
    named: AtomicUsize,
    orders: OrderTables<T>,
    current: Locked<Current>,
}

impl<T> Presence<T> {
    const_fn! {
        /// Publishes through these tables.
        #[must_use]
        pub const fn new(orders: OrderTables<T>) -> Self {
            Self {
                word: AtomicZoneMask::new(ZoneMask::NONE),
                begun: AtomicUsize::new(0),
                named: AtomicUsize::new(0),
                orders,
                current: Locked::new(Spin::new(), Current::EMPTY),
            }
        }
    }
}

impl<T: Storage<Word = Slot>> Presence<T> {
    /// The bits of the zones of these lists, if the current orders less all others are just these lists.
    fn as_ordered(&self, current: &Current, next: ZonelistsRef<'_>) -> Option<usize> {
        if current.by_kind {
            return None;
        }
        let mut set = 0;
        for (node, scope) in self.orders.lists() {
            let mut order = self.orders.read(OrderTable::Shadow, node, scope);
            for &entry in next.of(node, scope) {
                set |= 1 << order.find(|place| place.entry == entry)?.bit;
            }
        }
        let shown = |(node, scope)| {
            let there = self.orders.read(OrderTable::Shadow, node, scope).filter(|place| set >> place.bit & 1 != 0);
            there.map(|place| place.entry).eq(next.of(node, scope).iter().copied())
        };
        self.orders.lists().all(shown).then_some(set)
    }

    /// The bits of the zones of these lists, new ones included; `None` if there are not enough.
    fn name(&self, current: &mut Current, next: ZonelistsRef<'_>) -> Option<usize> {
        let (mut set, mut named) = (0, current.named);
        for (node, scope) in self.orders.lists() {
            for &entry in next.of(node, scope) {
                let bit = match self.orders.bit_of(entry, named) {
                    Some(bit) => bit,
                    None => {
                        let bit = named as u32 + OrderEntry::ZONES;
                        named += 1;
                        self.orders.name(bit, entry).then_some(bit)?
                    }
                };
                set |= 1 << bit;
            }
        }
        current.named = named;
        // Release: pairs with the acquire in `filter`.
        self.named.store(named, Release);
        Some(set)
    }

    /// Writes these lists into the spare table as the order of what is there; the word that names it.
    fn reorder(&self, current: &mut Current, next: ZonelistsRef<'_>) -> usize {
        current.begun = current.begun.wrapping_add(1);
        // Release: who loads it sees the word of the order before.
        self.begun.store(current.begun, Release);
        // Pairs with the acquire fence in `must_retry`.
        fence(Release);
        let in_first = current.word & ZoneMask::SECOND.bits() == 0;
        let second = or_mutant!(in_first => !in_first, "presence: no spare table");
        let spare = if second { OrderTable::Second } else { OrderTable::First };
        let set = self.name(current, next);
        let named = current.named;
        for (node, scope) in self.orders.lists() {
            let list = next.of(node, scope);
            match set {
                Some(set) => {
                    let order = self.order(node, scope, list, set, named);
                    self.note_lost(current, (node, scope), set, &order);
                    self.orders.write(spare, node, scope, order.into_iter().flatten());
                    self.orders.write(OrderTable::Shadow, node, scope, order.into_iter().flatten());
                }
                None => {
                    self.orders.write(spare, node, scope, list.iter().map(|&entry| by_kind(entry)));
                    // Where they stand now is not kept.
                    for bit in list.iter().filter_map(|&entry| self.orders.bit_of(entry, named)) {
                        current.lose(bit, (node, scope));
                    }
                }
            }
        }
        if set.is_none() {
            current.needed = self.needed(current, next);
        }
        current.by_kind = set.is_none();
        set.unwrap_or(kinds_up_to(ZoneKind::Device)) | if second { ZoneMask::SECOND.bits() } else { 0 }
    }

    /// Notes which absent zones a list has no place for, once its order is this one.
    fn note_lost(
        &self,
        current: &mut Current,
        (node, scope): (NodeId, Scope),
        set: usize,
        order: &[Option<OrderEntry>; OrderEntry::BITS],
    ) {
        let has = order.iter().flatten().fold(set, |has, place| has | 1 << place.bit);
        let mut before = self.orders.read(OrderTable::Shadow, node, scope).peekable();
        if before.peek().is_none() && order[0].is_some() {
            // The list is new: the rules may want any zone there, or in the list of its own node.
            for bit in (OrderEntry::ZONES..).take(current.named).filter(|bit| has >> bit & 1 == 0) {
                let zone = self.orders.zone_of(bit);
                if scope == Scope::Fallback || zone.is_some_and(|entry| entry.node() == node) {
                    current.lose(bit, (node, scope));
                }
            }
        }
        before.filter(|place| has >> place.bit & 1 == 0).for_each(|place| current.lose(place.bit, (node, scope)));
    }

    /// How many zones would have to have bits, at least, for places to be kept.
    fn needed(&self, current: &Current, next: ZonelistsRef<'_>) -> usize {
        let without = |&&entry: &&Zoneref| self.orders.bit_of(entry, current.named).is_none();
        let lists = self.orders.lists().map(|(node, scope)| next.of(node, scope).iter().filter(without).count());
        current.named + lists.max().unwrap_or(0)
    }

    /// A list with the absent zones of its order before, as far as there is room: each behind the
    /// zone that it stood behind.
    fn order(
        &self,
        node: NodeId,
        scope: Scope,
        list: &[Zoneref],
        set: usize,
        named: usize,
    ) -> [Option<OrderEntry>; OrderEntry::BITS] {
        let mut order = [None; OrderEntry::BITS];
        let mut free = order.iter_mut();
        let mut room = self.orders.room(scope).saturating_sub(list.len());
        // The absent at the head stood behind none.
        for behind in core::iter::once(None).chain(list.iter().copied().map(Some)) {
            if let Some(entry) = behind {
                if let (Some(free), Some(bit)) = (free.next(), self.orders.bit_of(entry, named)) {
                    *free = Some(OrderEntry { entry, bit });
                }
            }
            let mut before = self.orders.read(OrderTable::Shadow, node, scope);
            if behind.is_some_and(|entry| !before.any(|place| place.entry == entry)) {
                continue;
            }
            let absent = before.take_while(|place| set >> place.bit & 1 == 0).take(room);
            for (place, free) in absent.zip(&mut free) {
                *free = Some(place);
                room -= 1;
            }
        }
        order
    }

    /// Stores the word: the one store of a publish that readers see it by.
    fn show(&self, current: &mut Current, word: usize) {
        current.word = word;
        // Release: pairs with the acquire in `walk`, so that who sees the word sees its order.
        self.word.store(ZoneMask::of(word), Release);
    }
}

/// The place of a zone whose bit stands for its kind.
fn by_kind(entry: Zoneref) -> OrderEntry {
    OrderEntry { entry, bit: entry.kind() as u32 + OrderEntry::KINDS }
}

/// The bits of all kinds up to one.
const fn kinds_up_to(highest: ZoneKind) -> usize {
    (1 << (highest as u32 + 1 + OrderEntry::KINDS)) - (1 << OrderEntry::KINDS)
}

/// A walk that knows the word it began at.
#[derive(Clone, Debug)]
pub struct PresenceWalk<'w> {
    order: OrderWalk<'w>,
    now: &'w AtomicUsize,
    begun: usize,
    word: ZoneMask,
}

impl PresenceWalk<'_> {
    /// How many changed orders had begun when the walk did: two walks between which it stands still
    /// were parted by changes of who is there at most.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.begun
    }
}

impl Iterator for PresenceWalk<'_> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        self.order.next()
    }
}

impl Walk for PresenceWalk<'_> {
    #[inline]
    fn must_retry(&self) -> bool {
        // Pairs with the release fence in `reorder`.
        fence(Acquire);
        // The last order in the walk's table that had begun when the walk did.
        let order =
            self.begun.wrapping_sub((self.begun ^ usize::from(self.word.bits() & ZoneMask::SECOND.bits() != 0)) & 1);
        self.now.load(Relaxed).wrapping_sub(order) >= or_mutant!(2 => 3, "presence: third order unseen")
    }
}

impl<T: Storage<Word = Slot> + Sync> Scheme for Presence<T> {
    const FACTS: Facts = Facts {
        scheme: "Presence",
        package: "zonelist-inplace",
        card: include_str!("presence.md"),
        guarantee: Guarantee::Detected,
        readers: Progress::LockFree,
        writer: Progress::WaitFree,
        allocates: Allocates::Never,
        registers: false,
        interrupt_safe: true,
        below_allocator: true,
        after_fork: true,
        tls_destructor: true,
        retires: false,
        stalled_reader: StalledReader::Bounded,
        no_std: true,
        no_alloc: true,
    };
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Local = ();
    type Filter = OrderFilter;
    type Pinned<'g>
        = &'g Self
    where
        T: 'g;
    type Walk<'w>
        = PresenceWalk<'w>
    where
        T: 'w;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> OrderFilter {
        // Acquire: pairs with the release in `name`, so that all bits up to there have their zones.
        let named = self.named.load(Acquire);
        let beyond = named as u32 + OrderEntry::ZONES;
        let admits = |&bit: &u32| self.orders.zone_of(bit).is_some_and(|entry| request.admits(entry.zone()));
        let admitted = (OrderEntry::ZONES..beyond).filter(admits).fold(0, |set, bit| set | 1 << bit);
        let unknown = usize::MAX.checked_shl(beyond).unwrap_or(0);
        let kinds = kinds_up_to(request.highest);
        let (admitted, unknown) = match request.nodes {
            None => (admitted | kinds, unknown),
            Some(_) => (admitted, unknown | kinds),
        };
        self.orders.filter(request, ZoneMask::of(admitted), ZoneMask::of(unknown))
    }

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w OrderFilter) -> PresenceWalk<'w> {
        // Acquire: pairs with the release in `reorder`. Before the word, or it might be later than the word's.
        let begun = scheme.begun.load(Acquire);
        // Acquire: pairs with the release in `show`.
        let word = scheme.word.load(Acquire);
        let order = scheme.orders.walk(word, node, filter);
        PresenceWalk { order, now: &scheme.begun, begun, word }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        self.orders.check(next)?;
        // Never busy: the caller has the writer lock.
        let published = self.current.try_with(|current| {
            let word = match self.as_ordered(current, next) {
                Some(set) => set | current.word & ZoneMask::SECOND.bits(),
                None => self.reorder(current, next),
            };
            if !current.by_kind {
                current.place(word);
            }
            self.show(current, word);
        });
        published.ok_or(PublishError::Busy)
    }
}

impl<T: Storage<Word = Slot> + Sync> Membership for Presence<T> {
    fn set_present(&self, zone: ZoneId, present: bool, _: &mut Writer<'_>) -> Result<(), PublishError> {
        let shown = self.current.try_with(|current| {
            let bit = self.orders.bit_of(Zoneref::new(zone), current.named).filter(|_| !current.by_kind);
            let bit = bit.ok_or_else(|| current.placeless(zone, self.orders.room(Scope::Fallback)))?;
            if let Some((node, scope)) = current.lacking(bit).filter(|_| present) {
                return Err(PublishError::PlaceLost { zone, node, scope, room: self.orders.room(scope) });
            }
            let bit = 1 << bit;
            self.show(current, if present { current.word | bit } else { current.word & !bit });
            Ok(())
        });
        shown.ok_or(PublishError::Busy)?
    }
}
