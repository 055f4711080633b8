//! The heap memory of a version: a box whose pointer readers share, with a check by the models that no walk outlives
//! it.

use alloc::boxed::Box;
use core::{
    fmt,
    mem::{self, ManuallyDrop},
    ops::{Deref, DerefMut},
};

#[cfg(loom)]
use super::traced::versions;

/// A version on the heap, for schemes that keep its pointer in an atomic and free the version when no walk can need it.
///
/// In other builds than those of models this is a [`Box`], without any addition. Under loom a dropped version stays in
/// memory until the end of the interleaving. The model then fails with `freed while a walk held it` in three cases,
/// none of which is a crash:
///
/// - a [`VersionRef`] to the version lives when it is dropped,
/// - one is made later,
/// - its last use is not ordered before the drop.
///
/// Since the memory is kept, no address is used twice within an interleaving. So the models do not explore ABA: a
/// pointer to a new version that equals the pointer to an old one.
///
/// ```
/// use zonelist_core::sync::{VersionBox, VersionRef, atomic::{AtomicPtr, Ordering::{AcqRel, Acquire}}};
///
/// let current = AtomicPtr::new(VersionBox::new([1, 2]).into_raw());
/// // SAFETY: the pointer comes from `into_raw`, and the version is freed below, after the last use of `walk`.
/// let walk = unsafe { VersionRef::new(current.load(Acquire)) };
/// assert_eq!(walk.iter().sum::<u32>(), 3);
/// let old = current.swap(VersionBox::new([3, 4]).into_raw(), AcqRel);
/// drop(walk);
/// // SAFETY: the pointer comes from `into_raw`, no walk holds the version any more, and nothing else frees it.
/// drop(unsafe { VersionBox::from_raw(old) });
/// # // SAFETY: the pointer comes from `into_raw`, no walk holds the version, and nothing else frees it.
/// # drop(unsafe { VersionBox::from_raw(current.load(Acquire)) });
/// ```
pub struct VersionBox<T> {
    value: ManuallyDrop<Box<T>>,
    #[cfg(loom)]
    owner: versions::SourceLocation,
}

impl<T> VersionBox<T> {
    /// Allocates a version.
    #[must_use]
    #[track_caller]
    pub fn new(value: T) -> Self {
        let value = ManuallyDrop::new(Box::new(value));
        #[cfg(loom)]
        let owner = versions::made(core::ptr::from_ref(&**value).addr());
        Self {
            value,
            #[cfg(loom)]
            owner,
        }
    }

    /// Converts the box into its pointer, for an atomic. [`from_raw`](Self::from_raw) frees the version.
    #[must_use]
    pub fn into_raw(self) -> *mut T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the value is taken once, since `this` is never dropped.
        Box::into_raw(unsafe { ManuallyDrop::take(&mut this.value) })
    }

    /// Takes a version back from its pointer, usually to drop it.
    ///
    /// # Safety
    /// The pointer comes from [`into_raw`](Self::into_raw), and is taken back once. No walk refers to the version when
    /// the returned box is dropped or written.
    #[must_use]
    #[track_caller]
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        #[cfg(loom)]
        let owner = versions::taken_back(raw.addr());
        // SAFETY: the pointer comes from `Box::into_raw`, and is taken back once, as the caller promises.
        let value = ManuallyDrop::new(unsafe { Box::from_raw(raw) });
        Self {
            value,
            #[cfg(loom)]
            owner,
        }
    }
}

impl<T> Drop for VersionBox<T> {
    fn drop(&mut self) {
        // SAFETY: the value is taken once, since nothing uses `self` after its drop.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        #[cfg(loom)]
        versions::free(value, self.owner);
        #[cfg(not(loom))]
        drop(value);
    }
}

impl<T> Deref for VersionBox<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for VersionBox<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for VersionBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VersionBox").field(&**self).finish()
    }
}

/// A reference to a version in a [`VersionBox`], for as long as a walk may use the version: what a scheme pins.
///
/// In other builds than those of models this is a plain reference. Under loom the model fails if the version is freed
/// while the reference lives.
pub struct VersionRef<'a, T> {
    value: &'a T,
    #[cfg(loom)]
    held: versions::Held,
}

impl<T> VersionRef<'_, T> {
    /// Makes a reference, by which a walk holds the version.
    ///
    /// # Safety
    /// The pointer comes from [`VersionBox::into_raw`]. While this reference or a clone of it lives, the version is
    /// neither written nor dropped.
    #[must_use]
    #[inline(always)]
    #[track_caller]
    pub unsafe fn new(raw: *const T) -> Self {
        #[cfg(loom)]
        let held = versions::Held::new(raw.addr());
        // SAFETY: the version is initialized, and neither written nor dropped while the reference lives, as the caller
        // promises.
        let value = unsafe { &*raw };
        Self {
            value,
            #[cfg(loom)]
            held,
        }
    }
}

impl<T> Clone for VersionRef<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        Self {
            value: self.value,
            #[cfg(loom)]
            held: self.held.clone(),
        }
    }
}

impl<T> Deref for VersionRef<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        #[cfg(loom)]
        self.held.used();
        self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for VersionRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VersionRef").field(self.value).finish()
    }
}

const _: () = assert!(cfg!(loom) || mem::size_of::<Option<VersionBox<u8>>>() == mem::size_of::<usize>());
