//! Texts of small kernel files: absent ones, trailing NUL bytes, lists of nodes and of CPUs.

use std::{io::ErrorKind, path::Path};

use zonelist_core::topology::MAX_NODES;

use super::{list::parse_list, mask::parse_mask};
use crate::{
    bounded_read::read_text,
    error::{Problem, ReadError},
};

/// The limit of CPU numbers, Linux's largest `NR_CPUS` on x86-64.
const MAX_CPUS: u32 = 8192;

/// The text of a file without blanks and NUL bytes at either end; `None` if there is no such file.
///
/// Tools that copy sysfs by the size that a file reports append NUL bytes.
pub(super) fn text(path: &Path) -> Result<Option<String>, ReadError> {
    match read_text(path) {
        Ok(text) => Ok(Some(text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0').to_owned())),
        Err(ReadError { problem: Problem::Io(error), .. })
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The nodes of a file that is one list; `None` if the file is absent or empty.
pub(super) fn nodes(path: &Path) -> Result<Option<Vec<u32>>, ReadError> {
    parsed(path, |text| parse_list(text, MAX_NODES as u32)).map(|nodes| nodes.filter(|nodes| !nodes.is_empty()))
}

/// The CPUs of a file that is one list; `None` if the file is absent.
pub(super) fn cpu_list(path: &Path) -> Result<Option<Vec<u32>>, ReadError> {
    parsed(path, |text| parse_list(text, MAX_CPUS))
}

/// The CPUs of a file that is one mask; `None` if the file is absent.
pub(super) fn cpu_mask(path: &Path) -> Result<Option<Vec<u32>>, ReadError> {
    parsed(path, |text| parse_mask(text, MAX_CPUS))
}

fn parsed(path: &Path, parse: impl FnOnce(&str) -> Result<Vec<u32>, Problem>) -> Result<Option<Vec<u32>>, ReadError> {
    let text = text(path)?;
    text.map(|text| parse(&text).map_err(|problem| problem.in_file(path))).transpose()
}

/// Nodes by their numbers in the kernel's list format, for messages.
pub(super) fn named(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |&(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let runs = runs.iter().map(run).collect::<Vec<_>>().join(",");
    format!("node{} {runs}", if numbers.len() == 1 { "" } else { "s" })
}
