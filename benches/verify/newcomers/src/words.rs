//! A table of one list: a word for each zone, and 0 after the last zone.

use zonelist_core::{
    Request, Zoneref,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::ZONES;

/// A word for each zone, and one more for the end.
#[derive(Debug)]
pub struct Words([AtomicU32; ZONES + 1]);

impl Default for Words {
    fn default() -> Self {
        Self(core::array::from_fn(|_| AtomicU32::new(0)))
    }
}

impl Words {
    /// Stores a zone at an index.
    #[track_caller]
    pub fn put(&self, at: usize, entry: Zoneref, ordering: Ordering) {
        self.0[at].store(entry.word(), ordering);
    }

    /// Stores the end of the list at an index.
    #[track_caller]
    pub fn end(&self, at: usize, ordering: Ordering) {
        self.0[at].store(0, ordering);
    }

    /// Begins a walk.
    #[must_use]
    pub fn walk<'w>(&'w self, request: &'w Request, ordering: Ordering) -> WordWalk<'w> {
        WordWalk { words: &self.0, request, ordering }
    }
}

/// A walk that loads word by word.
#[derive(Clone, Debug)]
pub struct WordWalk<'w> {
    words: &'w [AtomicU32],
    request: &'w Request,
    ordering: Ordering,
}

impl Iterator for WordWalk<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        loop {
            let (word, rest) = self.words.split_first()?;
            let entry = Zoneref::from_word(word.load(self.ordering))?;
            self.words = rest;
            if self.request.admits(entry.zone()) {
                return Some(entry);
            }
        }
    }
}
