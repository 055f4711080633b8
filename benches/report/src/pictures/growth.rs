//! Costs against sizes: a line for each contender, on logarithmic axes.

use super::{Picture, PictureError};
use crate::results::Growth;

/// One picture for each cost and size.
pub(super) fn pictures(growth: &Growth) -> Result<Vec<Picture>, PictureError> {
    let _ = growth;
    Ok(Vec::new())
}
