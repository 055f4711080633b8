//! A zonelist as the kernel has it: slots of two words, written in place, and the loops that read it.
//!
//! After `include/linux/mmzone.h`, `mm/mmzone.c` and `mm/page_alloc.c` of 4.14, each load and store a step. A slot is a zone
//! pointer and a copy of the zone's index. The terminator is a slot without a zone, whose index 0 stops every filter. The
//! slots behind it keep what they had.

use std::sync::Arc;

use zonelist_core::{
    NodeId, ZoneId, ZoneKind, Zoneref,
    sync::{
        atomic::{
            AtomicU32, AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
        traced::Log,
    },
};

/// A zone of a list, by kind and node.
pub(super) type Zone = (ZoneKind, u16);

pub(super) const M0: Zone = (ZoneKind::Movable, 0);
pub(super) const N0: Zone = (ZoneKind::Normal, 0);
pub(super) const M1: Zone = (ZoneKind::Movable, 1);
pub(super) const N1: Zone = (ZoneKind::Normal, 1);
pub(super) const N2: Zone = (ZoneKind::Normal, 2);

/// The memory model of a zonelist's loads and stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Memory {
    /// A load sees the last store.
    Sequential,
    /// Relaxed: a load may also see older values.
    Weak,
}

/// A slot, `struct zoneref`.
struct Slot {
    zone: AtomicU32,
    index: AtomicU32,
}

/// `struct zonelist`.
pub(super) struct Zonelist {
    slots: Vec<Slot>,
    memory: Memory,
}

/// How a rebuild writes a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Build {
    /// From 4.14: slot by slot, then the terminator.
    InOnePass,
    /// Until 4.13: the list is emptied, and grows node by node, with a terminator behind each.
    ClearedFirst,
}

impl Zonelist {
    /// A list of these zones, with room for `room` of them.
    pub(super) fn new(memory: Memory, room: usize, list: &[Zone]) -> Self {
        let slot = |_| Slot { zone: AtomicU32::new(0), index: AtomicU32::new(0) };
        let new = Self { slots: (0..=room).map(slot).collect(), memory };
        new.build(Build::InOnePass, list);
        new
    }

    fn load(&self, word: &AtomicU32) -> u32 {
        match self.memory {
            // loom lets a plain load see older values; a read-modify-write sees the last.
            Memory::Sequential => word.fetch_or(0, AcqRel),
            Memory::Weak => word.load(Relaxed),
        }
    }

    fn store(&self, word: &AtomicU32, value: u32) {
        match self.memory {
            Memory::Sequential => drop(word.swap(value, AcqRel)),
            Memory::Weak => word.store(value, Relaxed),
        }
    }

    /// `zoneref_set_zone`: the zone, then its index.
    fn put(&self, slot: usize, entry: Option<Zone>) {
        let (word, index) = entry.map_or((0, 0), |(kind, node)| (word_of((kind, node)), kind as u32));
        self.store(&self.slots[slot].zone, word);
        self.store(&self.slots[slot].index, index);
    }

    /// `build_zonelists` of one list. Slots behind the terminator are not written.
    pub(super) fn build(&self, how: Build, list: &[Zone]) {
        if how == Build::ClearedFirst {
            self.put(0, None);
        }
        for (slot, &entry) in list.iter().enumerate() {
            self.put(slot, Some(entry));
            let last_of_node = list.get(slot + 1).is_none_or(|next| next.1 != entry.1);
            if how == Build::ClearedFirst && last_of_node {
                self.put(slot + 1, None);
            }
        }
        if how == Build::InOnePass {
            self.put(list.len(), None);
        }
    }

    pub(super) fn zone(&self, slot: usize) -> Option<Zone> {
        let word = self.load(&self.slots[slot].zone);
        [M0, N0, M1, N1, N2].into_iter().find(|&zone| word_of(zone) == word)
    }

    /// `next_zones_zonelist`: the first slot from `slot` on that the request admits, or the terminator.
    pub(super) fn next(&self, mut slot: usize, request: &Request, seen: &mut Seen) -> usize {
        loop {
            let index = self.load(&self.slots[slot].index);
            let admitted = index <= request.highest as u32
                && request.nodes.is_none_or(|nodes| {
                    if self.zone(slot).is_none() {
                        return true;
                    }
                    // The macro loads the pointer again, for the zone's node.
                    let again = self.zone(slot);
                    seen.null_in_filter |= again.is_none();
                    again.is_none_or(|zone| nodes.contains(&zone.1))
                });
            if admitted {
                return slot;
            }
            slot += 1;
            if slot == self.slots.len() {
                seen.past_the_array = true;
                return slot - 1;
            }
        }
    }
}

/// A list behind `zonelist_update_seq`, as it is from 6.0 on.
pub(super) struct Counted {
    pub(super) list: Zonelist,
    sequence: AtomicUsize,
}

impl Counted {
    pub(super) fn new(room: usize, list: &[Zone]) -> Self {
        Self { list: Zonelist::new(Memory::Sequential, room, list), sequence: AtomicUsize::new(0) }
    }

    /// `__build_all_zonelists`: the sequence number is odd meanwhile.
    pub(super) fn rebuild(&self, list: &[Zone]) {
        self.sequence.fetch_add(1, AcqRel);
        self.list.build(Build::InOnePass, list);
        self.sequence.fetch_add(1, AcqRel);
    }

    /// The current sequence number.
    pub(super) fn cookie(&self) -> usize {
        self.sequence.fetch_add(0, AcqRel)
    }
}

/// Runs `does` on this thread, which the timeline calls `name`, beside a rebuild on another. The timeline ends with `does`.
pub(super) fn beside<L: 'static, R>(
    lists: L,
    rebuild: impl FnOnce(&L) + 'static,
    name: &str,
    does: impl FnOnce(&L) -> R,
) -> R {
    let lists = Arc::new(lists);
    Log::call(name);
    Log::from_here();
    let rebuilt = loom::thread::spawn({
        let lists = Arc::clone(&lists);
        move || {
            Log::call("rebuilds");
            rebuild(&lists);
        }
    });
    let result = does(&lists);
    Log::end_here();
    rebuilt.join().unwrap();
    result
}

/// The word of a zone's `Zoneref`: timelines show such words as zones.
fn word_of((kind, node): Zone) -> u32 {
    Zoneref::new(ZoneId::new(NodeId::new(node).unwrap(), kind)).word()
}

/// The request of an allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) highest: ZoneKind,
    pub(super) nodes: Option<&'static [u16]>,
}

impl Request {
    pub(super) const KERNEL: Self = Self { highest: ZoneKind::Normal, nodes: None };
    pub(super) const MOVABLE: Self = Self { highest: ZoneKind::Movable, nodes: None };

    pub(super) const fn on(nodes: &'static [u16]) -> Self {
        Self { nodes: Some(nodes), ..Self::KERNEL }
    }

    pub(super) fn admits(&self, (kind, node): Zone) -> bool {
        kind <= self.highest && self.nodes.is_none_or(|nodes| nodes.contains(&node))
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "up to {}", self.highest)?;
        self.nodes.map_or(Ok(()), |nodes| write!(f, " on {nodes:?}"))
    }
}

/// What a scan has seen.
#[derive(Clone, Default, Debug)]
pub(super) struct Seen {
    pub(super) zones: Vec<Zone>,
    /// The second load of a zone pointer, in the filter by nodes, was null.
    pub(super) null_in_filter: bool,
    /// The preferred slot, loaded again during the scan, had no zone.
    pub(super) null_preferred: bool,
    pub(super) past_the_array: bool,
}

/// `get_page_from_freelist` where no zone has a page: from the preferred slot, which the filter does not check again, to the
/// terminator. For each zone, the preferred slot is loaded again.
pub(super) fn scan(list: &Zonelist, preferred: usize, request: &Request) -> Seen {
    let mut seen = Seen::default();
    let mut slot = preferred;
    while let Some(zone) = list.zone(slot) {
        seen.zones.push(zone);
        seen.null_preferred |= list.zone(preferred).is_none();
        if slot + 1 == list.slots.len() {
            seen.past_the_array = true;
            break;
        }
        slot = list.next(slot + 1, request, &mut seen);
    }
    Log::say(format!("has tried {}", names(&seen.zones)));
    seen
}

/// An allocation: `prepare_alloc_pages` finds the preferred slot, then comes the scan.
pub(super) fn allocate(list: &Zonelist, request: &Request) -> Seen {
    let mut first = Seen::default();
    let preferred = list.next(0, request, &mut first);
    if list.zone(preferred).is_none() {
        Log::say("finds no zone to begin with");
        return first;
    }
    let seen = scan(list, preferred, request);
    Seen { null_in_filter: first.null_in_filter | seen.null_in_filter, ..seen }
}

/// The names of zones in a timeline.
pub(super) fn names(zones: &[Zone]) -> String {
    let names: Vec<String> = zones.iter().map(|(kind, node)| format!("{node}/{kind}")).collect();
    format!("[{}]", names.join(", "))
}
