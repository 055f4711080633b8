//! The asymmetric pair as models run it.

use super::{Barrier, BarrierError, Light};
use crate::sync::traced::membarrier;

/// The pair of membarrier(2), as loom can explore it: the reader's half holds only the compiler back, and
/// the writer's half has every other thread run a full fence at some point before it returns.
///
/// For executions that [`asymmetric`](crate::conformance::models::asymmetric) has begun.
#[derive(Debug)]
pub enum Membarrier {}

// SAFETY: between call and return each other thread runs a SeqCst fence, or is as good as one that has, and the caller
// runs one at either end. A thread's own fence is before or behind `L`, and two SeqCst fences each obey the axiom.
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
        membarrier::heavy();
        Ok(())
    }

    fn name() -> &'static str {
        "membarrier"
    }
}
