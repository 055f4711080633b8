//! Machines to compute zonelists for, and replays of their recorded hotplug.
//!
//! A [`MachineSource`] is a machine file, a folder in the layout of `/sys/devices/system/node`, or this computer.
//! The modules build on each other in this order:
//!
//! 1. `record`: machine files. [`MachineFile`] is what the JSON says, [`MachineRecord`] is the same after validation.
//! 2. `kernel_files`: the description of a running kernel in sysfs and procfs.
//! 3. `source`: what `--machine` names, and how it is loaded; `release`: the rules that its kernel follows.
//! 4. [`computed`]: fallback orders, watermarks and reserves of a machine.
//! 5. [`replay`]: the recorded operations, applied to our machine and compared with the recorded outcomes.

mod bounded_read;
mod builtin;
pub mod computed;
pub mod cubic;
mod error;
mod kernel_files;
mod loaded;
mod record;
mod release;
pub mod replay;
mod source;
mod text;
mod warning;

pub use builtin::Builtin;
pub use error::{Problem, ReadError};
pub use kernel_files::{ZoneSizes, live, parse_list, parse_zoneinfo, sysfs};
pub use loaded::Loaded;
pub use record::{
    BlockRecord, Boot, BuddyRecord, ByNode, Kind, LaterBuild, MachineFile, MachineRecord, MemoryBlockState,
    RecordedOperation, Step, Sysctl, ZoneRange, ZoneRecord,
};
pub use release::{LinuxRules, RulesWarning};
pub use source::MachineSource;
pub use text::one_line;
pub use warning::Warning;
