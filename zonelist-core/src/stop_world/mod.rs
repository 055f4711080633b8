//! `StopWorld` and `StopWorldPreempted`: no reader walks while the lists are rewritten.
//!
//! Linux until 4.13 rebuilt its zonelists under `stop_machine`, which runs every CPU into a spin loop. [`StopWorld`]
//! requests a stop of every reader, waits until none of them walks, rewrites the only table, and clears the request. So
//! a walk never meets a rewrite: each walk shows exactly one version's list.
//!
//! The second scheme shows what the kernel's version did *not* guarantee. `stop_machine` stops a CPU at any
//! instruction, also between two entries of a list. So a walk that began over one version could continue over the next.
//! A reader of [`StopWorldPreempted`] is active for each entry only, as such a CPU was. It shows no half-written list:
//! growing `[N]` to `[M, N]` never shows an empty walk to a request that N serves. Yet a walk can miss a zone, show it
//! twice, or show none at all.

mod preempted;
mod stopped_table;
mod whole_walks;

pub use preempted::{PreemptedWalk, StopWorldPreempted};
pub use stopped_table::{StoppedTable, StoppedWalk};
pub use whole_walks::StopWorld;
