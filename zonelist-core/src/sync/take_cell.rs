//! A value in a static that is taken once, by exclusive reference.

use core::{cell::UnsafeCell, fmt};

use super::unmodelled::{AtomicBool, Ordering::Relaxed};

/// A value that is taken once, by exclusive reference: memory for an allocator in a static, without `static mut`.
///
/// A cell of zeros is in `.bss`. A cell of `None` is a place for a value that is made at boot, and never moved or dropped
/// then.
///
/// ```
/// use zonelist_core::{NodeId, Pfn, Zone, ZoneId, ZoneKind, sync::{Spin, TakeCell}, zone::Order};
///
/// const LEN: usize = Zone::<Spin>::words(Pfn::range(0..4096));
/// static WORDS: TakeCell<[u64; LEN]> = TakeCell::new([0; LEN]);
/// static ZONE: TakeCell<Option<Zone<'static>>> = TakeCell::new(None);
///
/// let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
/// let words: &'static mut [u64] = WORDS.take().unwrap();
/// assert!(WORDS.take().is_none());
/// let zone: &'static Zone<'static> = ZONE.take().unwrap().insert(Zone::new(id, Pfn::range(0..4096), Order::MAX, words, Spin::new())?);
/// # assert_eq!(zone.id(), id);
/// # Ok::<(), zonelist_core::zone::ZoneError>(())
/// ```
#[derive(Default)]
pub struct TakeCell<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: a shared cell gives the value to one thread, once, by exclusive reference: as if the value were sent there.
unsafe impl<T: Send> Sync for TakeCell<T> {}

impl<T> TakeCell<T> {
    /// A cell whose value is not taken.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// The value, for as long as the cell is borrowed; `None` after the first call. Waits for nothing.
    #[must_use = "the value can't be taken again"]
    #[allow(clippy::mut_from_ref, reason = "each cell gives one reference")]
    pub fn take(&self) -> Option<&mut T> {
        // Relaxed: no other thread has accessed the value through the shared cell.
        if self.taken.swap(true, Relaxed) {
            return None;
        }
        // SAFETY: the exchange finds false once, so this is the only reference to the value.
        Some(unsafe { &mut *self.value.get() })
    }
}

impl<T> fmt::Debug for TakeCell<T> {
    /// Without the value, which may be in use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakeCell").field("taken", &self.taken).finish_non_exhaustive()
    }
}
