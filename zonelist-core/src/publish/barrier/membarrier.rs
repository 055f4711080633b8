//! Linux's membarrier(2) as the heavy half of a pair.

use rustix::{
    io::Errno,
    thread::{MembarrierCommand, MembarrierQuery, membarrier, membarrier_query},
};

use super::{Barrier, BarrierError, Light};
use crate::sync::atomic::{Ordering::SeqCst, fence};

/// Linux's membarrier(2), private and expedited (4.14): the reader's half is free.
///
/// Fixed at compile time: where the system does not grant it, no reader can be registered.
/// [`SystemBarrier`](super::SystemBarrier) goes on with full fences there, and says when either fails.
#[derive(Debug)]
pub enum Membarrier {}

// SAFETY: a private expedited membarrier that returns 0 has run a full barrier on every CPU that runs
// a thread of this process, at some point during the call; a thread that runs on none passed one when
// it was switched out, and passes one when it is switched in. At that point the reader is before or
// after `L`, which gives the one case of the axiom or the other.
unsafe impl Barrier for Membarrier {
    type Kept = ();

    /// False under Miri, which knows no such system call.
    fn prepare() -> bool {
        let wanted = MembarrierQuery::PRIVATE_EXPEDITED | MembarrierQuery::REGISTER_PRIVATE_EXPEDITED;
        !cfg!(miri) && membarrier_query().contains(wanted) && register().is_ok()
    }

    fn kept() {}

    #[inline(always)]
    fn light((): ()) -> Light {
        Light::Compiler
    }

    fn heavy() -> Result<(), BarrierError> {
        // The writer's own barrier: the system call is none to the compiler.
        fence(SeqCst);
        let mut done = membarrier(MembarrierCommand::PrivateExpedited);
        if done == Err(Errno::PERM) {
            // The process has not registered yet, since no reader has; or a sandbox denies the call, and then
            // it denies this too.
            done = register().and_then(|()| membarrier(MembarrierCommand::PrivateExpedited));
        }
        fence(SeqCst);
        done.map_err(|error| BarrierError { errno: error.raw_os_error() })
    }

    fn name() -> &'static str {
        "membarrier"
    }
}

fn register() -> rustix::io::Result<()> {
    membarrier(MembarrierCommand::RegisterPrivateExpedited)
}
