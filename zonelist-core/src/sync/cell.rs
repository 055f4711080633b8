//! A cell whose every access the models check.

/// [`core::cell::UnsafeCell`] for data that atomics or locks order. Under loom, the model fails on an access that is
/// not ordered behind the one before it.
///
/// In other builds this is the cell of `core`, and neither call costs an instruction.
///
/// ```
/// use zonelist_core::sync::UnsafeCell;
/// let cell = UnsafeCell::new(1);
/// // SAFETY: only this thread accesses the cell, and the closure makes no second access.
/// cell.with_mut(|at| unsafe { *at += 1 });
/// // SAFETY: only this thread accesses the cell, and the closure makes no second access.
/// assert_eq!(cell.with(|at| unsafe { *at }), 2);
/// assert_eq!(cell.into_inner(), 2);
/// ```
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct UnsafeCell<T>(Cell<T>);

#[cfg(not(loom))]
type Cell<T> = core::cell::UnsafeCell<T>;
#[cfg(loom)]
type Cell<T> = super::traced::TracedCell<T>;

impl<T> UnsafeCell<T> {
    super::const_fn! {
        /// A cell with this value. `const`, except under loom.
        #[must_use]
        #[track_caller]
        pub const fn new(value: T) -> Self {
            Self(Cell::new(value))
        }
    }

    /// Reads through the pointer. No other thread may write meanwhile.
    #[inline(always)]
    #[track_caller]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        #[cfg(loom)]
        return self.0.with(read);
        #[cfg(not(loom))]
        read(self.0.get())
    }

    /// Writes through the pointer. No other thread may read or write meanwhile.
    #[inline(always)]
    #[track_caller]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        #[cfg(loom)]
        return self.0.with_mut(write);
        #[cfg(not(loom))]
        write(self.0.get())
    }

    /// Unwraps the value. Ownership of the cell excludes every other use.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}
