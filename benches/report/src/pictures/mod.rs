//! The pictures of a results file. Each is drawn for a screen and for a phone, and has its data beside it.

mod canvas;
mod consistency;
mod growth;
mod palette;
mod ranges;

pub use canvas::Width;
pub use palette::style;
use palette::{BOTH, Ink, NEITHER, PUBLISHES, READERS};
use serde_json::Value;

use self::canvas::Mark;
use crate::results::{Card, Results};

/// A picture, drawn twice, with its data.
#[derive(Clone, PartialEq, Debug)]
pub struct Picture {
    /// The name of its files, without an ending.
    pub name: String,
    /// Its title.
    pub title: String,
    /// How to read it.
    pub note: String,
    /// The drawing for a screen: an `svg` element, whose colours for dark paper are those of [`style`].
    pub wide: String,
    /// The drawing for a phone.
    pub narrow: String,
    /// What it shows.
    pub data: Value,
}

impl Picture {
    /// The drawing for a screen as a file of its own, with its colours for dark paper.
    #[must_use]
    pub fn file(&self) -> String {
        match self.wide.split_once("</title>") {
            Some((title, rest)) => format!("{title}</title>\n<style>\n{}</style>{rest}", style()),
            None => self.wide.clone(),
        }
    }
}

/// A picture that can't be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// An element can't be drawn.
    #[error("a picture can't be drawn: {0}")]
    Draw(String),
    /// The drawing has no tag.
    #[error("a drawing without a tag; expected that of SVG")]
    NoTag,
    /// The data can't be written.
    #[error("the data of a picture: {0}")]
    Data(#[from] serde_json::Error),
}

/// The sections of a page that have pictures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// Slow reads and publishes under load.
    Tails,
    /// Costs against sizes.
    Growth,
    /// What a stalled reader costs.
    Stalls,
}

/// The picture of the cost of a read against the guarantee.
///
/// # Errors
/// It can't be drawn.
pub fn cost_against_consistency(results: &Results) -> Result<Picture, PictureError> {
    consistency::picture(results)
}

/// The pictures of a section; none if the file has no data for it.
///
/// # Errors
/// One can't be drawn.
pub fn of_section(results: &Results, section: Section) -> Result<Vec<Picture>, PictureError> {
    match (section, &results.load, &results.growth) {
        (Section::Tails, Some(load), _) => ranges::tails(results, load),
        (Section::Stalls, Some(load), _) => Ok(vec![ranges::stalls(results, load)?]),
        (Section::Growth, _, Some(growth)) => growth::pictures(results, growth),
        _ => Ok(Vec::new()),
    }
}

/// Which side waits for the other under a scheme.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Waits {
    Neither,
    Publishes,
    Readers,
    Both,
}

impl Waits {
    const ALL: [Self; 4] = [Self::Neither, Self::Publishes, Self::Readers, Self::Both];

    fn of(card: &Card) -> Self {
        match [card.text("readers"), card.text("writer")].map(|side| side == "blocking") {
            [false, false] => Self::Neither,
            [false, true] => Self::Publishes,
            [true, false] => Self::Readers,
            [true, true] => Self::Both,
        }
    }

    fn mark(self) -> (Mark, Ink, &'static str) {
        match self {
            Self::Neither => (Mark::Disc, NEITHER, "no side waits"),
            Self::Publishes => (Mark::Square, PUBLISHES, "publishes wait"),
            Self::Readers => (Mark::Triangle, READERS, "readers wait or walk again"),
            Self::Both => (Mark::Diamond, BOTH, "both wait"),
        }
    }
}
