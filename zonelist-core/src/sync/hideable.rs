//! A boxed slice that can be emptied while other threads read it.

use alloc::boxed::Box;

use super::unmodelled::{AtomicUsize, Ordering::Relaxed};

/// A boxed slice that any thread with a reference can empty for good. For schemes in which a fork can leave a part that
/// must not be read any more.
///
/// A lookup is as fast as in a box.
///
/// ```
/// use zonelist_core::sync::HideableSlice;
/// let slice = HideableSlice::from_iter([1, 2, 3]);
/// assert_eq!((slice.get(2), slice.get(3), slice.as_slice().len()), (Some(&3), None, 3));
/// slice.hide();
/// assert_eq!((slice.get(2), slice.as_slice().len()), (None, 3));
/// ```
#[derive(Debug)]
pub struct HideableSlice<T> {
    items: Box<[T]>,
    /// The number of items, or 0 after [`hide`](Self::hide).
    shown: AtomicUsize,
}

impl<T> FromIterator<T> for HideableSlice<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let items: Box<[T]> = items.into_iter().collect();
        let shown = AtomicUsize::new(items.len());
        Self { items, shown }
    }
}

impl<T> HideableSlice<T> {
    /// The item at this index. `None` beyond the last item, and for every index after [`hide`](Self::hide).
    #[inline(always)]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        // Relaxed: the items never change, so that no access has to be ordered.
        if index < self.shown.load(Relaxed) {
            // SAFETY: `shown` is the number of items or 0, so that the index is within the slice.
            Some(unsafe { self.items.get_unchecked(index) })
        } else {
            None
        }
    }

    /// All items, also after [`hide`](Self::hide).
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.items
    }

    /// Makes every later lookup return `None`. References from earlier lookups stay valid.
    pub fn hide(&self) {
        self.shown.store(0, Relaxed);
    }
}
