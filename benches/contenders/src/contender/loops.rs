//! The timed loops, the same for every contender.

use std::{
    hint::black_box,
    sync::atomic::{Ordering::SeqCst, compiler_fence},
};

use zonelist_core::{NodeId, Request, ZoneKind, Zoneref};

/// One way to read a list.
pub trait ReadList {
    /// The first zone of a node's list.
    fn first(&mut self, node: NodeId) -> Option<Zoneref>;

    /// Walks a node's whole list; returns the sum of its words.
    fn all(&mut self, node: NodeId) -> u32;

    /// Called between two reads under which lists are published: a reader that has to report such points does so.
    #[inline(always)]
    fn between_reads(&mut self) {}
}

/// The loops that are timed; every [`ReadList`] has them.
pub trait Contender {
    /// Reads the first zone of each node in turn. No read depends on another.
    fn independent(&mut self, nodes: &[NodeId]) -> u32;

    /// Reads the first zone of each node in turn. The next node depends on the entry read, so the latencies add up.
    fn dependent(&mut self, nodes: &[NodeId]) -> u32;

    /// Walks the whole list of each node in turn.
    fn full(&mut self, nodes: &[NodeId]) -> u32;

    /// Reads the first zone of each node in turn, while lists are published: with a report between two reads, if
    /// publishes wait for it.
    fn beside_publishes(&mut self, nodes: &[NodeId]) -> u32 {
        self.independent(nodes)
    }
}

impl<L: ReadList> Contender for L {
    #[inline(never)]
    fn independent(&mut self, nodes: &[NodeId]) -> u32 {
        nodes
            .iter()
            .fold(0, |sum, &node| sum.wrapping_add(after_compiler_fence(|| self.first(node)).map_or(0, Zoneref::word)))
    }

    #[inline(never)]
    fn dependent(&mut self, nodes: &[NodeId]) -> u32 {
        // Zero, so that the index stays `i`; the compiler can't know, so each read waits for the one before.
        let none = black_box(0);
        let mut word = 0;
        for i in 0..nodes.len() {
            word = after_compiler_fence(|| self.first(nodes[i ^ (word as usize & none)])).map_or(0, Zoneref::word);
        }
        word
    }

    #[inline(never)]
    fn full(&mut self, nodes: &[NodeId]) -> u32 {
        nodes.iter().fold(0, |sum, &node| sum.wrapping_add(after_compiler_fence(|| self.all(node))))
    }

    #[inline(never)]
    fn beside_publishes(&mut self, nodes: &[NodeId]) -> u32 {
        nodes.iter().fold(0, |sum, &node| {
            let word = after_compiler_fence(|| self.first(node)).map_or(0, Zoneref::word);
            self.between_reads();
            sum.wrapping_add(word)
        })
    }
}

/// Runs a read after a compiler fence, so that it reloads the values that the previous read had in registers.
///
/// In an allocator, other code runs between two reads as well.
#[inline(always)]
pub(crate) fn after_compiler_fence<R>(read: impl FnOnce() -> R) -> R {
    compiler_fence(SeqCst);
    read()
}

/// The request of all contenders, which admits every zone.
pub const ANY: Request = Request::up_to(ZoneKind::Device);

/// The sum of the words, a result that depends on every entry.
#[inline(always)]
pub(super) fn sum(walk: impl Iterator<Item = Zoneref>) -> u32 {
    walk.fold(0, |sum, entry| sum.wrapping_add(entry.word()))
}
