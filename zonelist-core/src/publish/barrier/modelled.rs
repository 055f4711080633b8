//! The asymmetric pair in models.

use super::{Barrier, BarrierError, Light};
use crate::sync::traced::membarrier;

/// The pair of membarrier(2), as loom explores it. The light half is a barrier to the compiler only. The heavy half has
/// every other thread run a full fence at some point before it returns.
///
/// Only for executions that [`asymmetric`](crate::conformance::models::asymmetric) began.
#[derive(Debug)]
pub enum Membarrier {}

// SAFETY: between call and return each other thread runs a SeqCst fence, or its state is that of a thread that has run
// one. The caller runs one at either end. A thread's own fence is before or after `L`, and it obeys the axiom with the
// fence of the caller at that end.
unsafe impl Barrier for Membarrier {
    type Kept = ();

    fn prepare() -> bool {
        membarrier::is_modelled()
    }

    fn kept() {}

    fn light((): ()) -> Light {
        Light::Compiler
    }

    #[track_caller]
    fn heavy() -> Result<(), BarrierError> {
        // Pairs with `Light::barrier`: the fence of each other thread is before or after it.
        membarrier::heavy();
        Ok(())
    }

    fn name() -> &'static str {
        "membarrier"
    }
}
