//! Errors in the set-up of a contender.

use zonelist_core::publish::{PublishError, ReaderError};
use zonelist_schemes::allocator::AllocatorError;

/// A contender that can't be set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name")]
pub enum ContenderError {
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Reader(#[from] ReaderError),
    #[error(transparent)]
    Allocator(#[from] AllocatorError),
}
