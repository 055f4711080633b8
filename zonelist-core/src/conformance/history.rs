//! What was published and what was walked, and which versions a walk may have seen.

use alloc::{vec, vec::Vec};

use super::Verdict;
use crate::{NodeId, Request, Zonelists, ZonelistsRef, Zoneref, publish::Version};

/// From one stamp to another, both included.
///
/// Stamps come from one clock that every party reads by a read-modify-write, or, where two events
/// are known to be unordered, they are equal: whatever overlaps may have been concurrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Before the first thing done.
    pub begin: u64,
    /// After the last thing done.
    pub end: u64,
}

/// One publish, as its caller recorded it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published<L> {
    /// What `publish` answered.
    pub version: Version,
    /// From the call to the return.
    pub span: Span,
    /// What was published.
    pub lists: L,
}

/// One walk, as its reader recorded it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walked<'a> {
    /// The list's node.
    pub node: NodeId,
    /// What was asked of the list.
    pub request: &'a Request,
    /// From entering the guard if the scheme pins a version, else from the start of the walk, to
    /// the last `next` or `must_retry`.
    pub span: Span,
    /// What it showed.
    pub seen: &'a [Zoneref],
    /// Whether it went on to the end of the list, or was left early.
    pub full: bool,
}

/// All publishes of a run, ready to judge walks by.
///
/// ```
/// use zonelist_core::{conformance::{History, Published, Span, Walked}, publish::Version, *};
/// let entry = |kind| Zoneref::new(ZoneId::new(NodeId::new(0).unwrap(), kind));
/// let zonerefs = [entry(ZoneKind::Movable), entry(ZoneKind::Normal)];
/// let rows = [NodeSpan { start: 0, len: 2, own: 2 }];
/// let lists = ZonelistsRef::new(&zonerefs, &rows).unwrap();
/// let history = History::new(vec![
///     Published { version: Version::of(1), span: Span { begin: 0, end: 1 }, lists },
/// ]).unwrap();
/// let walk = Walked {
///     node: NodeId::new(0).unwrap(),
///     request: &Request::up_to(ZoneKind::Movable),
///     span: Span { begin: 2, end: 3 },
///     seen: &zonerefs[1..],
///     full: true,
/// };
/// let verdict = history.judge(&walk);
/// assert!(verdict.torn && verdict.missed && !verdict.empty);
/// ```
#[derive(Clone, Debug)]
pub struct History<L> {
    /// Current before the first of the publishes; `None` is V0, the empty lists.
    base: Option<L>,
    /// The first is the base's successor, and so on: `publishes[i]` is `i + 1` versions on.
    publishes: Vec<Published<L>>,
    /// `closed[v]`: no later than this was each of the versions up to `v` replaced.
    closed: Vec<u64>,
    /// `opened[v]`: no earlier than this was each of the versions from `v` on published.
    opened: Vec<u64>,
}

/// Publishes that no run can have recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{found} stands where {expected} belongs; expected every version once, and in the order of their publishes")]
pub struct HistoryError {
    /// The version that is there.
    pub found: Version,
    /// The version that should be.
    pub expected: Version,
}

/// Lists that a history keeps or borrows.
pub trait AsLists {
    /// The lists.
    fn as_lists(&self) -> ZonelistsRef<'_>;
}

impl AsLists for ZonelistsRef<'_> {
    fn as_lists(&self) -> ZonelistsRef<'_> {
        *self
    }
}

impl AsLists for &Zonelists {
    fn as_lists(&self) -> ZonelistsRef<'_> {
        self.lists()
    }
}

impl AsLists for Zonelists {
    fn as_lists(&self) -> ZonelistsRef<'_> {
        self.lists()
    }
}

impl<L: AsLists> History<L> {
    /// Sorts the publishes by version. V0, the empty lists, was there before.
    ///
    /// # Errors
    /// A version is missing or there twice, or its publish returned before that of a lower one was
    /// called: then a record was lost, or `publish` numbered wrongly.
    pub fn new(publishes: Vec<Published<L>>) -> Result<Self, HistoryError> {
        Self::from_base(Version::default(), None, publishes)
    }

    /// The same, of publishes that follow on a version: one that was there before any of the
    /// spans, as after an earlier part of a long run.
    ///
    /// # Errors
    /// As for [`History::new`].
    pub fn after(base: Version, lists: L, publishes: Vec<Published<L>>) -> Result<Self, HistoryError> {
        Self::from_base(base, Some(lists), publishes)
    }

    fn from_base(base: Version, lists: Option<L>, mut publishes: Vec<Published<L>>) -> Result<Self, HistoryError> {
        publishes.sort_by_key(|publish| publish.version);
        numbered(base, &publishes)?;
        let mut closed = vec![u64::MAX; publishes.len() + 1];
        let mut latest = 0;
        for (closed, publish) in closed.iter_mut().zip(&publishes) {
            latest = latest.max(publish.span.end);
            *closed = latest;
        }
        let mut opened = vec![0; publishes.len() + 1];
        let mut earliest = u64::MAX;
        for (opened, publish) in opened[1..].iter_mut().zip(&publishes).rev() {
            earliest = earliest.min(publish.span.begin);
            *opened = earliest;
        }
        Ok(Self { base: lists, publishes, closed, opened })
    }

    /// The versions that were current at some time within the span: from the call of a version's
    /// publish to the return of the next one's.
    pub fn candidates(&self, span: Span) -> impl Iterator<Item = ZonelistsRef<'_>> + Clone {
        let first = self.closed.partition_point(|&closed| closed < span.begin);
        let last = self.opened.partition_point(|&opened| opened <= span.end);
        let current = move |&version: &usize| {
            let published = version.checked_sub(1).map_or(0, |i| self.publishes[i].span.begin);
            let replaced = self.publishes.get(version).map_or(u64::MAX, |next| next.span.end);
            published <= span.end && replaced >= span.begin
        };
        (first..last).filter(current).map(|version| match version {
            0 => self.base.as_ref().map_or(ZonelistsRef::EMPTY, AsLists::as_lists),
            _ => self.publishes[version - 1].lists.as_lists(),
        })
    }

    /// The verdict on a walk.
    #[must_use]
    pub fn judge(&self, walk: &Walked<'_>) -> Verdict {
        Verdict::of(walk, self.candidates(walk.span))
    }

    /// How many publishes there are.
    #[must_use]
    pub fn versions(&self) -> usize {
        self.publishes.len()
    }
}

/// Whether the publishes, sorted, are numbered as they came.
fn numbered<L>(base: Version, publishes: &[Published<L>]) -> Result<(), HistoryError> {
    // Behind the last number there is comes the first.
    let numbers = (1..).map(|step| Version::of(base.number().wrapping_add(step)));
    for (publish, expected) in publishes.iter().zip(numbers) {
        if publish.version != expected {
            return Err(HistoryError { found: publish.version, expected });
        }
    }
    // Of the versions behind, the one whose publish was the first to return.
    let mut first: Option<&Published<L>> = None;
    for publish in publishes.iter().rev() {
        if let Some(later) = first.filter(|later| later.span.end < publish.span.begin) {
            return Err(HistoryError { found: later.version, expected: publish.version });
        }
        first = Some(first.filter(|later| later.span.end < publish.span.end).unwrap_or(publish));
    }
    Ok(())
}
