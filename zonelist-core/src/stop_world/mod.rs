//! `StopWorld` and `StopWorldPreempted`: readers stand still while the lists are rewritten.
//!
//! Linux until 4.13 rebuilt its zonelists under `stop_machine`, which runs every CPU into a spin
//! loop. Ours closes a gate that readers look at on their way in, waits until nobody is inside,
//! rewrites the one table there is, and opens the gate. A walk therefore never meets a rewrite:
//! each is exactly one version's list.
//!
//! What the kernel's version did *not* give is the point of the second scheme. `stop_machine`
//! stops a CPU wherever it is, also between two entries of a list, so that a walk begun over one
//! version could go on over the next. [`StopWorldPreempted`] leaves its seat around each zoneref
//! as such a reader did. It shows no half-written list: growing `[N]` to `[M, N]` never shows an
//! empty walk to a request that N serves. Yet a zone can be missed, met twice, or all of them
//! passed by.

mod preempted;
mod stopped_table;
mod whole_walks;

pub use preempted::{PreemptedWalk, StopWorldPreempted};
pub use stopped_table::{StoppedTable, StoppedWalk};
pub use whole_walks::StopWorld;
