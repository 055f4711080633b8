//! Where a zone's metadata is: in memory that the caller gave, or on the heap.

use core::ops::{Deref, DerefMut};

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

/// Metadata of one sort.
#[derive(Debug)]
pub(super) enum Memory<'m, T> {
    Given(&'m mut [T]),
    #[cfg(feature = "alloc")]
    Owned(Box<[T]>),
}

impl<T> Deref for Memory<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::Given(memory) => memory,
            #[cfg(feature = "alloc")]
            Self::Owned(memory) => memory,
        }
    }
}

impl<T> DerefMut for Memory<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Given(memory) => memory,
            #[cfg(feature = "alloc")]
            Self::Owned(memory) => memory,
        }
    }
}
