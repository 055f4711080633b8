//! Linux's membarrier(2) as the heavy half of a pair.

use rustix::{
    io::Errno,
    thread::{MembarrierCommand, MembarrierQuery, membarrier, membarrier_query},
};

use super::{Barrier, BarrierError, Light};
use crate::sync::atomic::{Ordering::SeqCst, fence};

/// Linux's membarrier(2), private and expedited (4.14): the light half is free.
///
/// Chosen at compile time: if the system does not grant it, no reader can be registered.
/// [`SystemBarrier`](super::SystemBarrier) uses full fences there, and documents when either fails.
#[derive(Debug)]
pub enum Membarrier {}

// SAFETY: a private expedited membarrier that returns 0 has run a full barrier on every CPU that runs
// a thread of this process, at some point during the call. A thread that runs on none passed one when it was switched
// out, and passes one when it is switched in. The reader is before or after `L` there, which gives one case of the
// axiom or the other.
unsafe impl Barrier for Membarrier {
    type Kept = ();

    /// False under Miri, which has no such system call.
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
        // The calling thread's own barrier, since the compiler may move accesses across the system call. With the
        // second fence below, the heavy half is a full fence at its start and at its end.
        fence(SeqCst);
        let mut done = membarrier(MembarrierCommand::PrivateExpedited);
        if done == Err(Errno::PERM) {
            // No reader was registered yet, and so the process was not either; or a sandbox denies the call, and then
            // it denies this one too.
            done = register().and_then(|()| membarrier(MembarrierCommand::PrivateExpedited));
        }
        fence(SeqCst);
        done.map_err(|error| BarrierError { errno: error.raw_os_error() })
    }

    fn name() -> &'static str {
        "membarrier"
    }
}

/// Registers the process for private expedited calls. To register again does nothing.
fn register() -> rustix::io::Result<()> {
    membarrier(MembarrierCommand::RegisterPrivateExpedited)
}
