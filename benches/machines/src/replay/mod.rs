//! Replays of recorded hotplug: each recorded operation is applied to our machine, and the outcomes are compared.
//!
//! ```text
//! for each scheme:
//!     boot a running machine whose page provider is the page allocator
//!     for each recorded step:
//!         allocate and pin a page of the block, if the record says that one was pinned
//!         apply the operation, and bring its outcome into the form of the record
//!         compare each recorded key with ours
//!         compare walks with the machine's lists, and the allocator's zones with the machine's
//! ```

mod difference;
mod operation;
mod outcome;
mod pins;
mod report;
mod run;
mod show;

pub use difference::Difference;
pub use operation::operation_of;
pub use outcome::{blocks, outcome};
pub use report::{Replay, ReplayError, Replays};
