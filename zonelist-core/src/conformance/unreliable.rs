//! A barrier pair that fails on demand: for tests of how a failure is handled.

use std::{cell::Cell, thread_local};

use crate::publish::{Barrier, BarrierError, FullFence, Light};

/// [`FullFence`], but that the heavy half fails on threads that want it to.
///
/// ```
/// use zonelist_core::{Capacity, ZonelistsRef, Slots, StopWorld, conformance::Unreliable, publish::{PublishError, Published}};
/// let table = Slots::boxed(Capacity::new(1, 1).unwrap());
/// let published: Published<_, Unreliable, 1> = Published::new(StopWorld::new(table));
/// let (failed, failures) = Unreliable::failing(12, || published.publish(ZonelistsRef::EMPTY));
/// assert_eq!((failed.map_err(|error| matches!(error, PublishError::Barrier(_))), failures), (Err(true), 1));
/// assert!(published.publish(ZonelistsRef::EMPTY).is_ok());
/// ```
#[derive(Debug)]
pub enum Unreliable {}

thread_local! {
    /// The error number that heavy halves fail with on this thread, if they are to.
    static FAILS: Cell<Option<i32>> = const { Cell::new(None) };
    /// How many heavy halves of this thread have failed.
    static FAILURES: Cell<usize> = const { Cell::new(0) };
}

impl Unreliable {
    /// Does something while each heavy half that this thread runs fails with that error number; with how many did.
    pub fn failing<R>(errno: i32, meanwhile: impl FnOnce() -> R) -> (R, usize) {
        struct Mended(Option<i32>);
        impl Drop for Mended {
            fn drop(&mut self) {
                FAILS.set(self.0);
            }
        }
        let _mended = Mended(FAILS.replace(Some(errno)));
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
