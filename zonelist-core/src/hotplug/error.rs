//! Why an operation was refused.

use core::fmt;

use super::{deadline::StopReason, provider_error::ProviderError};
use crate::{NodeId, ZoneId, ZoneKind, heap::NoMemory, publish::PublishError, zone::RangeError};

/// Why an operation was refused. The machine is as it was.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each message says what its fields are")]
pub enum HotplugError {
    #[error("block {block}: not there; expected a block of this machine")]
    NoSuchBlock { block: u64 },
    #[error("{word:?}; expected `offline`, `online`, `online_kernel` or `online_movable`")]
    UnknownWord { word: alloc::string::String },
    #[error("block {block}: online already; expected one that is offline")]
    AlreadyOnline { block: u64 },
    #[error("block {block}: offline already; expected one that is online")]
    AlreadyOffline { block: u64 },
    #[error("block {block}: in two zones; expected one that lies in a single zone")]
    Shared { block: u64 },
    #[error("block {block}: pages are missing in it; expected one without holes")]
    Holes { block: u64 },
    #[error("block {block}: {error}")]
    Provider { block: u64, error: ProviderError },
    #[error("block {block}: {managed} pages of zone {zone} are the allocator's; expected as many as the block gave it")]
    Reserved { block: u64, zone: ZoneId, managed: u64 },
    #[error("zone kind {kind}: not known to this machine; expected one of its kinds")]
    NoSuchKind { kind: ZoneKind },
    #[error("block {block}: there already; expected a number that is free")]
    BlockExists { block: u64 },
    #[error("block {block}: zone {zone} has memory there; expected frames that no zone has")]
    MemoryExists { block: u64, zone: ZoneId },
    #[error("blocks {first} and {count} on; expected one block or more, 2^24 in all, their pages below 2^48")]
    InvalidBlocks { first: u64, count: u64 },
    #[error("block {block}: online; expected blocks that are offline")]
    BlockInUse { block: u64 },
    #[error("node {node}: not possible or not online; expected a node that is there")]
    NoSuchNode { node: NodeId },
    #[error("node {node}: online already; expected one that is not")]
    NodeExists { node: NodeId },
    #[error("node {node}: has memory, blocks or a CPU online; expected one that has none")]
    NodeInUse { node: NodeId },
    #[error("CPU {cpu}: not there; expected a CPU of this machine")]
    NoSuchCpu { cpu: u32 },
    #[error("CPU {cpu}: the last one online; expected another beside it")]
    LastCpu { cpu: u32 },
    #[error("vm.{name}: no such setting; expected one that is about zones")]
    NoSuchSetting { name: alloc::string::String },
    #[error("vm.{name}: {value}; expected {expected}")]
    InvalidSetting { name: alloc::string::String, value: alloc::string::String, expected: &'static str },
    #[error("the heap has no room for the result of the operation; expected some")]
    NoMemory,
    #[error("another operation is under way; expected none, or a caller that waits for it")]
    InProgress,
    #[error("the operation is called from within another one, by its own thread; expected it after that one")]
    Nested,
    #[error("an operation was cut short by a fork; expected `RunningMachine::prepare_fork` before the fork")]
    Forked,
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<NoMemory> for HotplugError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// The error numbers that Linux returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the kernel's")]
pub enum Errno {
    Noent,
    Intr,
    Io,
    Again,
    Nomem,
    Busy,
    Exist,
    Inval,
}

impl Errno {
    /// Its number, on Linux.
    ///
    /// ```
    /// use zonelist_core::hotplug::Errno;
    /// assert_eq!((Errno::Inval.name(), Errno::Inval.number()), ("EINVAL", 22));
    /// ```
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Noent => 2,
            Self::Intr => 4,
            Self::Io => 5,
            Self::Again => 11,
            Self::Nomem => 12,
            Self::Busy => 16,
            Self::Exist => 17,
            Self::Inval => 22,
        }
    }

    /// Its name in C.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Noent => "ENOENT",
            Self::Intr => "EINTR",
            Self::Io => "EIO",
            Self::Again => "EAGAIN",
            Self::Nomem => "ENOMEM",
            Self::Busy => "EBUSY",
            Self::Exist => "EEXIST",
            Self::Inval => "EINVAL",
        }
    }
}

impl ProviderError {
    const fn errno(&self) -> Errno {
        match self {
            Self::InUse { why: StopReason::Deadline, .. } => Errno::Again,
            Self::InUse { why: StopReason::Cancelled, .. } => Errno::Intr,
            Self::InUse { why: StopReason::NoWait, .. } | Self::Pinned { .. } => Errno::Busy,
            Self::Range(RangeError::Isolation { .. }) => Errno::Busy,
            Self::Barrier(_) => Errno::Io,
            Self::Range(RangeError::Managed { .. } | RangeError::Owned { .. }) => Errno::Exist,
            Self::NoRoom { .. }
            | Self::Range(RangeError::Outside { .. } | RangeError::Unaligned { .. })
            | Self::Owner(_) => Errno::Inval,
            _ => Errno::Nomem,
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl HotplugError {
    /// The error number that Linux returns: 6.1, and 4.14 for a deadline, which 6.1 no longer has.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            Self::NoSuchBlock { .. }
            | Self::NoSuchNode { .. }
            | Self::NoSuchCpu { .. }
            | Self::NoSuchSetting { .. } => Errno::Noent,
            Self::UnknownWord { .. }
            | Self::AlreadyOnline { .. }
            | Self::AlreadyOffline { .. }
            | Self::Shared { .. }
            | Self::Holes { .. }
            | Self::NoSuchKind { .. }
            | Self::InvalidBlocks { .. }
            | Self::InvalidSetting { .. } => Errno::Inval,
            Self::Provider { error, .. } => error.errno(),
            Self::Reserved { .. }
            | Self::BlockInUse { .. }
            | Self::NodeInUse { .. }
            | Self::LastCpu { .. }
            | Self::InProgress
            | Self::Nested
            | Self::Publish(PublishError::Busy) => Errno::Busy,
            Self::BlockExists { .. } | Self::MemoryExists { .. } | Self::NodeExists { .. } => Errno::Exist,
            Self::NoMemory
            | Self::Publish(
                PublishError::Capacity(_)
                | PublishError::NoEntry { .. }
                | PublishError::EntryLost { .. }
                | PublishError::TooManyZones { .. },
            ) => Errno::Nomem,
            Self::Forked | Self::Publish(PublishError::Barrier(_) | PublishError::Forked) => Errno::Io,
        }
    }
}
