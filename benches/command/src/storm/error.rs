//! The error of a storm.

use zonelist_core::{
    conformance::HistoryError,
    hotplug::{ArenaError, HotplugError},
    publish::PublishError,
};
use zonelist_schemes::allocator::AllocatorError;

/// A storm that failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name")]
pub enum StormError {
    #[error(transparent)]
    Allocator(#[from] AllocatorError),
    #[error(transparent)]
    Hotplug(#[from] HotplugError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Arena(#[from] ArenaError),
    #[error(transparent)]
    History(#[from] HistoryError),
}
