//! What page caches are filled from and emptied into, and what the page allocator counts of a zone.

use super::{FreeError, Mobility, Watch, Zone, frames::Frames};
#[cfg(feature = "alloc")]
use crate::lock::Hold;
use crate::{
    RawLock,
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        unmodelled::AtomicBool,
    },
};

/// What happened to the requests that came to a zone, as far as no cache counts it.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Served, but neither by a cache nor as the first zone of the list.
    pub(crate) fallbacks: AtomicUsize,
    /// Served by the zone itself, for want of a cache or with nothing in it.
    pub(crate) misses: AtomicUsize,
    /// Refused by a request's last walk.
    pub(crate) failures: AtomicUsize,
    /// Freed pages that were found, on their way out of a cache, not to have been handed out.
    pub(crate) strays: AtomicUsize,
    /// How many want no page of the zone in a cache just now.
    uncached: AtomicUsize,
    /// Whether it fell below its low mark, and that is not reported yet.
    pub(crate) low_unreported: AtomicBool,
}

impl Counters {
    pub(super) fn new() -> Self {
        let zero = || AtomicUsize::new(0);
        let low_unreported = AtomicBool::new(false);
        Self { fallbacks: zero(), misses: zero(), failures: zero(), strays: zero(), uncached: zero(), low_unreported }
    }
}

/// Counts one more.
pub(crate) fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Relaxed);
}

/// What a zone gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Supplied {
    /// How many blocks.
    pub(crate) blocks: usize,
    /// Whether its free pages fell below the low mark by it.
    pub(crate) fell: bool,
}

impl<'m, L: RawLock> Zone<'m, L> {
    #[inline(always)]
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// How many frames there are from the first of the span to the last.
    pub(crate) fn spanned(&self) -> u32 {
        // A span has at most 2^31 frames.
        (self.span.end - self.span.start) as u32
    }

    /// The number of the span's first frame. Caches number frames from there, so that no other has a number.
    fn lead(&self) -> u32 {
        // It lies within the first of the longest blocks.
        (self.span.start - self.base) as u32
    }

    /// Holds the lock, for a fork.
    #[cfg(feature = "alloc")]
    pub(crate) fn hold(&self) -> Hold<'_, L> {
        self.frames.hold()
    }

    /// In the child of a fork: if a thread that is no more was amid something here, the zone has no frames any more, nor
    /// metadata: as a [vacant](Zone::vacant) one. Returns whether that was so. Waits for nobody.
    ///
    /// For a zone that is used by itself: those of an allocator are seen to by
    /// [`PageAllocator::after_fork`](crate::PageAllocator::after_fork).
    ///
    /// # Safety
    /// This is the child of a fork, no other thread of it uses the zone yet, and the calling thread made the fork
    /// outside of any call of this library but a guard.
    pub unsafe fn after_fork(&self) -> bool {
        // SAFETY: what the caller promises.
        let lost = unsafe { self.frames.abandon(|| Some(Frames::none())) };
        if lost {
            self.watch.set_free(0);
            self.watch.set_managed(0);
            self.watch.set_isolated(0);
        }
        lost
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn uncached(&self) -> &AtomicUsize {
        &self.counters.uncached
    }

    /// Takes blocks of an order, at most as many as there is room for, and writes down how far from the span's first
    /// frame each begins.
    #[inline]
    pub(crate) fn supply(&self, order: u8, mobility: Mobility, blocks: &mut [u32]) -> Supplied {
        let low = self.watch.low();
        let supplied = self.changing(|frames| supply_from(frames, low, order, mobility, blocks));
        self.number_from_span(supplied, blocks)
    }

    /// The frames of blocks that were taken, numbered as caches do.
    #[inline]
    fn number_from_span(&self, supplied: Supplied, blocks: &mut [u32]) -> Supplied {
        let lead = self.lead();
        if lead > 0 {
            blocks.iter_mut().take(supplied.blocks).for_each(|block| *block = block.wrapping_sub(lead));
        }
        supplied
    }

    /// The same, unless somebody else has the lock for as long as it is tried.
    pub(crate) fn try_supply(&self, order: u8, mobility: Mobility, blocks: &mut [u32]) -> Option<Supplied> {
        let low = self.watch.low();
        let supplied = self.trying(|frames| supply_from(frames, low, order, mobility, blocks))?;
        Some(self.number_from_span(supplied, blocks))
    }

    /// Takes the lock if it is free within a few tries: its holder may be what the caller has interrupted.
    fn trying<R>(&self, mut change: impl FnMut(&mut Frames<'m>) -> R) -> Option<R> {
        (0..TRIES).find_map(|_| {
            let done = self.try_changing(&mut change);
            if done.is_none() {
                core::hint::spin_loop();
            }
            done
        })
    }

    /// Takes blocks of an order back. What cannot have been handed out is left alone, and counted.
    #[inline]
    pub(crate) fn restock(&self, order: u8, blocks: &[u32]) {
        self.count_strays(self.changing(|frames| give_each(frames, order, blocks, self.lead())));
    }

    /// The same, unless somebody else has the lock: whether it did.
    #[inline]
    pub(crate) fn try_restock(&self, order: u8, blocks: &[u32]) -> bool {
        let strays = self.try_changing(|frames| give_each(frames, order, blocks, self.lead()));
        strays.map(|strays| self.count_strays(strays)).is_some()
    }

    fn count_strays(&self, strays: usize) {
        if strays > 0 {
            self.counters.strays.fetch_add(strays, Relaxed);
        }
    }

    /// Takes one block back.
    pub(crate) fn take_back(&self, frame: u32, order: u8) -> Result<(), FreeError> {
        self.changing(|frames| frames.give(frame, order))
    }

    /// The same, unless somebody else has the lock for as long as it is tried.
    pub(crate) fn try_take_back(&self, frame: u32, order: u8) -> Option<Result<(), FreeError>> {
        self.trying(|frames| frames.give(frame, order))
    }

    /// Notes that a block goes from a cache to its user.
    #[cfg(feature = "checked")]
    pub(crate) fn note_out(&self, frame: u32, order: u8) {
        self.frames.with(|frames| frames.handed_out.note(frame, order));
    }

    /// The same, if the lock can be had at once: whether it could.
    #[cfg(feature = "checked")]
    pub(crate) fn try_note_out(&self, frame: u32, order: u8) -> bool {
        self.trying(|frames| frames.handed_out.note(frame, order)).is_some()
    }

    /// The same as `note_in`, if the lock can be had at once.
    #[cfg(feature = "checked")]
    pub(crate) fn try_note_in(&self, frame: u32, order: u8) -> Option<Result<(), FreeError>> {
        self.trying(|frames| frames.handed_out.take(frame, order))
    }

    /// Notes that a block comes from its user, and takes it back, under one lock.
    #[cfg(feature = "checked")]
    pub(crate) fn try_take_back_noted(&self, frame: u32, order: u8) -> Option<Result<(), FreeError>> {
        self.trying(|frames| {
            frames.handed_out.check(frame, order)?;
            frames.give(frame, order)?;
            frames.handed_out.forget(frame);
            Ok(())
        })
    }

    /// Takes one block and notes that it goes to its user, under one lock.
    #[cfg(feature = "checked")]
    pub(crate) fn try_supply_noted(&self, order: u8, mobility: Mobility, block: &mut [u32; 1]) -> Option<Supplied> {
        let low = self.watch.low();
        let supplied = self.trying(|frames| {
            let supplied = supply_from(frames, low, order, mobility, block);
            if supplied.blocks == 1 {
                frames.handed_out.note(block[0], order);
            }
            supplied
        })?;
        Some(self.number_from_span(supplied, block))
    }

    /// Notes that a block comes from its user into a cache.
    #[cfg(feature = "checked")]
    pub(crate) fn note_in(&self, frame: u32, order: u8) -> Result<(), FreeError> {
        self.frames.with(|frames| frames.handed_out.take(frame, order))
    }
}

/// How often a lock is tried by those who must not wait for it: so that they are seldom turned away by a holder on
/// another CPU, who needs it for as long as it takes to look at a few cache lines.
const TRIES: usize = if cfg!(loom) { 1 } else { 64 };

#[inline]
fn supply_from(frames: &mut Frames<'_>, low: usize, order: u8, mobility: Mobility, blocks: &mut [u32]) -> Supplied {
    let before = frames.free;
    let taken =
        if order == 0 { frames.take_singles(mobility, blocks) } else { take_each(frames, order, mobility, blocks) };
    Supplied { blocks: taken, fell: before >= low && frames.free < low }
}

fn take_each(frames: &mut Frames<'_>, order: u8, mobility: Mobility, blocks: &mut [u32]) -> usize {
    for (taken, block) in blocks.iter_mut().enumerate() {
        match frames.take(order, mobility) {
            Some(frame) => *block = frame,
            None => return taken,
        }
    }
    blocks.len()
}

/// Blocks whose frames are numbered anew at a time.
const BATCH: usize = 64;

/// How many could not have been handed out, of blocks that begin so far behind the frame numbered `lead`.
#[inline]
fn give_each(frames: &mut Frames<'_>, order: u8, blocks: &[u32], lead: u32) -> usize {
    if lead == 0 {
        return give_numbered(frames, order, blocks);
    }
    let mut strays = 0;
    for blocks in blocks.chunks(BATCH) {
        let mut numbers = [0; BATCH];
        numbers.iter_mut().zip(blocks).for_each(|(number, block)| *number = block.wrapping_add(lead));
        strays += give_numbered(frames, order, numbers.get(..blocks.len()).unwrap_or_default());
    }
    strays
}

#[inline]
fn give_numbered(frames: &mut Frames<'_>, order: u8, blocks: &[u32]) -> usize {
    let mut strays = 0;
    if order == 0 {
        frames.give_singles(blocks, |_| strays += 1);
    } else {
        blocks.iter().for_each(|&block| strays += usize::from(frames.give(block, order).is_err()));
    }
    strays
}
