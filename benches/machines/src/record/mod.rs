//! Machine files: one JSON file for each machine, as it booted, with the operations that followed.
//!
//! `goldens/README.md` explains each key. *Inputs* make the machine; *outcomes* say what a kernel made of them.
//! A file without outcomes makes the same machine.
//!
//! ```text
//! bytes --MachineFile::parse--> MachineFile --MachineFile::validate--> MachineRecord
//!         JSON and types                      values that fit together
//! ```
//!
//! A file is validated once: only [`MachineFile::validate`] makes a [`MachineRecord`], and its users rely on the
//! checks.

mod by_node;
mod check;
mod entries;
mod file;
mod kind;
mod step;
mod validated;

pub use by_node::ByNode;
pub use entries::{BlockRecord, Boot, BuddyRecord, LaterBuild, MemoryBlockState, Sysctl, ZoneRange, ZoneRecord};
pub use file::MachineFile;
pub use kind::Kind;
pub use step::{RecordedOperation, Step};
pub use validated::MachineRecord;
