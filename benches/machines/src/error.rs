//! What can be wrong with the source of a machine.

use std::{fmt, io, path::Path};

use zonelist_core::{MachineError, hotplug::BlocksError};

use super::builtin;

/// A machine that could not be read: which source, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ReadError {
    /// The file, folder or name that was read.
    pub file: String,
    /// What is wrong, and where in it.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a file: the place, what was found there, what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The system would not give its content.
    #[error("{0}; expected a file that can be read")]
    Io(#[from] io::Error),
    /// It is longer than any machine.
    #[error("more than {limit} bytes; expected at most that many")]
    TooLong {
        /// What would have been accepted.
        limit: u64,
    },
    /// It is no JSON, or a value in it has another type than its key asks for.
    #[error("{}{error}{}", InFront(place), missing(error))]
    Json {
        /// The path of the value, empty for the whole.
        place: String,
        /// What was found and expected, with line and column.
        #[source]
        error: serde_json::Error,
    },
    /// A value is of the right type and still wrong.
    #[error("{}{found}; expected {expected}", InFront(place))]
    Value {
        /// The path of the value, or the line; empty for a file of one value.
        place: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: String,
    },
    /// The values do not make a machine.
    #[error("{section}{error}")]
    Machine {
        /// What stands before the error's own path in this format.
        section: &'static str,
        /// Which value, and what was expected.
        #[source]
        error: MachineError,
    },
    /// The memory blocks do not fit the machine.
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    /// There is nothing to replay in it.
    #[error("no record of steps; expected a recorded machine, or a folder of such")]
    NoRecord,
    /// The name is no built-in one and no path.
    #[error("no such machine; expected a file, a folder, `live` or one of {}", builtin::names())]
    NoSuchMachine,
}

impl Problem {
    /// A wrong value; `found` is cut to a length that fits a message.
    pub(super) fn value(place: impl Into<String>, found: impl fmt::Display, expected: impl Into<String>) -> Self {
        const LONGEST: usize = 60;
        let mut found = found.to_string();
        if let Some((cut, _)) = found.char_indices().nth(LONGEST) {
            found.truncate(cut);
            found.push_str("...");
        }
        Self::Value { place: place.into(), found, expected: expected.into() }
    }

    /// The same problem, of that file.
    pub(super) fn of(self, file: &Path) -> ReadError {
        ReadError { file: file.display().to_string(), problem: self }
    }
}

/// A place with the colon that sets it off, nothing where there is no place.
struct InFront<'a>(&'a str);

impl fmt::Display for InFront<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

/// The expectation, for the errors that do not state one themselves.
fn missing(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "; expected the rest of a JSON object",
        serde_json::error::Category::Syntax => "; expected well-formed JSON",
        serde_json::error::Category::Data if !error.to_string().contains("expected") => {
            "; expected each key that a machine needs, once"
        }
        serde_json::error::Category::Data | serde_json::error::Category::Io => "",
    }
}
