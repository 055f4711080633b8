//! Where a zone's metadata is: in memory that the caller gave, or on the heap.

use core::ops::{Deref, DerefMut};

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};

#[cfg(feature = "alloc")]
use super::ZoneError;

/// Metadata of one sort.
#[derive(Debug)]
pub(super) enum Memory<'m, T> {
    Given(&'m mut [T]),
    #[cfg(feature = "alloc")]
    Owned(Box<[T]>),
}

#[cfg(feature = "alloc")]
impl<T: Clone> Memory<'_, T> {
    /// So many of them, on the heap.
    pub(super) fn zeroed(zero: T, count: usize) -> Result<Self, ZoneError> {
        let mut things = Vec::new();
        let bytes = count.saturating_mul(size_of::<T>());
        things.try_reserve_exact(count).map_err(|_| ZoneError::Heap { bytes })?;
        things.resize(count, zero);
        Ok(Self::Owned(things.into_boxed_slice()))
    }

    /// None of them, on the heap.
    pub(super) fn none() -> Self {
        Self::Owned(Box::default())
    }
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
