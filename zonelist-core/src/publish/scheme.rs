//! The trait that every publication scheme implements.

use super::{Facts, PublishError, ReadToken, WaitError, Writer};
use crate::{
    NodeId, Request, ZoneId, Zoneref,
    table::{BufferWalk, SlotWalk, Word},
    zonelist::ZonelistsRef,
};

/// What a reader has to do around its walks, for the scheme's writer to know of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReaderProtocol {
    /// Nothing: no writer waits for it.
    None,
    /// It is active for each entry of a list, and idle in between.
    PerEntry,
    /// It is active for as long as its guard lives.
    CriticalSection,
    /// It reports quiescent states, between walks: [`Reader::quiescent`](super::Reader::quiescent).
    Quiescent,
}

/// From when on a publish, or a change of membership, may change what walks see.
///
/// From then on until it returns, no reader [remembers](super::Reader::first) a first zone, and each of them walks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changes {
    /// From the call of [`Scheme::publish`] on. Right for every scheme.
    FromTheCall,
    /// From [`Writer::changing`] or [`Writer::stop`] on: before, it changes nothing that a walk could see. For a scheme
    /// that first waits for readers, of which one could otherwise keep all others from remembering.
    Announced,
}

/// A way for versions of the zonelists to reach readers.
///
/// A scheme is only the strategy; [`Published`](super::Published) owns the reader slots, the writer lock
/// and the numbering, and calls the scheme. All of it compiles to the code of a scheme without this trait.
///
/// # What depends on a scheme, and what it can depend on
///
/// The trait is safe: no implementation breaks the memory safety of this library, whatever its walks show, how often it
/// panics, and when it calls the library again. On it depend what walks show ([`Scheme::FACTS`] is believed) and that
/// calls end.
///
/// A scheme's own unsafe code may rely on what follows, and on nothing else:
///
/// - A [`ReadToken`] of the scheme's type is only ever given to [`Scheme::pin`]. As long as what that returned can be
///   used, the reader follows [`Scheme::PROTOCOL`]; under [`ReaderProtocol::PerEntry`], while a [step](ReadToken::step)
///   runs.
/// - What the methods of [`Writer`] say of the readers of its `Published`, where they return `Ok`.
/// - What `pin` returned is dropped before the reader leaves, and before the reader's [`Scheme::Local`] is; or it is
///   leaked, and then neither dropped nor used again.
///
/// All other functions can be called by any safe code: a scheme that contains this one may do so in any order, with the
/// `Writer` of any `Published`, and from several threads at once. What must not happen then has to be refused, as by a
/// lock that is only tried.
///
/// # What a callback may do
///
/// | called | with what held | may wait for | must not |
/// |---|---|---|---|
/// | `local` | a claimed slot | anything but a free slot | |
/// | `filter` | nothing | anything | |
/// | `pin`, `walk`, all of a [`Walk`], drops of both | the reader active; in an allocation, the handle's per-CPU pages | what no publish or drain waits behind | publish where publishes wait for readers, drain, use the reader or the handle |
/// | `publish`, `set_present`, `synchronize` | the writer lock | readers, by the `Writer` | call the same `Published` but for [`reader`](super::Published::reader) and [`filter`](super::Published::filter); walk by a reader that the `Writer` waits for |
/// | `forked` | nothing: there is one thread | nothing | |
/// | drop of `LocalHandle` | nothing: the slot is free | anything | |
///
/// "Must not": else it waits for ever, and nothing worse. Each may panic: what is held is released, and the panic goes
/// on to the caller; an allocation takes no page then, and a publish no number. (Only a drop of a walk, or of what
/// `pin` returned, that panics may lose the page that the walk was for.) All may allocate from a heap, but where
/// [`Facts::below_allocator`] is claimed.
///
/// # When a reader should remember
///
/// [`Reader::first`](super::Reader::first) remembers the first zone of a list until the next publish, for every scheme
/// and without any code of it: [`Published`](super::Published) counts the publishes. An allocator's handle does so by
/// itself. It helps where
///
/// - reads ask again for the same node and class of requests between two publishes: five instructions on x86-64, under
///   every scheme, where a walk to the first zone takes 13 and what the scheme adds (`budgets.rs` of
///   `zonelist-contenders` counts both);
/// - walks may be torn: what is remembered is the first zone of one version;
/// - walks wait, or are waited for: a remembered read does neither.
///
/// It does not help a read of more than the first zone, nor reads that seldom repeat: those pay for a walk that is not
/// inlined and for filling the memory, some 25 instructions more. Under publishes without pause nothing is remembered.
///
/// # The smallest one
///
/// The smallest scheme there is, in safe code, keeps a version behind a lock. It takes that from
/// [`sync`](crate::sync), so that the macro `model!` (feature `model`) explores it as it stands:
///
/// ```
#[doc = include_str!("smallest.rs")]
///
/// use zonelist_core::{conformance::{basics, run_stress}, publish::{ReaderSlots, Published}};
///
/// // What every scheme must pass, as a test of its crate:
/// let new = || Published::<Locked>::with_slots(Locked::default(), ReaderSlots::boxed(2));
/// basics::shows_what_is_published(&new());
/// basics::concurrent_publishers_lose_no_version(&new());
/// assert_eq!(run_stress(&new(), 1).violations, 0);
/// ```
pub trait Scheme: Sync + Sized {
    /// The claims of the scheme about itself.
    const FACTS: Facts;

    /// What its readers have to do around their walks.
    const PROTOCOL: ReaderProtocol;

    /// From when on a publish changes what walks see: from the call on, or from where the scheme says so.
    const CHANGES: Changes = Changes::FromTheCall;

    /// What it keeps for each reader, such as a handle of an outside crate; `()` for most. It is dropped with the
    /// reader, after the slot is freed; a [`Reader`](super::Reader) is `Send` and `Sync` only if this is.
    type Local;

    /// A [`Request`] in the form that its walks read fastest.
    type Filter;

    /// What a guard holds: a pinned version, or just the scheme. Dropped with the guard, before the reader leaves. A
    /// [`Guard`](super::Guard) is sent and shared as this is; where it keeps a [`ReadToken`] it stays on its thread.
    type Pinned<'g>
    where
        Self: 'g;

    /// A walk over one list. There may be several of one guard at a time.
    type Walk<'w>: Walk
    where
        Self: 'w;

    /// Makes what is kept for a new reader, or for a handle of an allocator. In the thread that registers it, with a
    /// slot claimed, if readers have slots. If it panics, the slot is free again.
    fn local(&self) -> Self::Local;

    /// The request in the form of its walks. Made once for a class of requests, by any thread, with nothing held.
    fn filter(&self, request: &Request) -> Self::Filter;

    /// Enters; `token` proves that the reader follows [`Scheme::PROTOCOL`]. Called once for each guard, and for each
    /// allocation that walks. Must not wait for a publish, unless [`Facts::readers`] says so.
    fn pin<'g>(&'g self, local: &'g Self::Local, token: ReadToken<'g, Self>) -> Self::Pinned<'g>;

    /// Begins a walk. Must touch nothing but what the first `next` needs: an allocation from the per-CPU pages makes no
    /// other step. Called by any thread that has the guard, several times for one guard.
    fn walk<'w, 'g: 'w>(pinned: &'w Self::Pinned<'g>, node: NodeId, filter: &'w Self::Filter) -> Self::Walk<'w>;

    /// Replaces the current version, with the writer lock held: one at a time, with [`Scheme::forked`] behind them all.
    ///
    /// Waits for readers by the `writer`, which returns an error if the call must not wait. What a scheme waits for by
    /// itself, as for a lock or a count of its own, [`Published::try_publish`](super::Published::try_publish) waits for
    /// as well. It must not publish through the same [`Published`](super::Published), nor wait for a thread that does:
    /// that waits for ever.
    ///
    /// # Errors
    /// Whatever is wrong, readers then go on to see the version before, which is for the scheme to see to. The next
    /// publish has the same [`Writer::version`]. A panic counts as an error.
    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError>;

    /// In the child of a fork, by its only thread: repairs what threads that are gone were amid, so that walks
    /// and grace periods end.
    ///
    /// If a publish was cut short it never goes on, and there is no other. Walks from now on may show the version
    /// before or behind it, or that every list is empty; under [`Guarantee::Racy`](super::Guarantee::Racy) also what
    /// they might have shown amid it. Readers of this thread may be within a guard; those that are not kept are gone,
    /// and the state of their [slots](super::Published) is cleared already. By default nothing is done, which is enough
    /// where [`Facts::after_fork`] holds and grace periods are those of the [`Writer`].
    fn forked(&self, _fork: Forked) {}
}

/// What a fork has done to a scheme, as its child sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Forked {
    /// Whether a publish was cut short.
    pub publish: bool,
    /// Readers that are kept, those of an allocator's handles included. All others are gone.
    pub kept: usize,
}

/// One pass over the zonerefs of one list that a request admits, lazy: an allocation served by the
/// first zone reads one slot.
///
/// A clone is a cursor: it goes on, or is repeated, from where the walk stood.
///
/// All of it runs with the reader active, in an allocation with the handle's per-CPU pages in use. It may panic; it
/// must not wait for a drain, nor for a publish that waits for walks: see [`Scheme`].
///
/// The library relies on nothing that it shows. A zone that the allocator does not have is passed over, and one that is
/// shown again is tried again. A walk that never ends is walked for ever, and so is one that always reports to be torn.
pub trait Walk: Iterator<Item = Zoneref> + Clone {
    /// True if what was seen so far may be torn. Called at the end of a full walk, or earlier.
    ///
    /// Always false under [`Guarantee::Snapshot`](super::Guarantee::Snapshot) and
    /// [`Guarantee::Racy`](super::Guarantee::Racy).
    fn must_retry(&self) -> bool {
        false
    }
}

impl<W: Word> Walk for SlotWalk<'_, W> {}

impl Walk for BufferWalk<'_> {}

/// Whether the lists show a zone: what [`Published::set_present`](super::Published::set_present) sets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ZonePresence {
    /// Each list that the zone was last published in shows it.
    Present,
    /// No list shows the zone.
    Absent,
}

/// A scheme that can take a zone off all lists, and put it back, without being given lists.
pub trait Membership: Scheme {
    /// Takes a zone off all lists, or puts it back in each list that it was last published in, with the writer lock
    /// held: the same holds as for [`Scheme::publish`].
    ///
    /// Where it stands in each list was settled when lists that named it, or another order, were last published.
    ///
    /// # Errors
    /// One of the lists can't show it: [`PublishError::NoEntry`], [`PublishError::EntryLost`] or
    /// [`PublishError::TooManyZones`]. No list shows it then, and readers go on to see the version before.
    fn set_present(&self, zone: ZoneId, presence: ZonePresence, writer: &mut Writer<'_>) -> Result<(), PublishError>;
}

/// A scheme that can wait until all walks over older versions have ended.
pub trait Reclaim: Scheme {
    /// Returns once every walk that began before the call has ended: a grace period. With the writer lock held: the
    /// same holds as for [`Scheme::publish`]. It waits also if an earlier publish was a `try_publish`.
    ///
    /// What is [retired](super::Published::retire) behind it is dropped once it returns `Ok`: unsafe code that frees by
    /// that relies on the scheme. The library frees nothing by it that a walk could still reach.
    ///
    /// # Errors
    /// Whether they have ended is unknown, since the barrier pair failed.
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError>;
}
