//! A double buffer: readers walk one of two tables while the writer rewrites the other.
//!
//! ```text
//!   replace (under the writer lock):           walk:
//!     rewrite tables[spare]                      head = current         Acquire
//!     current = head of tables[spare]  Release   walk the slots that start at head
//!     spare = 1 - spare
//! ```
//!
//! Each version is written over the one before the last. Readers find the current version by a pointer to its words, so
//! that a walk begins as fast as with one table. A walk that is still in the table when the second
//! [`DoubleBuffer::replace`] after its start begins may be torn: to prevent or to detect that is up to the scheme.
//!
//! Which table is spare is a state of its own, and does not follow from the number of a version. A publish that fails
//! after [`DoubleBuffer::replace`] leaves its version in place, and the next publish gets the same number.

use core::{fmt, ptr::NonNull};

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use crate::{
    NodeId, Zoneref,
    sync::{
        Track,
        atomic::{
            AtomicPtr,
            Ordering::{Acquire, Release},
        },
        unmodelled::{AtomicUsize, Ordering::Relaxed},
    },
    table::{Capacity, CapacityError, Slot, SlotFilter, SlotWalk, Slots, Storage, slot::sealed::Sealed},
    zonelist::ZonelistsRef,
};

/// Words of a table on the heap, or in memory that the caller gave for good. A move of this value does not move them.
///
/// The words are behind a raw pointer: a pointer that is derived from a box or an exclusive reference is invalid once
/// the box or reference is moved.
pub(crate) struct Anchored {
    words: NonNull<[Slot]>,
    /// True if the drop frees the words.
    owned: bool,
}

// SAFETY: it has the role of a box of slots, or of an exclusive reference to slots, and both may be sent.
unsafe impl Send for Anchored {}

// SAFETY: it gives only shared references to slots, which are atomics.
unsafe impl Sync for Anchored {}

impl Sealed for Anchored {}

impl Storage for Anchored {
    type Word = Slot;

    #[inline]
    fn words(&self) -> &[Slot] {
        // SAFETY: the words come from a leaked box that the drop of `self` frees, or from a reference of static
        // lifetime. No exclusive reference to them is left.
        unsafe { self.words.as_ref() }
    }
}

impl Drop for Anchored {
    fn drop(&mut self) {
        #[cfg(feature = "alloc")]
        if self.owned {
            // SAFETY: owned words come from `Box::leak`, and each borrow of them was a borrow of `self`.
            drop(unsafe { Box::from_raw(self.words.as_ptr()) });
        }
    }
}

impl fmt::Debug for Anchored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchored").field("slots", &self.words.len()).field("owned", &self.owned).finish()
    }
}

/// Two tables of one capacity, and the choice of the table that readers walk.
///
/// Safe, whatever a scheme does with the tables: a rewrite under a walk only makes that walk torn.
#[derive(Debug)]
pub struct DoubleBuffer {
    tables: [Slots<Anchored>; 2],
    memory: [Track; 2],
    /// The first word of the table that readers walk.
    current: AtomicPtr<Slot>,
    /// The index of the other table. Only the writer reads this, so that no model explores it. It makes it unnecessary
    /// to load `current` before a store to `current`, where loom would not explore all interleavings.
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

    /// Two empty tables in memory that the caller gives for good; `None` unless it has twice [`Capacity::words`] words.
    #[must_use]
    pub fn in_place(words: &'static mut [Slot], capacity: Capacity) -> Option<Self> {
        let (first, second) = words.split_at_mut_checked(capacity.words())?;
        if second.len() != capacity.words() {
            return None;
        }
        first.iter_mut().chain(second.iter_mut()).for_each(|slot| *slot = Slot::new());
        Some(Self::new([first, second].map(|words| Anchored { words: words.into(), owned: false }), capacity))
    }

    /// Checks that the lists fit.
    ///
    /// # Errors
    /// The lists are too large. The error has the capacity that they need and the tables' own.
    pub fn check(&self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        self.tables[0].check(lists)
    }

    /// Writes a version over the one before the last, and makes it the current one. The caller holds the writer lock:
    /// two concurrent calls make walks torn.
    ///
    /// # Errors
    /// The lists are too large; then nothing is written.
    pub fn replace(&self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        self.check(lists)?;
        // Relaxed: the writer lock orders the accesses to `spare`.
        let spare = self.spare.load(Relaxed) % 2;
        self.memory[spare].write();
        self.tables[spare].rewrite(lists)?;
        let head = self.tables[spare].head().cast_mut();
        // Release: pairs with the acquire in `current`: a reader that finds the table sees the version written there.
        self.current.store(head, Release);
        self.spare.store(1 - spare, Relaxed);
        Ok(())
    }

    /// Finds the table of the current version.
    #[inline(always)]
    #[must_use]
    pub fn current(&self) -> Buffer<'_> {
        // Acquire: pairs with the release in `replace`, so that the slots of the version are seen.
        Buffer { tables: self, head: self.current.load(Acquire) }
    }
}

/// One of the two tables of a [`DoubleBuffer`]: the one that was current when a reader loaded it.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'g> {
    tables: &'g DoubleBuffer,
    /// The first word of the table.
    head: *const Slot,
}

impl Buffer<'_> {
    /// Begins a walk of one list: see [`Slots::walk`].
    #[inline(always)]
    #[must_use]
    pub fn walk<'w>(&'w self, node: NodeId, filter: &'w SlotFilter) -> BufferWalk<'w> {
        let [first, second] = &self.tables.tables;
        // SAFETY: only `new` and `replace` store heads. These are of tables of this capacity, which live as long as the
        // double buffer.
        let slots = unsafe { first.walk_from(self.head, node, filter) };
        BufferWalk { slots, memory: &self.tables.memory[usize::from(self.head == second.head())] }
    }
}

/// A walk over one of the two tables of a [`DoubleBuffer`].
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
