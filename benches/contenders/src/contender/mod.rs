//! What is timed: schemes through the trait, the same by hand, and the walk that nothing protects.
//!
//! All of them run the same loops, which the compiler sees once for each contender and never
//! across the call: the published state is opaque to it, the nodes come from a table drawn before.

mod by_hand;
#[cfg(feature = "liburcu")]
mod liburcu;
mod pairs;
mod run_time;
mod through;

use std::{
    hint::black_box,
    sync::atomic::{Ordering::SeqCst, compiler_fence},
};

use zonelist_core::{Lists, NodeId, Request, SlotFilter, Slots, ZoneKind, Zoneref};

pub use by_hand::by_hand;
pub use pairs::{Pairs, ThroughPages, raw_pairs};
pub use run_time::{AT_RUN_TIME, at_run_time, pairs_at_run_time};
pub use through::{SetupError, Through};

/// What is not ours: each by name, with the unprotected walk of its own language and its own.
#[must_use]
pub fn peers(lists: Lists<'_>) -> Vec<Peer> {
    #[cfg(feature = "liburcu")]
    return vec![Peer {
        name: LIBURCU,
        floor: Box::new(liburcu::InC::raw(lists)),
        peer: Box::new(liburcu::InC::rcu(lists)),
    }];
    #[cfg(not(feature = "liburcu"))]
    {
        let _ = lists;
        Vec::new()
    }
}

/// The names of all peers.
#[cfg(feature = "liburcu")]
pub const PEERS: &[&str] = &[LIBURCU];
/// The names of all peers.
#[cfg(not(feature = "liburcu"))]
pub const PEERS: &[&str] = &[];

#[cfg(feature = "liburcu")]
const LIBURCU: &str = "liburcu memb";

/// A read that is not ours.
#[expect(missing_debug_implementations, reason = "contenders are opaque on purpose")]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// The unprotected walk in its language.
    pub floor: Box<dyn Contender>,
    /// Its own.
    pub peer: Box<dyn Contender>,
}

/// One way to look at a list.
pub trait Look {
    /// The first zone of a node's list.
    fn first(&mut self, node: NodeId) -> Option<Zoneref>;

    /// All zones of a node's list, as the sum of their words.
    fn all(&mut self, node: NodeId) -> u32;
}

/// A [`Look`] in the loops that are timed.
pub trait Contender {
    /// Reads the first zone of each node in turn; no read waits for another.
    fn independent(&mut self, nodes: &[NodeId]) -> u32;

    /// Reads the first zone of each node in turn; which node is next depends on what was read.
    fn dependent(&mut self, nodes: &[NodeId]) -> u32;

    /// Walks the whole list of each node in turn.
    fn full(&mut self, nodes: &[NodeId]) -> u32;
}

impl<L: Look> Contender for L {
    #[inline(never)]
    fn independent(&mut self, nodes: &[NodeId]) -> u32 {
        nodes.iter().fold(0, |sum, &node| sum.wrapping_add(anew(|| self.first(node)).map_or(0, Zoneref::word)))
    }

    #[inline(never)]
    fn dependent(&mut self, nodes: &[NodeId]) -> u32 {
        // No bit of any word, which the compiler can't know.
        let none = black_box(0);
        let mut word = 0;
        for i in 0..nodes.len() {
            word = anew(|| self.first(nodes[i ^ (word as usize & none)])).map_or(0, Zoneref::word);
        }
        word
    }

    #[inline(never)]
    fn full(&mut self, nodes: &[NodeId]) -> u32 {
        nodes.iter().fold(0, |sum, &node| sum.wrapping_add(anew(|| self.all(node))))
    }
}

/// A read that keeps nothing of the one before in registers, as in an allocator every one is.
#[inline(always)]
fn anew<R>(read: impl FnOnce() -> R) -> R {
    compiler_fence(SeqCst);
    read()
}

/// Every zone: what all contenders ask for.
pub const ANY: Request = Request::up_to(ZoneKind::Device);

/// A table that nobody writes, walked without a word to anybody: the floor.
#[derive(Debug)]
pub struct Raw {
    /// Behind a pointer, as a scheme's is behind its reader's.
    table: Box<Slots<Box<[Option<Zoneref>]>>>,
    filter: SlotFilter,
}

impl Raw {
    /// The floor over these lists.
    #[must_use]
    pub fn new(lists: Lists<'_>) -> Self {
        Self { table: Box::new(Slots::fixed(lists)), filter: SlotFilter::new(&ANY) }
    }
}

impl Look for Raw {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.table.walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.table.walk(node, &self.filter))
    }
}

/// The sum of the words: something that needs every zone.
#[inline(always)]
fn sum(walk: impl Iterator<Item = Zoneref>) -> u32 {
    walk.fold(0, |sum, entry| sum.wrapping_add(entry.word()))
}
