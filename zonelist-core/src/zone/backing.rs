//! The memory of a zone's metadata: given by the caller, or on the heap.

use core::ops::{Deref, DerefMut};

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};

#[cfg(feature = "alloc")]
use super::error::ZoneError;

/// The memory of one part of the metadata.
#[derive(Debug)]
pub(super) enum Backing<'m, T> {
    Given(&'m mut [T]),
    #[cfg(feature = "alloc")]
    Owned(Box<[T]>),
}

#[cfg(feature = "alloc")]
impl<T: Clone> Backing<'_, T> {
    /// A number of copies of a value, on the heap.
    pub(super) fn zeroed(zero: T, count: usize) -> Result<Self, ZoneError> {
        let mut things = Vec::new();
        let bytes = count.saturating_mul(size_of::<T>());
        // A reservation that fails is an error; growth without one would abort.
        things.try_reserve_exact(count).map_err(|_| ZoneError::Heap { bytes })?;
        things.resize(count, zero);
        Ok(Self::Owned(things.into_boxed_slice()))
    }

    /// Nothing, but on the heap: it can grow there.
    pub(super) fn none() -> Self {
        Self::Owned(Box::default())
    }
}

impl<T> Deref for Backing<'_, T> {
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

impl<T> DerefMut for Backing<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Given(memory) => memory,
            #[cfg(feature = "alloc")]
            Self::Owned(memory) => memory,
        }
    }
}
