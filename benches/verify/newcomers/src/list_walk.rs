//! A walk over a list in memory.

use zonelist_core::{Request, Zoneref, publish::Walk};

/// The rest of a list, filtered by a request.
#[derive(Clone, Debug)]
pub struct ListWalk<'w> {
    /// The entries not yet visited.
    pub rest: std::slice::Iter<'w, Zoneref>,
    /// The request that the shown zones serve.
    pub request: &'w Request,
}

impl Iterator for ListWalk<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        self.rest.find(|entry| self.request.admits(entry.zone())).copied()
    }
}

impl Walk for ListWalk<'_> {}
