//! The reader slots of a publisher, as many as its user gives.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::{Platform, Published, ReaderProtocol, Scheme, reader_slot::ReaderSlot};
#[cfg(feature = "alloc")]
use crate::heap::{self, NoMemory};
use crate::{chunks::Chunk, sync::const_fn};

/// The number of reader slots of [`Published::new`].
#[cfg(feature = "alloc")]
pub(super) const USUAL: usize = 64;

/// Memory for reader slots, of 128 bytes each: the maximum of readers that are registered at a time.
///
/// The memory is owned or borrowed exclusively, so that no two publishers ever share a slot:
///
/// ```compile_fail,E0499
/// # use zonelist_core::publish::{ReaderSlot, ReaderSlots};
/// fn shared(slots: &'static mut [ReaderSlot]) -> [ReaderSlots; 2] {
///     [ReaderSlots::borrowed(slots), ReaderSlots::borrowed(slots)]
/// }
/// ```
///
/// ```compile_fail,E0382
/// # use zonelist_core::{Published, Scheme, publish::ReaderSlots};
/// fn moved<S: Scheme>([one, other]: [S; 2], slots: ReaderSlots) -> [Published<S>; 2] {
///     [Published::with_slots(one, slots), Published::with_slots(other, slots)]
/// }
/// ```
///
/// A reader pays for no slot but its own. A publish of a scheme whose readers have slots visits those that readers have
/// had: from the first one to the last. Since a registration takes the first free one, these are as many as there were
/// readers at a time. A drain visits slots of handles that keep pages.
///
/// | a publish through | for each slot that a reader has had | for each other slot |
/// |---|---|---|
/// | `StopWorld` | 23 instructions | nothing |
/// | `AsymmetricEpoch` | 6 instructions | nothing |
/// | `Qsbr` | 19 instructions | 2 instructions |
/// | schemes whose readers have no slots | nothing | nothing |
///
/// `cargo test --package zonelist-contenders --test budgets` checks the instructions, for readers that are idle or gone.
/// `cargo bench --package zonelist-suites --bench publish` times publishes that visit up to 4096 slots.
#[derive(Debug)]
#[repr(transparent)]
pub struct ReaderSlots(pub(super) Chunk<'static, ReaderSlot>);

/// [`ReaderSlots`] in static memory, for the initializer of a static that has a [`Published`].
///
/// Expands to an unsafe expression. It must be evaluated at most once, as the initializer of a static is: each evaluation
/// borrows the same memory exclusively.
///
/// ```
/// use zonelist_core::{Published, stop_world::StopWorld, table::{Capacity, Slot, Slots}};
///
/// const CAPACITY: Capacity = Capacity::new(2, 4).unwrap();
/// static PUBLISHED: Published<StopWorld<[Slot; CAPACITY.words()]>> = Published::with_slots(
///     StopWorld::new(Slots::in_array(CAPACITY).unwrap()),
///     // SAFETY: the initializer of a static is evaluated once.
///     unsafe { zonelist_core::static_reader_slots!(8) },
/// );
/// let reader = PUBLISHED.reader()?;
/// # drop(reader);
/// # Ok::<(), zonelist_core::publish::ReaderError>(())
/// ```
#[macro_export]
macro_rules! static_reader_slots {
    ($slots:expr) => {{
        static mut SLOTS: [$crate::publish::ReaderSlot; $slots] =
            [const { $crate::publish::ReaderSlot::new() }; $slots];
        $crate::publish::ReaderSlots::borrowed(&mut *(&raw mut SLOTS))
    }};
}

impl ReaderSlots {
    const_fn! {
        /// Slots in memory of the caller, in the state of [`ReaderSlot::new`]: at run time, a
        /// [`TakeCell`](crate::sync::TakeCell) of a static. For the initializer of a static there is
        /// [`static_reader_slots!`](crate::static_reader_slots).
        #[must_use]
        pub const fn borrowed(slots: &'static mut [ReaderSlot]) -> Self {
            Self(Chunk::given(slots))
        }
    }

    /// Slots on the heap. `None` if it has no room.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn try_boxed(slots: usize) -> Option<Self> {
        Some(Self(Chunk::owned(free_slots(slots).ok()?)))
    }

    /// Slots on the heap. If the heap has no room, the process ends, as for a `Vec`.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn boxed(slots: usize) -> Self {
        Self(Chunk::owned(heap::or_abort(free_slots(slots))))
    }

    /// The chunk, moved out as a whole: a constant function can't move a field out of a value that has to be dropped.
    pub(super) const fn into_chunk(self) -> Chunk<'static, ReaderSlot> {
        // SAFETY: the type is transparent.
        unsafe { core::mem::transmute::<Self, Chunk<'static, ReaderSlot>>(self) }
    }

    /// The number of slots.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is no slot.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Slots without owners, in memory for exactly this number.
#[cfg(feature = "alloc")]
fn free_slots(slots: usize) -> Result<Vec<ReaderSlot>, NoMemory> {
    let mut free = heap::with_room(slots)?;
    (0..slots).try_for_each(|_| heap::push(&mut free, ReaderSlot::new()))?;
    Ok(free)
}

impl<S: Scheme, P: Platform> Published<S, P> {
    /// Adds reader slots, while readers and handles go on. Waits for publishes and drains, which have no request to any
    /// slot afterwards: so a new slot is in the state that every other free one has. Since a publish may wait for readers,
    /// the caller holds no guard, and no reader of it is online.
    ///
    /// An allocator over these lists needs per-CPU pages for new slots:
    /// [`PageAllocator::add_handles`](crate::PageAllocator::add_handles) adds both.
    ///
    /// ```
    /// use zonelist_core::{
    ///     Published,
    ///     publish::{ReaderError, ReaderSlots},
    ///     stop_world::StopWorld,
    ///     table::{Capacity, Slots},
    /// };
    ///
    /// let table = Slots::boxed(Capacity::new(1, 1).unwrap());
    /// let published = Published::with_slots(StopWorld::new(table), ReaderSlots::boxed(1));
    /// let first = published.reader()?;
    /// assert_eq!(published.reader().map(drop), Err(ReaderError::NoSlot { slots: 1 }));
    /// published.add_slots(ReaderSlots::boxed(100));
    /// let second = published.reader()?;
    /// # drop((first, second));
    /// # Ok::<(), ReaderError>(())
    /// ```
    pub fn add_slots(&self, slots: ReaderSlots) {
        self.add_slots_after(slots, || ());
    }

    /// The same; `first` is called before the slots can be claimed, with the writer lock and the drain lock held.
    pub(crate) fn add_slots_after(&self, slots: ReaderSlots, first: impl FnOnce()) {
        // The writer lock before the drain lock, as in `prepare_fork`.
        self.ledger.with(|ledger| {
            self.drains.with(|()| {
                first();
                if S::PROTOCOL == ReaderProtocol::Quiescent {
                    slots.0.iter().for_each(|slot| ledger.grace_periods.join(slot));
                }
                self.slots.append(slots.0);
            });
        });
    }

    /// The number of reader slots.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots.len()
    }
}
