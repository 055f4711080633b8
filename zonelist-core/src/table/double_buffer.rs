//! Two tables, of which readers find one while the other is written.
//!
//! Each version is written over the one before the last. Readers find the current one by
//! a pointer to its words: to begin a walk there costs no more than where there is but one table.
//!
//! Which table is spare is counted here, and does not follow from the number of a version: a publish that fails behind
//! [`DoubleBuffer::replace`] leaves its version in place, and its number to the next.

use core::{fmt, ptr::NonNull};

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use crate::{
    Capacity, CapacityError, NodeId, Slot, SlotFilter, SlotWalk, Slots, Storage, ZonelistsRef, Zoneref,
    sync::{
        Track,
        atomic::{
            AtomicPtr,
            Ordering::{Acquire, Release},
        },
        unmodelled::{AtomicUsize, Ordering::Relaxed},
    },
    table::slots::sealed::Sealed,
};

/// A table's words on the heap, or in memory that the caller gave for good. They are not moved when
/// their owner is.
///
/// Held by a pointer of its own: one that is derived from a box, or from an exclusive reference, is
/// void as soon as that is moved.
pub(crate) struct Anchored {
    words: NonNull<[Slot]>,
    /// Whether they are ours to free.
    owned: bool,
}

// SAFETY: it is a box of slots, or an exclusive reference to some, and both may be sent.
unsafe impl Send for Anchored {}

// SAFETY: it hands out shared references to slots, which may be shared.
unsafe impl Sync for Anchored {}

impl Sealed for Anchored {}

impl Storage for Anchored {
    type Word = Slot;

    #[inline]
    fn words(&self) -> &[Slot] {
        // SAFETY: they came from a box that is freed with us, or a reference for good, and no
        // exclusive reference to them is left.
        unsafe { self.words.as_ref() }
    }
}

impl Drop for Anchored {
    fn drop(&mut self) {
        #[cfg(feature = "alloc")]
        if self.owned {
            // SAFETY: they came from `Box::leak`, and every reference to them borrows us.
            drop(unsafe { Box::from_raw(self.words.as_ptr()) });
        }
    }
}

impl fmt::Debug for Anchored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchored").field("slots", &self.words.len()).field("owned", &self.owned).finish()
    }
}

/// Two tables of one capacity, and which of them readers find.
///
/// Safe whatever a scheme does with them: a table that is rewritten under a walk only tears it.
#[derive(Debug)]
pub struct DoubleBuffer {
    tables: [Slots<Anchored>; 2],
    memory: [Track; 2],
    /// The words of one of them.
    current: AtomicPtr<Slot>,
    /// The number of the other one. Only the writer looks, so that no model explores it; `current` is never loaded by what
    /// stores it, where loom would miss interleavings.
    spare: AtomicUsize,
}

impl DoubleBuffer {
    fn new(words: [Anchored; 2], capacity: Capacity) -> Self {
        let tables = words.map(|words| Slots::over(words, capacity));
        let current = AtomicPtr::new(tables[0].head().cast_mut());
        Self { tables, memory: [Track::new(), Track::new()], current, spare: AtomicUsize::new(1) }
    }

    /// Two empty tables on the heap.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn boxed(capacity: Capacity) -> Self {
        let words = || (0..capacity.words()).map(|_| Slot::new()).collect::<Box<[Slot]>>();
        Self::new([words(), words()].map(|words| Anchored { words: Box::leak(words).into(), owned: true }), capacity)
    }

    /// Two tables in memory that the caller gives for good; `None` unless it is of twice [`Capacity::words`].
    #[must_use]
    pub fn in_place(words: &'static mut [Slot], capacity: Capacity) -> Option<Self> {
        let (first, second) = words.split_at_mut_checked(capacity.words())?;
        if second.len() != capacity.words() {
            return None;
        }
        first.iter_mut().chain(second.iter_mut()).for_each(|slot| *slot = Slot::new());
        Some(Self::new([first, second].map(|words| Anchored { words: words.into(), owned: false }), capacity))
    }

    /// Whether the lists fit.
    ///
    /// # Errors
    /// Says what they need and what there is.
    pub fn check(&self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        self.tables[0].check(lists)
    }

    /// Writes a version over the one before the last, and lets readers find it. Called by one at a time, with the writer
    /// lock held: where two do at once, walks are torn.
    ///
    /// # Errors
    /// The lists are too large; then nothing is written.
    pub fn replace(&self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        self.check(lists)?;
        // The writer lock orders it.
        let spare = self.spare.load(Relaxed) % 2;
        self.memory[spare].write();
        self.tables[spare].rewrite(lists)?;
        let head = self.tables[spare].head().cast_mut();
        // Release: pairs with the acquire in `find`: who finds the table finds what was written there.
        self.current.store(head, Release);
        self.spare.store(1 - spare, Relaxed);
        Ok(())
    }

    /// The table of the current version.
    #[inline(always)]
    #[must_use]
    pub fn current(&self) -> Buffer<'_> {
        // Acquire: pairs with the release in `replace`.
        Buffer { tables: self, head: self.current.load(Acquire) }
    }
}

/// One of two tables, as a reader found it.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'g> {
    tables: &'g DoubleBuffer,
    /// Of one of these.
    head: *const Slot,
}

impl Buffer<'_> {
    /// Begins a walk of one list: see [`Slots::walk`].
    #[inline(always)]
    #[must_use]
    pub fn walk<'w>(&'w self, node: NodeId, filter: &'w SlotFilter) -> BufferWalk<'w> {
        let [first, second] = &self.tables.tables;
        // SAFETY: only `new` and `replace` store heads, of tables of this very capacity that live as
        // long as the double buffer does.
        let slots = unsafe { first.walk_from(self.head, node, filter) };
        BufferWalk { slots, memory: &self.tables.memory[usize::from(self.head == second.head())] }
    }
}

/// A walk over one of two tables.
#[derive(Clone, Debug)]
pub struct BufferWalk<'w> {
    slots: SlotWalk<'w, Slot>,
    memory: &'w Track,
}

impl Iterator for BufferWalk<'_> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        self.memory.read();
        self.slots.next()
    }
}
