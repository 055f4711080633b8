//! A results file: the measurements of one run of `zonelist compare --results`, with their conditions.
//!
//! The types have the keys of the reports in JSON. A test of the command writes a measured report through them and
//! compares the two, so that no key is lost.

mod compare;
mod growth;
mod load;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

pub use compare::{Compare, Peer, Publish, Raw, Scheme, Walks, publish_ns};
pub use growth::{Fit, Growth, LineCount, LineCounts, Lines, Point, Times};
pub use load::{Clock, Load, LoadRow, Quantiles, Reads, SchemeLoad, Stalled, Updates};
use serde::{Deserialize, Serialize};
pub use zonelist_schemes::conditions::Conditions;

/// The format of the files that this version reads and writes.
pub const FORMAT: &str = "zonelist-results-1";

/// All measurements of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Results {
    /// The format: [`FORMAT`].
    pub format: String,
    /// The command that measured.
    pub command: String,
    /// The barrier pair between readers and writers.
    pub barrier: String,
    /// The conditions of the measurement.
    pub conditions: Conditions,
    /// The facts of the schemes.
    pub cards: Vec<Card>,
    /// The comparison.
    pub compare: Compare,
    /// Reads and publishes under load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// Costs against sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
}

/// The facts of a scheme, as far as a test shows them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Card {
    /// The name.
    pub scheme: String,
    /// The package.
    #[serde(rename = "crate")]
    pub package: String,
    /// The facts by name: a word, or true or false. Null without a test that shows it.
    pub facts: BTreeMap<String, Option<Fact>>,
}

/// The value of a fact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// Yes or no.
    Is(bool),
    /// A word, such as `wait-free`.
    Word(String),
}

/// A results file that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file can't be read.
    #[error("{file}: {error}; expected a file that `zonelist compare --results` has written")]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// It has another content.
    #[error("{file}: {error}; expected a file that `zonelist compare --results` has written")]
    Content {
        /// The file.
        file: PathBuf,
        /// The place and the fault.
        #[source]
        error: serde_path_to_error::Error<serde_json::Error>,
    },
    /// It has another format.
    #[error("{file}: format {found:?}; expected {FORMAT:?}")]
    Format {
        /// The file.
        file: PathBuf,
        /// The format that it names.
        found: String,
    },
}

impl Results {
    /// Reads a results file.
    ///
    /// # Errors
    /// The file can't be read, or is no results file of this format.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let file = || path.to_owned();
        let bytes = fs::read(path).map_err(|error| ReadError::Read { file: file(), error })?;
        let json = &mut serde_json::Deserializer::from_slice(&bytes);
        let results: Self =
            serde_path_to_error::deserialize(json).map_err(|error| ReadError::Content { file: file(), error })?;
        match results.format == FORMAT {
            true => Ok(results),
            false => Err(ReadError::Format { file: file(), found: results.format }),
        }
    }

    /// The card of a scheme.
    #[must_use]
    pub fn card(&self, scheme: &str) -> Option<&Card> {
        self.cards.iter().find(|card| card.scheme == scheme)
    }

    /// True if other processes ran before or during the measurement, so that its times are preliminary.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let cpus = self.conditions.cpus.unwrap_or(1) as f64;
        let loaded = self.conditions.load.is_some_and(|load| load > 0.75 * cpus);
        loaded || self.load.as_ref().is_some_and(|load| load.quiet == Some(false))
    }
}

impl Card {
    /// The text of a fact: its word, `yes` or `no`; a dash if no test shows it.
    #[must_use]
    pub fn text(&self, fact: &str) -> &str {
        match self.facts.get(fact) {
            Some(Some(Fact::Word(word))) => word,
            Some(Some(Fact::Is(true))) => "yes",
            Some(Some(Fact::Is(false))) => "no",
            _ => "–",
        }
    }

    /// True if a test shows that the fact holds.
    #[must_use]
    pub fn has(&self, fact: &str) -> bool {
        self.text(fact) == "yes"
    }
}
