//! Errors in the source of a machine: the file, the place in it, the value found and the one expected.

use std::{fmt, io, path::Path};

use zonelist_core::{hotplug::MemoryBlocksError, topology::MachineError};

use crate::builtin;

/// A machine that can't be read: its source, and the problem there.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ReadError {
    /// The file, folder or built-in name.
    pub file: String,
    /// The problem, with its place in the file.
    #[source]
    pub problem: Problem,
}

/// A problem in a file: the place, the value found there, the value expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system can't read it.
    #[error("{0}; expected a file that can be read")]
    Io(#[from] io::Error),
    /// It is longer than the description of any machine.
    #[error("more than {limit} bytes; expected at most that many")]
    TooLong {
        /// The longest accepted file, in bytes.
        limit: u64,
    },
    /// It is not JSON, or a value has another type than its key requires.
    #[error("{}{error}{}", PlacePrefix(place), expectation(error))]
    Json {
        /// The path of the value; empty for the whole file.
        place: String,
        /// The parser's message, with line and column.
        #[source]
        error: serde_json::Error,
    },
    /// A value has the right type and is out of range or contradicts another one.
    #[error("{}{found}; expected {expected}", PlacePrefix(place))]
    Value {
        /// The path of the value, or the line; empty for a file of one value.
        place: String,
        /// The value found.
        found: String,
        /// The value expected.
        expected: String,
    },
    /// The values describe no possible machine.
    #[error("{section}{error}")]
    Machine {
        /// The prefix that turns the error's own path into a path of this format.
        section: &'static str,
        /// The value found and the one expected.
        #[source]
        error: MachineError,
    },
    /// The memory blocks contradict the machine.
    #[error(transparent)]
    Blocks(#[from] MemoryBlocksError),
    /// The source has no recorded steps, so it can't be replayed.
    #[error("no record of steps; expected a recorded machine, or a folder of recorded machines")]
    NoRecord,
    /// The name is neither a built-in machine nor a path.
    #[error("no such machine; expected a file, a folder, `live` or one of {}", builtin::names())]
    NoSuchMachine,
}

impl Problem {
    /// [`Problem::Value`], with `found` cut to a length that fits a message.
    pub(crate) fn value(place: impl Into<String>, found: impl fmt::Display, expected: impl Into<String>) -> Self {
        const LONGEST: usize = 60;
        let mut found = found.to_string();
        if let Some((cut, _)) = found.char_indices().nth(LONGEST) {
            found.truncate(cut);
            found.push_str("...");
        }
        Self::Value { place: place.into(), found, expected: expected.into() }
    }

    /// The problem together with its file.
    pub(crate) fn in_file(self, file: &Path) -> ReadError {
        ReadError { file: file.display().to_string(), problem: self }
    }
}

/// Prints a place and a colon; prints nothing for an empty place.
struct PlacePrefix<'a>(&'a str);

impl fmt::Display for PlacePrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

/// The expected value, for parser messages that do not state one.
fn expectation(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "; expected the rest of a JSON object",
        serde_json::error::Category::Syntax => "; expected well-formed JSON",
        serde_json::error::Category::Data if !error.to_string().contains("expected") => {
            "; expected each key that a machine needs, once"
        }
        serde_json::error::Category::Data | serde_json::error::Category::Io => "",
    }
}
