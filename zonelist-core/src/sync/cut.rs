//! A boxed slice that can be made empty while others look at it.

use alloc::boxed::Box;

use super::unmodelled::{AtomicUsize, Ordering::Relaxed};

/// A boxed slice that any owner of a reference can make empty for good: for schemes that a fork may leave with a part
/// that can't be read any more.
///
/// To look something up costs what it does in a box.
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
    /// As many as there are, or 0.
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
    /// The item with this index, if there is one and the items were not cut off.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        if place < self.shown.load(Relaxed) {
            // SAFETY: what is shown is never more than there are items.
            Some(unsafe { self.items.get_unchecked(place) })
        } else {
            None
        }
    }

    /// All items, cut off or not.
    #[must_use]
    pub fn all(&self) -> &[T] {
        &self.items
    }

    /// Cuts all of them off. Those who have looked one up keep it.
    pub fn cut(&self) {
        self.shown.store(0, Relaxed);
    }
}
