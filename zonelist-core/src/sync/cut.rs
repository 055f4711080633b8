//! A boxed slice that can be emptied while other threads read it.

use alloc::boxed::Box;

use super::unmodelled::{AtomicUsize, Ordering::Relaxed};

/// A boxed slice that any thread with a reference can empty for good. For schemes in which a fork can leave a part that
/// must not be read any more.
///
/// A lookup is as fast as in a box.
///
/// ```
/// use zonelist_core::sync::CutSlice;
/// let slice = CutSlice::from_iter([1, 2, 3]);
/// assert_eq!((slice.get(2), slice.get(3), slice.all().len()), (Some(&3), None, 3));
/// slice.cut();
/// assert_eq!((slice.get(2), slice.all().len()), (None, 3));
/// ```
#[derive(Debug)]
pub struct CutSlice<T> {
    items: Box<[T]>,
    /// The number of items, or 0 after the cut.
    shown: AtomicUsize,
}

impl<T> FromIterator<T> for CutSlice<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let items: Box<[T]> = items.into_iter().collect();
        let shown = AtomicUsize::new(items.len());
        Self { items, shown }
    }
}

impl<T> CutSlice<T> {
    /// The item at this index. `None` beyond the last item, and for every index after [`cut`](Self::cut).
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

    /// All items, also after the cut.
    #[must_use]
    pub fn all(&self) -> &[T] {
        &self.items
    }

    /// Makes every later lookup return `None`. References from earlier lookups stay valid.
    pub fn cut(&self) {
        self.shown.store(0, Relaxed);
    }
}
