//! The builds, their outputs, and their times.

pub(crate) mod malloc;
pub(crate) mod outputs;
pub(crate) mod process;
pub(crate) mod project;
pub(crate) mod times;
