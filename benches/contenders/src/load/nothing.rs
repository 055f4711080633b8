//! A publication whose reads read nothing: the noise of the machine, and the cost of the clock.

use std::hint::black_box;

use zonelist_core::{NodeId, Zoneref, zonelist::ZonelistsRef};

use crate::contender::{ContenderError, Publication, ReadList};

/// Lists that are never stored. Times of its reads are those of an empty pair of clock readings, and of what delays any
/// loop: interrupts, other processes, the hypervisor.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

/// A reader that finds nothing.
#[derive(Clone, Copy, Debug)]
pub struct ReadsNothing;

impl ReadList for ReadsNothing {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        // The compiler can't know, so that the loop stays.
        black_box(node);
        None
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        black_box(node);
        0
    }
}

impl Publication for Nothing {
    type Reader<'p> = ReadsNothing;

    fn reader(&self) -> Result<ReadsNothing, ContenderError> {
        Ok(ReadsNothing)
    }

    fn publish(&self, lists: ZonelistsRef<'_>) -> Result<(), ContenderError> {
        black_box(lists);
        Ok(())
    }
}
