//! Records of publishes and walks, and the versions that a walk may have seen.

use alloc::{vec, vec::Vec};

use super::Verdict;
use crate::{NodeId, Request, Zonelists, Zoneref, publish::Version, zonelist::ZonelistsRef};

/// The time from one stamp to another, both included.
///
/// Stamps come from one clock, which every thread reads by a read-modify-write. Two events that are known to be
/// unordered may have equal stamps. Spans that overlap may have been concurrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// A stamp before the operation's first step.
    pub begin: u64,
    /// A stamp after the operation's last step.
    pub end: u64,
}

/// One publish, as its caller recorded it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published<L> {
    /// What `publish` returned.
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
    /// The walk's request.
    pub request: &'a Request,
    /// To the last `next` or `must_retry`: from the call that makes the guard if the scheme pins a version, else from
    /// the start of the walk.
    pub span: Span,
    /// The entries that the walk showed.
    pub seen: &'a [Zoneref],
    /// True if the walk went to the end of the list, false if it was left early.
    pub full: bool,
}

/// All publishes of a run, by which walks are judged.
///
/// ```
/// use zonelist_core::{
///     *,
///     conformance::{History, Published, Span, Walked},
///     publish::Version,
///     zonelist::{NodeSpan, ZonelistsRef},
/// };
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
    /// The lists before the first publish; `None` is V0, the empty lists.
    base: Option<L>,
    /// Sorted by version: `publishes[i]` is `i + 1` versions after the base.
    publishes: Vec<Published<L>>,
    /// `closed[v]`: at the latest at this stamp, every version up to `v` was replaced.
    closed: Vec<u64>,
    /// `opened[v]`: at the earliest at this stamp, a version from `v` on was published.
    opened: Vec<u64>,
}

/// The error of publishes that no run can have recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("found {found} in place of {expected}; expected every version once, in the order of their publishes")]
pub struct HistoryError {
    /// The version in the record.
    pub found: Version,
    /// The version that belongs there.
    pub expected: Version,
}

/// Zonelists that a history owns or borrows.
pub trait AsLists {
    /// Borrows the lists.
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
    /// Makes a history of publishes that follow V0, the empty lists. Sorts the publishes by version.
    ///
    /// # Errors
    /// A version is missing or occurs twice, or its publish returned before that of a lower version was called. Then a
    /// record was lost, or `publish` returned wrong numbers.
    pub fn new(publishes: Vec<Published<L>>) -> Result<Self, HistoryError> {
        Self::from_base(Version::default(), None, publishes)
    }

    /// Makes a history of publishes that follow the version `base`, which was published before any of the spans: one
    /// part of a long run.
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

    /// The versions that were current at some time within the span.
    ///
    /// A version is current from the call of its publish to the return of the next version's publish.
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

/// Checks that the sorted publishes have consecutive numbers, in an order that their spans allow.
fn numbered<L>(base: Version, publishes: &[Published<L>]) -> Result<(), HistoryError> {
    // Numbers wrap: 0 follows the highest.
    let numbers = (1..).map(|step| Version::of(base.number().wrapping_add(step)));
    for (publish, expected) in publishes.iter().zip(numbers) {
        if publish.version != expected {
            return Err(HistoryError { found: publish.version, expected });
        }
    }
    // Of the later versions, the one whose publish returned first.
    let mut first: Option<&Published<L>> = None;
    for publish in publishes.iter().rev() {
        if let Some(later) = first.filter(|later| later.span.end < publish.span.begin) {
            return Err(HistoryError { found: later.version, expected: publish.version });
        }
        first = Some(first.filter(|later| later.span.end < publish.span.end).unwrap_or(publish));
    }
    Ok(())
}
