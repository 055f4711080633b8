//! Reads of whole files up to a limit, so that no input exhausts the memory.

use std::{fs::File, io::Read, path::Path};

use crate::error::{Problem, ReadError};

/// Bytes of the longest machine file. A matrix of 1024 nodes takes a tenth of it.
pub(crate) const MAX_RECORD: u64 = 64 << 20;

/// Bytes of the longest kernel file. Lists and rows of distances fit one page; zoneinfo grows with the CPUs.
const MAX_TEXT: u64 = 16 << 20;

/// The content of a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut content = Vec::new();
    // One byte more than the limit distinguishes a file of that length from a longer one.
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut content));
    match read {
        Ok(len) if len as u64 > limit => Err(Problem::TooLong { limit }.in_file(path)),
        Ok(_) => Ok(content),
        Err(error) => Err(Problem::Io(error).in_file(path)),
    }
}

/// The content of a kernel file as text.
pub(crate) fn read_text(path: &Path) -> Result<String, ReadError> {
    String::from_utf8(read(path, MAX_TEXT)?).map_err(|error| {
        let place = format!("byte {}", error.utf8_error().valid_up_to());
        Problem::value(place, "no UTF-8", "text").in_file(path)
    })
}
