//! Errors of the pool.

use zonelist_core::{
    hotplug::{ArenaError, HotplugError, MemoryBlocksError, ProviderError},
    page_alloc::{HandleError, NotFreed, SetupError},
    publish::{BarrierError, PublishError, ReaderError},
    topology::MachineError,
};

/// Why a run of the pool failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name, or says what it is")]
pub enum PoolError {
    #[error("the page of key {key} was altered: its sum is {found:#x}; expected {expected:#x}")]
    Altered { key: usize, found: u64, expected: u64 },
    #[error("{free} pages are free at the end; expected all {managed}")]
    Lost { free: usize, managed: usize },
    #[error("a page has no memory; expected it to be within the arena")]
    NoMemory,
    #[error("no handle is free; expected at most {entries} pages at a time")]
    NoRoom { entries: usize },
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error(transparent)]
    Blocks(#[from] MemoryBlocksError),
    #[error(transparent)]
    Arena(#[from] ArenaError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Hotplug(#[from] HotplugError),
    #[error(transparent)]
    Reader(#[from] ReaderError),
    #[error(transparent)]
    Handle(#[from] HandleError),
    #[error(transparent)]
    NotFreed(#[from] NotFreed),
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
