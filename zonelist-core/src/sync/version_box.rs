//! The heap memory of a version: a box whose pointer readers share, and the check that it outlives them.

use alloc::boxed::Box;
use core::{
    fmt,
    mem::{self, ManuallyDrop},
    ops::{Deref, DerefMut},
};

#[cfg(loom)]
use super::traced::versions;

/// A version on the heap, for schemes that keep its pointer in an atomic and free it when no walk can need it.
///
/// At run time it is a [`Box`], and nothing is added to it. Under loom a version that is dropped stays in memory until
/// the end of the interleaving, and the model fails with `freed while a walk held it` where a [`VersionRef`] to it
/// lives, where one is made later, or where its last use is not ordered before the drop. No such fault is a crash.
///
/// Since memory is kept, no address is used twice within an interleaving: that a pointer to a new version equals one to
/// a version long gone (ABA) is outside what the models explore.
///
/// ```
/// use zonelist_core::sync::{VersionBox, VersionRef, atomic::{AtomicPtr, Ordering::{AcqRel, Acquire}}};
///
/// let current = AtomicPtr::new(VersionBox::new([1, 2]).into_raw());
/// // SAFETY: it comes from `into_raw`, and is freed below.
/// let walk = unsafe { VersionRef::new(current.load(Acquire)) };
/// assert_eq!(walk.iter().sum::<u32>(), 3);
/// let old = current.swap(VersionBox::new([3, 4]).into_raw(), AcqRel);
/// drop(walk);
/// // SAFETY: no walk holds it any more, and nothing else frees it.
/// drop(unsafe { VersionBox::from_raw(old) });
/// # // SAFETY: the pointer came from `into_raw`, and no other reference to the value is left.
/// # drop(unsafe { VersionBox::from_raw(current.load(Acquire)) });
/// ```
pub struct VersionBox<T> {
    value: ManuallyDrop<Box<T>>,
    #[cfg(loom)]
    owner: versions::CodeLocation,
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

    /// Gives its pointer, for an atomic. Free it by [`from_raw`](Self::from_raw).
    #[must_use]
    pub fn into_raw(self) -> *mut T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once, as `this` is never dropped.
        Box::into_raw(unsafe { ManuallyDrop::take(&mut this.value) })
    }

    /// Takes a version back, usually to drop it.
    ///
    /// # Safety
    /// The pointer comes from [`into_raw`](Self::into_raw), and is taken back once. No walk refers to the version when
    /// what this returns is dropped or written.
    #[must_use]
    #[track_caller]
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        #[cfg(loom)]
        let owner = versions::taken_back(raw.addr());
        // SAFETY: it comes from `Box::into_raw`, once, as the caller promises.
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
        // SAFETY: taken once, as nothing uses `self` behind its drop.
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

/// A reference to a version in a [`VersionBox`], for as long as a walk may use it: what a scheme pins.
///
/// At run time a plain reference. Under loom the version may not be freed while it lives.
pub struct VersionRef<'a, T> {
    value: &'a T,
    #[cfg(loom)]
    held: versions::Held,
}

impl<T> VersionRef<'_, T> {
    /// A walk takes a version up.
    ///
    /// # Safety
    /// The pointer comes from [`VersionBox::into_raw`], and while this or a clone of it lives the version is neither
    /// written nor dropped.
    #[must_use]
    #[inline(always)]
    #[track_caller]
    pub unsafe fn new(raw: *const T) -> Self {
        #[cfg(loom)]
        let held = versions::Held::new(raw.addr());
        // SAFETY: it is whole, and stays so for as long as this lives, as the caller promises.
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
