//! A barrier pair that fails on request: for tests of the handling of failures.

use std::{cell::Cell, thread_local};

use crate::publish::{Barrier, BarrierError, FullFence, Light};

/// [`FullFence`] with a heavy half that fails within [`Unreliable::failing`].
///
/// ```
/// use zonelist_core::{
///     conformance::Unreliable,
///     publish::{Parts, PublishError, Published, ReaderSlots},
///     stop_world::StopWorld,
///     table::{Capacity, Slots},
///     zonelist::ZonelistsRef,
/// };
/// let table = Slots::boxed(Capacity::new(1, 1).unwrap());
/// let published: Published<_, Parts<Unreliable>> =
///     Published::with_platform(StopWorld::new(table), ReaderSlots::boxed(1));
/// let (failed, failures) = Unreliable::failing(12, || published.publish(ZonelistsRef::EMPTY));
/// assert_eq!((failed.map_err(|error| matches!(error, PublishError::Barrier(_))), failures), (Err(true), 1));
/// assert!(published.publish(ZonelistsRef::EMPTY).is_ok());
/// ```
#[derive(Debug)]
pub enum Unreliable {}

thread_local! {
    /// The error number with which this thread's heavy halves fail; `None` if they succeed.
    static FAILS: Cell<Option<i32>> = const { Cell::new(None) };
    /// How many heavy halves have failed on this thread.
    static FAILURES: Cell<usize> = const { Cell::new(0) };
}

impl Unreliable {
    /// Calls `meanwhile`, during which each heavy half of this thread fails with the error number `errno`. Returns its
    /// result, and how many heavy halves failed.
    pub fn failing<R>(errno: i32, meanwhile: impl FnOnce() -> R) -> (R, usize) {
        /// Restores the setting, also if `meanwhile` panics.
        struct Restore(Option<i32>);
        impl Drop for Restore {
            fn drop(&mut self) {
                FAILS.set(self.0);
            }
        }
        let _restore = Restore(FAILS.replace(Some(errno)));
        let before = FAILURES.get();
        let result = meanwhile();
        (result, FAILURES.get() - before)
    }
}

// SAFETY: a heavy half that succeeds is a full fence, as is every light half.
unsafe impl Barrier for Unreliable {
    type Kept = ();

    fn prepare() -> bool {
        true
    }

    fn kept() {}

    #[inline(always)]
    fn light((): ()) -> Light {
        Light::Fence
    }

    fn heavy() -> Result<(), BarrierError> {
        match FAILS.get() {
            Some(errno) => {
                FAILURES.set(FAILURES.get() + 1);
                Err(BarrierError { errno })
            }
            None => FullFence::heavy(),
        }
    }

    fn name() -> &'static str {
        "full fences that fail"
    }
}
