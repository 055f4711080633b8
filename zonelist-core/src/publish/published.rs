//! A scheme with what it needs around it: reader slots, the writer lock, version numbers.

use core::{fmt, marker::PhantomData, ops::Deref};

#[cfg(feature = "alloc")]
use super::reader_slots::USUAL;
use super::{
    Barrier, Changes, FirstZone, FirstZones, Membership, Memory, NotRetired, Platform, PublishError, Reader,
    ReaderError, ReaderProtocol, ReaderSlot, ReaderSlots, Reclaim, Scheme, Standard, WaitError, Writer, WriterLock,
    ZonePresence,
    grace_periods::GracePeriods,
    reader_slot::{Claim, Claimed},
    stamp::Stamp,
    sticky_error::StickyError,
    visited::Visited,
};
use crate::{
    NodeId, Request, ZoneId,
    chunks::Chunks,
    locking::{Locked, Spin},
    sync::{const_fn, unmodelled::AtomicUsize},
    zonelist::ZonelistsRef,
};

/// Zonelists, published by a scheme to registered readers, of which each has one of the [`ReaderSlots`].
///
/// Two locks: publishes (and [`synchronize`](Self::synchronize)) exclude each other by the writer lock, and drains of
/// per-CPU pages by the drain lock. Neither waits for the other, except while slots are added or a fork is prepared: both
/// are held then.
#[derive(Debug)]
pub struct Published<S, P = Standard> {
    pub(super) scheme: S,
    pub(super) slots: Chunks<'static, ReaderSlot>,
    /// Those of them that publishes visit.
    pub(super) visited: Visited,
    /// The slot that readers refer to, and never write to, if the scheme needs none.
    unused: ReaderSlot,
    /// Behind the writer lock.
    pub(super) ledger: Apart<Locked<Ledger>>,
    /// The drain lock.
    pub(super) drains: Locked<()>,
    /// The number and 1 of the slot whose per-CPU pages a drain is moving; 0 for none.
    pub(super) emptying: AtomicUsize,
    pub(super) sticky_error: StickyError,
    /// Changes with the lists, under the writer lock.
    pub(super) stamp: Stamp,
    platform: PhantomData<fn(P)>,
}

/// On cache lines of its own: what each publish writes is on none that readers load.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The state that one writer passes to the next.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The identity of the writer lock; `None` before its first use.
    lock: Option<WriterLock>,
    /// The current version.
    version: Version,
    /// The number of the stamp.
    stamp: usize,
    pub(super) grace_periods: GracePeriods,
}

/// The number of a published version: 1 for the first, one more for each next. A publish that fails takes none. Behind
/// the largest number of the CPU's word comes 0: on a 32-bit CPU, after 2^32 publishes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version(usize);

impl Version {
    /// The version of that number.
    #[must_use]
    pub const fn of(number: usize) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> usize {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V{}", self.0)
    }
}

impl<S: Scheme> Published<S> {
    /// Publishes by this scheme, to at most 64 readers at a time. There is no version yet: every list is empty.
    ///
    /// The reader slots are on the heap; [`add_slots`](Self::add_slots) adds others. For another platform there is
    /// [`with_platform`](Self::with_platform).
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn new(scheme: S) -> Self {
        Self::with_platform(scheme, ReaderSlots::boxed(USUAL))
    }

    const_fn! {
        /// As [`new`](Self::new), with these reader slots.
        #[must_use]
        pub const fn with_slots(scheme: S, slots: ReaderSlots) -> Self {
            Self::with_platform(scheme, slots)
        }
    }
}

impl<S: Scheme, P: Platform> Published<S, P> {
    const_fn! {
        /// Publishes by this scheme, on a platform, with these reader slots. There is no version yet: every list is
        /// empty.
        ///
        /// ```
        /// # #[cfg(target_os = "linux")] {
        /// use zonelist_core::{
        ///     Published,
        ///     publish::{Membarrier, Parts, ReaderSlots},
        ///     stop_world::StopWorld,
        ///     table::{Capacity, Slots},
        /// };
        ///
        /// let table = Slots::boxed(Capacity::new(1, 1).unwrap());
        /// let published: Published<_, Parts<Membarrier>> =
        ///     Published::with_platform(StopWorld::new(table), ReaderSlots::boxed(4));
        /// # let _ = published;
        /// # }
        /// ```
        #[must_use]
        pub const fn with_platform(scheme: S, slots: ReaderSlots) -> Self {
            let slots = Chunks::new(slots.into_chunk());
            let unused = ReaderSlot::new();
            let ledger = Apart(Locked::new(Spin::new(), Ledger { lock: None, version: Version(0), stamp: 0, grace_periods: GracePeriods::new() }));
            let (drains, emptying) = (Locked::new(Spin::new(), ()), AtomicUsize::new(0));
            let (sticky_error, platform) = (StickyError::new(), PhantomData);
            let (stamp, visited) = (Stamp::new(), Visited::new());
            Self { scheme, slots, visited, unused, ledger, drains, emptying, sticky_error, stamp, platform }
        }
    }

    /// Registers a reader: once for a thread or CPU. Waits for nothing.
    ///
    /// A scheme of [`ReaderProtocol::None`] has room for any number of them.
    ///
    /// # Errors
    /// All reader slots are taken, or the barrier pair does not work on this system.
    pub fn reader(&self) -> Result<Reader<'_, S, P>, ReaderError> {
        let claimed = match S::PROTOCOL {
            ReaderProtocol::None => None,
            ReaderProtocol::PerEntry | ReaderProtocol::CriticalSection | ReaderProtocol::Quiescent => {
                Some(self.claim(Claim::Reader, usize::MAX)?.1)
            }
        };
        let slot = claimed.as_ref().map_or(&self.unused, Claimed::slot);
        let reader = Reader::new(self, slot, claimed);
        // Last: from now on publishes wait for this reader. A panic of the scheme's `local` leaves no reader online.
        reader.online();
        Ok(reader)
    }

    /// Registers a reader with one of the first `slots` slots, whatever the scheme, for the per-CPU pages of that slot.
    /// Returns also the slot's number.
    ///
    /// It enters its slot for each walk. If the scheme needs no slot, [`Reader::release_own_slot`] frees it.
    pub(crate) fn reader_with_slot(&self, slots: usize) -> Result<(Reader<'_, S, P>, usize), ReaderError> {
        let (number, claimed) = self.claim(Claim::Handle, slots)?;
        Ok((Reader::new(self, claimed.slot(), Some(claimed)), number))
    }

    /// Claims one of the first `slots` slots.
    fn claim(&self, claim: Claim, slots: usize) -> Result<(usize, Claimed<'_>), ReaderError> {
        if !P::Barrier::prepare() {
            return Err(ReaderError::NoBarrier);
        }
        // The first free slot. Of two threads that find the same one, one claims it, and the other goes on to the next.
        let mut first = self.slots.iter().take(slots).enumerate();
        let free = first.find_map(|(number, slot)| Some((number, Claimed::new(slot, claim)?)));
        let (number, claimed) = free.ok_or_else(|| ReaderError::NoSlot { slots: slots.min(self.slots.len()) })?;
        self.visited.join(number, claimed.slot());
        Ok((number, claimed))
    }

    /// A request in the scheme's form. Make it once for a class of requests.
    #[must_use]
    pub fn filter(&self, request: &Request) -> S::Filter {
        self.scheme.filter(request)
    }

    /// A memory of the first zone of a node's list, for a class of requests: for [`Reader::first`]. Nothing is
    /// remembered yet.
    #[must_use]
    pub fn first_zone<'p>(&'p self, node: NodeId, filter: &'p S::Filter) -> FirstZone<'p, S, P> {
        FirstZone::new(self, node, filter)
    }

    /// Memories of the first zones of all nodes' lists, for a class of requests: for [`Reader::first_of`]. Memory number
    /// `n` is that of node `n`; what it held is forgotten.
    #[must_use]
    pub fn first_zones<'p, M: AsMut<[Memory]>>(
        &'p self,
        filter: &'p S::Filter,
        memories: M,
    ) -> FirstZones<'p, S, P, M> {
        FirstZones::new(self, filter, memories)
    }

    /// Replaces the current version. Callers need not serialise: one waits for the other, and for
    /// readers where the scheme has to.
    ///
    /// The lists are made of the argument before anything is locked, so that its conversion may do anything, another
    /// publish included.
    ///
    /// # Errors
    /// The lists do not fit; or the barrier pair failed ([`PublishError::Barrier`]) before the new version was visible.
    /// Readers go on to see the version before. If it fails only behind the swap, the publish answers `Ok`, and the
    /// next `publish`, `try_publish`, `set_present`, `synchronize`, `retire` or drain of an allocator reports that
    /// instead of doing anything; the grace period is waited for by the next publish that needs it.
    pub fn publish<'l>(&self, lists: impl Into<ZonelistsRef<'l>>) -> Result<Version, PublishError> {
        // The caller's conversion, before any lock is held.
        let lists = lists.into();
        self.sticky_error.report()?;
        self.ledger.with(|ledger| self.publish_after(ledger, lists, true))
    }

    /// Replaces the current version, unless another publish is under way, or walks go on that
    /// [`Published::publish`] would have to wait for. Never waits.
    ///
    /// # Errors
    /// [`PublishError::Busy`], or whatever [`Published::publish`] says.
    pub fn try_publish<'l>(&self, lists: impl Into<ZonelistsRef<'l>>) -> Result<Version, PublishError> {
        // The caller's conversion, before any lock is held.
        let lists = lists.into();
        self.sticky_error.report()?;
        let tried = self.ledger.try_with(|ledger| self.publish_after(ledger, lists, false));
        tried.ok_or(PublishError::Busy)?
    }

    /// Takes a zone off all lists, or puts it back where it stood: a version like any other, for
    /// which no lists are needed.
    ///
    /// `Ok` means that each list that the zone was last published in shows it again, or none does. The order of the
    /// others is what it was. If the rules now want another one, or want the zone elsewhere, publish the lists.
    ///
    /// # Errors
    /// - [`PublishError::NoEntry`]: no lists that were published so far named the zone.
    /// - [`PublishError::EntryLost`]: a list can't show the zone again, since publishes in its absence have used its
    ///   place.
    /// - [`PublishError::TooManyZones`]: the scheme keeps no place for the zone, since there are more zones than
    ///   places.
    /// - As for [`Published::publish`].
    ///
    /// Each of them leaves readers with the version before, and is gone with a publish of lists that name the zone; but
    /// for `TooManyZones`, which is gone once tables and lists have fewer.
    pub fn set_present(&self, zone: ZoneId, presence: ZonePresence) -> Result<Version, PublishError>
    where
        S: Membership,
    {
        self.sticky_error.report()?;
        self.ledger.with(|ledger| self.number(ledger, true, |next| self.scheme.set_present(zone, presence, next)))
    }

    /// Returns once every walk that began before the call has ended, and every operation of a handle of an allocator.
    /// Waits for other publishes, too. Within such an operation, as from a walk, it waits for ever.
    ///
    /// # Errors
    /// - The barrier pair failed, now or behind the swap of an earlier publish: some walk or operation may go on.
    /// - [`WaitError::Forked`]: a fork has left a publish or a walk behind.
    pub fn synchronize(&self) -> Result<(), WaitError>
    where
        S: Reclaim,
    {
        self.sticky_error.report()?;
        self.ledger.with(|ledger| {
            let version = ledger.version;
            self.with_writer(ledger, version, true, |writer| {
                let synchronized = self.scheme.synchronize(writer);
                // If the scheme announced that this, too, changes what walks show.
                writer.changed(synchronized.is_err());
                synchronized?;
                // A handle that remembers its first zone does not walk, and is active all the same.
                writer.wait_for_operations()
            })
        })
    }

    /// Drops something that only walks over older versions can still refer to, when none can any more: outside of
    /// the writer lock, so that its `drop` may publish. Waits as [`Published::synchronize`] does.
    ///
    /// # Errors
    /// As for [`Published::synchronize`]; it comes back with the error.
    pub fn retire<T>(&self, value: T) -> Result<(), NotRetired<T>>
    where
        S: Reclaim,
    {
        match self.synchronize() {
            Ok(()) => {
                // The writer lock is released: `drop` may publish.
                drop(value);
                Ok(())
            }
            Err(error) => Err(NotRetired { value, error }),
        }
    }

    /// True if no publish has left a request at a slot: readers would wait for its end for ever.
    #[cfg(loom)]
    pub(crate) fn is_clear(&self) -> bool {
        self.slots.iter().all(|slot| slot.handshake().is_clear())
    }

    fn publish_after(
        &self,
        ledger: &mut Ledger,
        lists: ZonelistsRef<'_>,
        may_block: bool,
    ) -> Result<Version, PublishError> {
        self.number(ledger, may_block, |next| self.scheme.publish(lists, next))
    }

    fn number(
        &self,
        ledger: &mut Ledger,
        may_block: bool,
        publish: impl FnOnce(&mut Writer<'_>) -> Result<(), PublishError>,
    ) -> Result<Version, PublishError> {
        // The number is taken only once the scheme has published: a failed publish uses up none.
        let version = Version(ledger.version.0.wrapping_add(1));
        self.with_writer(ledger, version, may_block, |writer| {
            if S::CHANGES == Changes::FromTheCall {
                writer.changing();
            }
            let published = publish(writer);
            if published.is_ok() {
                // Has changed something, whether it was announced or not.
                writer.changing();
            }
            // Also a publish that failed may have changed something. One that panics leaves the stamp odd.
            writer.changed(published.is_err());
            published
        })?;
        ledger.version = version;
        Ok(version)
    }

    /// Calls the scheme with a writer. The error of a heavy half that no call reported is kept, whatever the scheme
    /// returns.
    fn with_writer<R>(
        &self,
        ledger: &mut Ledger,
        version: Version,
        may_block: bool,
        call: impl FnOnce(&mut Writer<'_>) -> R,
    ) -> R {
        ledger.lock = ledger.lock.or_else(WriterLock::new);
        let mut writer = Writer {
            lock: ledger.lock,
            slots: &self.slots,
            visited: &self.visited,
            protocol: S::PROTOCOL,
            heavy: P::Barrier::heavy,
            version,
            grace_periods: &mut ledger.grace_periods,
            may_block,
            stamp: (&self.stamp, &mut ledger.stamp),
            is_changing: false,
            waited_for_operations: false,
            unreported: None,
        };
        let answer = call(&mut writer);
        // The version may be visible already, so that this publish returns `Ok`. The next call reports the error.
        if let Some(error) = writer.unreported {
            self.sticky_error.note(error);
        }
        answer
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{
        Zonelists,
        stop_world::StopWorld,
        table::{Capacity, Slots},
    };

    #[test]
    fn numbers_of_versions_begin_anew() {
        let table = Slots::boxed(Capacity::new(1, 1).unwrap());
        let published: Published<_> = Published::with_slots(StopWorld::new(table), ReaderSlots::boxed(1));
        published.ledger.with(|ledger| ledger.version = Version::of(usize::MAX - 1));
        let publish = || published.publish(&Zonelists::default()).map(Version::number);
        assert_eq!([publish(), publish(), publish()], [Ok(usize::MAX), Ok(0), Ok(1)]);
    }
}
