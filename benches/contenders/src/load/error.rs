//! The error of a measurement under load.

use hdrhistogram::CreationError;
use zonelist_core::publish::{PublishError, ReaderError, WaitError};

use crate::contender::ContenderError;

/// A measurement under load that failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name")]
pub enum LoadError {
    #[error(transparent)]
    Contender(#[from] ContenderError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Histogram(#[from] CreationError),
}

impl From<PublishError> for LoadError {
    fn from(error: PublishError) -> Self {
        Self::Contender(error.into())
    }
}

impl From<ReaderError> for LoadError {
    fn from(error: ReaderError) -> Self {
        Self::Contender(error.into())
    }
}
