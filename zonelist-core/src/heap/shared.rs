//! A reference-counted value whose creation reports a heap without room.

use core::{fmt, ops::Deref};

use super::fallible::NoMemory;

/// A reference-counted value, dropped with its last reference.
///
/// Like `Arc`, except that the library can create one without ending the process where the heap has no room.
pub struct Shared<T>(Reference<T>);

impl<T> Shared<T> {
    /// Moves a value to the heap, with one reference to it.
    pub(crate) fn new(value: T) -> Result<Self, NoMemory> {
        Reference::new(value).map(Self)
    }

    /// True if both refer to the same value, rather than to two equal ones.
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

/// The `Arc` of std under the models, which then do not explore the reference count.
#[cfg(any(loom, shuttle))]
struct Reference<T>(alloc::sync::Arc<T>);

#[cfg(any(loom, shuttle))]
impl<T> Reference<T> {
    fn new(value: T) -> Result<Self, NoMemory> {
        Ok(Self(alloc::sync::Arc::new(value)))
    }
}

#[cfg(any(loom, shuttle))]
impl<T> Clone for Reference<T> {
    fn clone(&self) -> Self {
        Self(alloc::sync::Arc::clone(&self.0))
    }
}

#[cfg(any(loom, shuttle))]
impl<T> Deref for Reference<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(not(any(loom, shuttle)))]
use counted::Reference;

#[cfg(not(any(loom, shuttle)))]
mod counted {
    use alloc::boxed::Box;
    use core::{marker::PhantomData, ops::Deref, ptr::NonNull};

    use super::super::fallible::{NoMemory, with_room};
    use crate::sync::atomic::{
        AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    };

    /// One reference to a counted value.
    pub(super) struct Reference<T> {
        counted: NonNull<Counted<T>>,
        owns: PhantomData<Counted<T>>,
    }

    /// A value with the number of references to it.
    struct Counted<T> {
        references: AtomicUsize,
        value: T,
    }

    // SAFETY: references in several threads give `&T`, which `T: Sync` allows; the last one drops the value in its own
    // thread, which `T: Send` allows.
    unsafe impl<T: Send + Sync> Send for Reference<T> {}
    // SAFETY: a borrowed reference gives `&T` and can be cloned into one that drops the value: the same two bounds.
    unsafe impl<T: Send + Sync> Sync for Reference<T> {}

    impl<T> Reference<T> {
        pub(super) fn new(value: T) -> Result<Self, NoMemory> {
            // A vector of one: the only allocation of stable Rust that reports a failure and becomes a box.
            let mut one = with_room(1)?;
            one.push(Counted { references: AtomicUsize::new(1), value });
            let counted: NonNull<[Counted<T>]> = Box::leak(one.into_boxed_slice()).into();
            Ok(Self { counted: counted.cast(), owns: PhantomData })
        }

        fn counted(&self) -> &Counted<T> {
            // SAFETY: the value lives for as long as its count is above 0, and this reference is counted.
            unsafe { self.counted.as_ref() }
        }
    }

    impl<T> Clone for Reference<T> {
        fn clone(&self) -> Self {
            // Relaxed: this reference keeps the count above 0, so the increment need not be ordered with any decrement.
            let before = self.counted().references.fetch_add(1, Relaxed);
            // Only leaked references can reach this count, and an overflow would free the value under its users.
            assert!(before <= usize::MAX / 2, "more references than can be counted");
            Self { ..*self }
        }
    }

    impl<T> Deref for Reference<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.counted().value
        }
    }

    impl<T> Drop for Reference<T> {
        fn drop(&mut self) {
            // Release: pairs with the acquire fence below in the thread that drops the last reference. All accesses
            // through this reference happen before that drop of the value.
            if self.counted().references.fetch_sub(1, Release) != 1 {
                return;
            }
            // Acquire: pairs with the release decrement above in every other thread that dropped a reference.
            fence(Acquire);
            let slice = core::ptr::slice_from_raw_parts_mut(self.counted.as_ptr(), 1);
            // SAFETY: `new` leaked a boxed slice of one element, and the count says that this was the last reference.
            drop(unsafe { Box::from_raw(slice) });
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::{sync::Arc, thread, vec::Vec};

    use super::*;

    #[test]
    fn the_last_reference_drops_the_value() {
        let value = Arc::new(7);
        let first = Shared::new(Arc::clone(&value)).unwrap();
        let references: Vec<_> = (0..4).map(|_| first.clone()).collect();
        assert!(references.iter().all(|other| other.is_same(&first) && **other == value));
        drop(first);
        thread::scope(|scope| {
            for reference in references {
                scope.spawn(move || (0..1000).for_each(|_| drop(reference.clone())));
            }
        });
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn equal_values_are_not_the_same_value() {
        let [one, other] = [5, 5].map(|value| Shared::new(value).unwrap());
        assert!(one == other && !one.is_same(&other) && one.is_same(&one.clone()));
    }
}
