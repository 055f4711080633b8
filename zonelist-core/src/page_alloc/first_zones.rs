//! The first zones that a handle remembers.
//!
//! ```text
//!   entry := entries[(class + node) mod their number]
//!   entry has this class and node, and the stamp of now: its zone
//!   else: walk; remember the zone there, if the walk is not torn, with the stamp of before the walk
//! ```

use super::PerCpuPages;
use crate::{publish::NOTHING_REMEMBERED, zone::WatermarkCounters};

/// The number of entries: several classes of requests for several nodes. Each takes 32 bytes on a 64-bit CPU. Fewer in
/// models, whose threads have small stacks.
const ENTRIES: usize = if cfg!(loom) { 2 } else { 32 };

/// First zones by class of requests and node, of which each is valid for one stamp.
#[derive(Debug)]
pub(super) struct FirstZones<'a>([Entry<'a>; ENTRIES]);

#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    /// The number of the class and node: [`ClassKey::at`](super::class_key::ClassKey::at).
    key: usize,
    /// The stamp of the lists before the walk, an even number.
    stamp: usize,
    zone: FirstZone<'a>,
}

/// What an allocation needs of its first zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstZone<'a> {
    pub(super) counters: &'a WatermarkCounters,
    /// The handle's per-CPU pages of the zone.
    pub(super) cache: &'a PerCpuPages,
}

impl<'a> FirstZones<'a> {
    /// Nothing remembered. `any` fills the entries and is never returned.
    pub(super) const fn new(any: FirstZone<'a>) -> Self {
        Self([Entry { key: 0, stamp: NOTHING_REMEMBERED, zone: any }; ENTRIES])
    }

    /// The zone that was remembered at this stamp.
    #[inline(always)]
    pub(super) fn get(&self, key: usize, stamp: usize) -> Option<FirstZone<'a>> {
        let entry = &self.0[key % ENTRIES];
        if entry.stamp == stamp && entry.key == key { Some(entry.zone) } else { None }
    }

    /// Remembers a zone, in place of what stood there.
    pub(super) fn set(&mut self, key: usize, stamp: usize, zone: FirstZone<'a>) {
        self.0[key % ENTRIES] = Entry { key, stamp, zone };
    }
}
