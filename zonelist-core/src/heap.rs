//! Memory from the heap that may not be there: an operation on a running machine fails then, and the process goes on.
//!
//! What else returns owned tables reaches for the heap as `Vec` does, and ends as that does where the heap ends.

use alloc::{alloc::handle_alloc_error, collections::TryReserveError, string::String, vec::Vec};
use core::{alloc::Layout, fmt, ops::Deref};

/// The heap has no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoMemory;

impl From<TryReserveError> for NoMemory {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

/// For callers that document no such error: ends the process, as every collection of `alloc` does.
pub(crate) fn or_abort<T>(result: Result<T, NoMemory>) -> T {
    result.unwrap_or_else(|NoMemory| handle_alloc_error(Layout::new::<usize>()))
}

/// A copy of a slice.
pub(crate) fn copied<T: Copy>(slice: &[T]) -> Result<Vec<T>, NoMemory> {
    let mut copy = with_room(slice.len())?;
    copy.extend_from_slice(slice);
    Ok(copy)
}

/// An empty vector with room for so many.
pub(crate) fn with_room<T>(count: usize) -> Result<Vec<T>, NoMemory> {
    let mut things = Vec::new();
    things.try_reserve_exact(count)?;
    Ok(things)
}

/// What is iterated over, collected.
pub(crate) fn collected<T>(things: impl Iterator<Item = T>) -> Result<Vec<T>, NoMemory> {
    let mut all = Vec::new();
    all.try_reserve(things.size_hint().0)?;
    things.into_iter().try_for_each(|thing| push(&mut all, thing))?;
    Ok(all)
}

/// Appends something.
pub(crate) fn push<T>(to: &mut Vec<T>, thing: T) -> Result<(), NoMemory> {
    to.try_reserve(1)?;
    to.push(thing);
    Ok(())
}

/// What is formatted, as text.
pub(crate) fn text(what: fmt::Arguments<'_>) -> Result<String, NoMemory> {
    struct Growing(String);
    impl fmt::Write for Growing {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.0.try_reserve(part.len()).map_err(|_| fmt::Error)?;
            self.0.push_str(part);
            Ok(())
        }
    }
    let mut text = Growing(String::new());
    // Nothing else fails.
    fmt::Write::write_fmt(&mut text, what).map_err(|fmt::Error| NoMemory)?;
    Ok(text.0)
}

/// A value that several own, which is dropped by the last of them.
///
/// What `Arc` is, but for this: it can be made without ending the process where the heap ends.
pub struct Shared<T>(Owner<T>);

impl<T> Shared<T> {
    /// Shares a value.
    pub(crate) fn new(value: T) -> Result<Self, NoMemory> {
        Owner::new(value).map(Self)
    }

    /// Whether both are owners of one value, rather than of two that are alike.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        core::ptr::eq::<T>(&**self, &**other)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || **self == **other
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Under the models, std's: they are not to explore its count.
#[cfg(any(loom, shuttle))]
struct Owner<T>(alloc::sync::Arc<T>);

#[cfg(any(loom, shuttle))]
impl<T> Owner<T> {
    fn new(value: T) -> Result<Self, NoMemory> {
        Ok(Self(alloc::sync::Arc::new(value)))
    }
}

#[cfg(any(loom, shuttle))]
impl<T> Clone for Owner<T> {
    fn clone(&self) -> Self {
        Self(alloc::sync::Arc::clone(&self.0))
    }
}

#[cfg(any(loom, shuttle))]
impl<T> Deref for Owner<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(not(any(loom, shuttle)))]
use counted::Owner;

#[cfg(not(any(loom, shuttle)))]
mod counted {
    use alloc::boxed::Box;
    use core::{marker::PhantomData, ops::Deref, ptr::NonNull};

    use super::{NoMemory, with_room};
    use crate::sync::atomic::{
        AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    };

    /// One of the owners.
    pub(super) struct Owner<T> {
        counted: NonNull<Counted<T>>,
        owns: PhantomData<Counted<T>>,
    }

    struct Counted<T> {
        owners: AtomicUsize,
        value: T,
    }

    // SAFETY: owners in several threads share references to the value, and whichever is the last drops it.
    unsafe impl<T: Send + Sync> Send for Owner<T> {}
    // SAFETY: a reference to an owner gives references to the value, and can be cloned into another owner.
    unsafe impl<T: Send + Sync> Sync for Owner<T> {}

    impl<T> Owner<T> {
        pub(super) fn new(value: T) -> Result<Self, NoMemory> {
            let mut one = with_room(1)?;
            one.push(Counted { owners: AtomicUsize::new(1), value });
            let counted: NonNull<[Counted<T>]> = Box::leak(one.into_boxed_slice()).into();
            Ok(Self { counted: counted.cast(), owns: PhantomData })
        }

        fn counted(&self) -> &Counted<T> {
            // SAFETY: it lives for as long as there is an owner, which this is.
            unsafe { self.counted.as_ref() }
        }
    }

    impl<T> Clone for Owner<T> {
        fn clone(&self) -> Self {
            // Relaxed: another owner comes from one that is there, so that none can see the count at 0 meanwhile.
            let before = self.counted().owners.fetch_add(1, Relaxed);
            // So many can only be if owners were forgotten, and the count must not begin anew.
            assert!(before <= usize::MAX / 2, "more owners than can be counted");
            Self { ..*self }
        }
    }

    impl<T> Deref for Owner<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.counted().value
        }
    }

    impl<T> Drop for Owner<T> {
        fn drop(&mut self) {
            // Release: pairs with the acquire fence below, so that the last owner drops the value behind all that the
            // others did to it.
            if self.counted().owners.fetch_sub(1, Release) != 1 {
                return;
            }
            // Acquire: pairs with the release of every other owner's subtraction.
            fence(Acquire);
            let slice = core::ptr::slice_from_raw_parts_mut(self.counted.as_ptr(), 1);
            // SAFETY: it was leaked as a boxed slice of one in `new`, and this was its last owner.
            drop(unsafe { Box::from_raw(slice) });
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::{sync::Arc, thread, vec::Vec};

    use super::*;

    #[test]
    fn a_shared_value_is_dropped_by_its_last_owner() {
        let value = Arc::new(7);
        let first = Shared::new(Arc::clone(&value)).unwrap();
        let owners: Vec<_> = (0..4).map(|_| first.clone()).collect();
        assert!(owners.iter().all(|owner| owner.is_same(&first) && **owner == value));
        drop(first);
        thread::scope(|scope| {
            for owner in owners {
                scope.spawn(move || (0..1000).for_each(|_| drop(owner.clone())));
            }
        });
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn values_that_are_alike_are_equal_and_not_the_same() {
        let [one, other] = [5, 5].map(|value| Shared::new(value).unwrap());
        assert!(one == other && !one.is_same(&other) && one.is_same(&one.clone()));
    }
}
