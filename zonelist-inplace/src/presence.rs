//! `Presence`: lists of a fixed order, and one word that says for all lists which zones are present.
//!
//! Linux rebuilds every list when a zone gets its first page or loses its last one. Mostly the lists then differ in
//! that zone alone. Here each list is an order of all zones that were ever listed, and the machine has one word:
//!
//! ```text
//!   bits 0 and 1: clear | 2: which table | 3 to 8: a bit for each kind | 9 to 63: a bit for each zone
//! ```
//!
//! A walk loads the word once, and tests the bit of each zone of its order. So **one load is a snapshot of every list,
//! and one store publishes all lists**. What a request admits is a mask ([`OrderFilter`]), made once and anded to the
//! word. A zone that the request rules out costs a test, and neither its kind nor its node is compared.
//!
//! # Algorithm
//!
//! ```text
//!   publish(next), with the writer lock held:
//!     set = the bits of next's zones
//!     if the current orders, without the zones outside set, are next's lists:
//!       word = set | the table of the current word
//!     else, a changed order:
//!       begun += 1                                                    Release
//!       fence                                                         Release
//!       spare = the table that the current word does not name         that is table begun mod 2
//!       write each of next's lists, with its absent zones, into spare and the shadow copy
//!       word = set | spare
//!     store word                                                      Release
//!
//!   set_present(zone, presence), with the writer lock held:
//!     fail if some list has no place for the zone
//!     store the current word with the zone's bit set or cleared       Release
//!
//!   walk:                                                             must_retry:
//!     begun = load begun           Acquire                              fence                   Acquire
//!     word = load word             Acquire                              order = the last number up to the walk's begun
//!     load the slots of the table that word names                              that is word's table modulo 2
//!                                                                       true if begun is now order + 2 or more
//! ```
//!
//! # Changed orders
//!
//! An absent zone keeps its place in an order, behind the zone that it was behind. Its return is one store, if its list
//! is to be just that; if the rules now want it elsewhere, the order is a changed one again. A list loses the place of
//! an absent zone in three cases: other zones need the room, the zone before it has left that list alone, or the list
//! was first published in the zone's absence. The zone can then return only by lists that name it:
//! [`PublishError::EntryLost`].
//!
//! If the machine has had more zones than there are bits, every version is a changed order of the listed zones alone,
//! and these have the bits of their kinds. Walks compare each zone's node then, if the request has a set of nodes. Once
//! all listed zones have bits of their own again, these are used again.
//!
//! # Why a walk is exact, or reported as torn
//!
//! `begun` counts changed orders. The n-th is written into table n mod 2, between a store of `begun` = n and the store
//! of its word.
//!
//! - The walk loads the word with acquire, so that it sees all that was written before the word's store. Every slot
//!   shows the order of that word, and the walk is exactly the version stored with it, unless some load sees a store of
//!   a later rewrite of the same table.
//! - Let that rewrite be number n, and the word's order number w. Then n is at least w + 2. `begun` = n was stored
//!   before a release fence, and the slot after it. `must_retry` has an acquire fence behind the walk's loads, so that
//!   it then loads `begun` as n or later.
//! - The walk loads `begun` before the word. From both it computes an order no later than w: the last one of the word's
//!   table up to the loaded `begun`. This is right because `begun` = m is a release store after the word of order m -
//!   1, and is loaded with acquire: w is m - 1 or later.
//! - `must_retry` finds `begun` two or more past that order, and reports the walk as torn. It fails to if exactly 2⁶⁴
//!   changed orders (2³² on a 32-bit CPU) are published within the walk.
//!
//! A zone's arrival or removal makes no walk retry. Nor does one changed order, unless it comes between the walk's
//! first two loads.
//!
//! Filters are no part of this argument. A bit stands for one zone for good. A filter knows the zones that were listed
//! before it was made, and has a walk compare others with the request. So an old filter is slower, but never wrong. A
//! filter of another `Presence` is wrong: debug builds panic, and in others a walk may show zones of its list that the
//! request does not admit, and leave others out.

mod current;
mod order;

use self::current::Current;
use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zoneref,
    publish::{
        Allocates, Facts, Guarantee, Membership, Progress, PublishError, ReadToken, ReaderProtocol, Scheme,
        StalledReader, Walk, Writer, ZonePresence,
    },
    sync::{
        Locked, Spin,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
            fence,
        },
        const_fn, or_mutant,
    },
    table::{AtomicZoneMask, OrderEntry, OrderFilter, OrderTable, OrderTables, OrderWalk, Slot, Storage, ZoneMask},
    zonelist::{Scope, ZonelistsRef},
};

/// Each list as a fixed order, and one word that says which zones are present. Neither readers nor the writer wait, and
/// nothing is allocated.
///
#[doc = include_str!("presence.md")]
///
/// ```
/// use zonelist_core::{publish::Published, table::{Capacity, OrderTables, Slot}};
/// use zonelist_inplace::Presence;
///
/// const CAPACITY: Capacity = Capacity::new(8, 24).unwrap();
/// static LISTS: Published<Presence<[Slot; CAPACITY.order_words()]>> = Published::with_slots(
///     Presence::new(OrderTables::in_array(CAPACITY).unwrap()),
///     // SAFETY: the initializer of a static is evaluated once.
///     unsafe { zonelist_core::static_reader_slots!(64) },
/// );
/// assert!(LISTS.reader().is_ok());
/// ```
#[derive(Debug)]
pub struct Presence<T> {
    /// The zones that are present, and the table that is current.
    word: AtomicZoneMask,
    /// The number of the last changed order whose rewrite has begun.
    begun: AtomicUsize,
    /// The number of zones that have bits, for filters.
    named: AtomicUsize,
    orders: OrderTables<T>,
    current: Locked<Current>,
}

impl<T> Presence<T> {
    const_fn! {
        /// A scheme that publishes through these tables.
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
    /// The bits of the zones of these lists, if the current orders without all other zones are exactly these lists.
    fn bits_if_in_order(&self, current: &Current, next: ZonelistsRef<'_>) -> Option<usize> {
        // Bits of kinds name no single zone.
        if current.by_kind {
            return None;
        }
        let mut set = 0;
        // The shadow copy: the writer never loads the tables that it stores for readers.
        for (node, scope) in self.orders.lists() {
            let mut order = self.orders.read(OrderTable::Shadow, node, scope);
            for &entry in next.of(node, scope) {
                // `find` goes on behind the zone before: zones in another sequence are not found.
                set |= 1 << order.find(|placed| placed.entry == entry)?.bit;
            }
        }
        // One word serves all lists: a list must not show a zone that only other lists have.
        let shown = |(node, scope)| {
            let present = self.orders.read(OrderTable::Shadow, node, scope).filter(|placed| set >> placed.bit & 1 != 0);
            present.map(|placed| placed.entry).eq(next.of(node, scope).iter().copied())
        };
        self.orders.lists().all(shown).then_some(set)
    }

    /// The bits of the zones of these lists. Zones that are new get a bit; `None` if there are not enough bits.
    fn assign_bits(&self, current: &mut Current, next: ZonelistsRef<'_>) -> Option<usize> {
        let (mut set, mut named) = (0, current.named);
        for (node, scope) in self.orders.lists() {
            for &entry in next.of(node, scope) {
                let bit = match self.orders.bit_of(entry, named) {
                    Some(bit) => bit,
                    None => {
                        // A zone keeps its bit for good: bits are assigned in sequence, and never again.
                        let bit = named as u32 + OrderEntry::ZONES;
                        named += 1;
                        self.orders.name(bit, entry).then_some(bit)?
                    }
                };
                set |= 1 << bit;
            }
        }
        current.named = named;
        // Release: pairs with the acquire in `filter`, which then sees the zone of each of these bits.
        self.named.store(named, Release);
        Some(set)
    }

    /// Writes these lists as changed orders into the spare table. Returns the word that names that table and the lists'
    /// zones.
    fn reorder(&self, current: &mut Current, next: ZonelistsRef<'_>) -> usize {
        current.begun = current.begun.wrapping_add(1);
        // Release: pairs with the acquire load of `begun` in `walk`: a reader that sees this number also sees the word
        // of the order before.
        self.begun.store(current.begun, Release);
        // Release: pairs with the acquire fence in `must_retry`: a reader that sees a slot stored below also sees
        // `begun`.
        fence(Release);
        let in_first = current.word & ZoneMask::SECOND.bits() == 0;
        let second = or_mutant!(in_first => !in_first, "presence: no spare table");
        let spare = if second { OrderTable::Second } else { OrderTable::First };
        let set = self.assign_bits(current, next);
        let named = current.named;
        for (node, scope) in self.orders.lists() {
            let list = next.of(node, scope);
            match set {
                Some(set) => {
                    // Read from the shadow copy, and then written to it: absent zones keep their places.
                    let order = self.order(node, scope, list, set, named);
                    self.record_lost(current, (node, scope), set, &order);
                    self.orders.write(spare, node, scope, order.into_iter().flatten());
                    self.orders.write(OrderTable::Shadow, node, scope, order.into_iter().flatten());
                }
                None => {
                    self.orders.write(spare, node, scope, list.iter().map(|&entry| by_kind(entry)));
                    // The shadow copy keeps the order before this one: the zones' places in this one are lost.
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

    /// Stores the word: the store by which readers see a publish.
    fn store_word(&self, current: &mut Current, word: usize) {
        current.word = word;
        // Release: pairs with the acquire load of the word in `walk`: a reader that sees the word sees the word's
        // order.
        self.word.store(ZoneMask::of(word), Release);
    }
}

/// An entry whose bit stands for the kind of its zone.
fn by_kind(entry: Zoneref) -> OrderEntry {
    OrderEntry { entry, bit: entry.kind() as u32 + OrderEntry::KINDS }
}

/// The bits of all kinds up to this one.
const fn kinds_up_to(highest: ZoneKind) -> usize {
    (1 << (highest as u32 + 1 + OrderEntry::KINDS)) - (1 << OrderEntry::KINDS)
}

/// A walk over the zones of one word, with the count of changed orders at its start.
#[derive(Clone, Debug)]
pub struct PresenceWalk<'w> {
    order: OrderWalk<'w>,
    /// The count of changed orders of the scheme.
    now: &'w AtomicUsize,
    /// That count as the walk began.
    begun: usize,
    word: ZoneMask,
}

impl PresenceWalk<'_> {
    /// The number of changed orders that had begun when the walk began. If two walks have the same number, no list's
    /// order changed between them: at most, zones arrived or were removed.
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
        // Acquire: pairs with the release fence in `reorder`. If the walk has seen a slot of a later rewrite, the load
        // below sees the number of that rewrite.
        fence(Acquire);
        // The last order of the walk's table that had begun when the walk began: `begun`, or one less if the parity
        // differs.
        let order =
            self.begun.wrapping_sub((self.begun ^ usize::from(self.word.bits() & ZoneMask::SECOND.bits() != 0)) & 1);
        // The next rewrite of that table is `order` + 2.
        self.now.load(Relaxed).wrapping_sub(order) >= or_mutant!(2 => 3, "presence: third order unseen")
    }
}

impl<T: Storage<Word = Slot> + Sync> Scheme for Presence<T> {
    const FACTS: Facts = Facts::new("Presence", env!("CARGO_PKG_NAME"))
        .card(include_str!("presence.md"))
        .guarantee(Guarantee::Detected)
        .readers(Progress::LockFree)
        .writer(Progress::WaitFree)
        .allocates(Allocates::Never)
        .no_registration()
        .interrupt_safe()
        .below_allocator()
        .after_fork()
        .tls_destructor()
        .stalled_reader(StalledReader::Bounded)
        .no_std()
        .no_alloc();
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
        // Acquire: pairs with the release in `assign_bits`, so that the zone of each of these bits is seen.
        let named = self.named.load(Acquire);
        let beyond = named as u32 + OrderEntry::ZONES;
        let admits = |&bit: &u32| self.orders.zone_of(bit).is_some_and(|entry| request.admits(entry.zone()));
        let admitted = (OrderEntry::ZONES..beyond).filter(admits).fold(0, |set, bit| set | 1 << bit);
        // Zones that get a bit later: a walk compares each with the request.
        let unknown = usize::MAX.checked_shl(beyond).unwrap_or(0);
        // Bits of kinds say nothing of a zone's node.
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
        // Acquire: pairs with the release store of `begun` in `reorder`. Loaded before the word: a later load could
        // give a number of an order after the word's, and `must_retry` would miss a rewrite.
        let begun = scheme.begun.load(Acquire);
        // Acquire: pairs with the release in `store_word`, so that the slots of the word's order are seen.
        let word = scheme.word.load(Acquire);
        let order = scheme.orders.walk(word, node, filter);
        PresenceWalk { order, now: &scheme.begun, begun, word }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        self.orders.check(next)?;
        // Never busy: the caller has the writer lock.
        let published = self.current.try_with(|current| {
            let word = match self.bits_if_in_order(current, next) {
                // The table stays, and walks that are under way with it.
                Some(set) => set | current.word & ZoneMask::SECOND.bits(),
                None => self.reorder(current, next),
            };
            if !current.by_kind {
                // Each of these zones has a place in every list that names it.
                current.place(word);
            }
            self.store_word(current, word);
        });
        published.ok_or(PublishError::Busy)
    }
}

impl<T: Storage<Word = Slot> + Sync> Membership for Presence<T> {
    fn set_present(&self, zone: ZoneId, presence: ZonePresence, _: &mut Writer<'_>) -> Result<(), PublishError> {
        let shown = self.current.try_with(|current| {
            let bit = self.orders.bit_of(Zoneref::new(zone), current.named).filter(|_| !current.by_kind);
            // Without a bit of its own, one store can't change the zone.
            let bit = bit.ok_or_else(|| current.placeless(zone, self.orders.room(Scope::Fallback)))?;
            // Some list would not show the zone: refused, so that no list differs from what the caller expects.
            if let Some((node, scope)) = current.lacking(bit).filter(|_| presence == ZonePresence::Present) {
                return Err(PublishError::EntryLost { zone, node, scope, room: self.orders.room(scope) });
            }
            let bit = 1 << bit;
            let word = match presence {
                ZonePresence::Present => current.word | bit,
                ZonePresence::Absent => current.word & !bit,
            };
            self.store_word(current, word);
            Ok(())
        });
        shown.ok_or(PublishError::Busy)?
    }
}
