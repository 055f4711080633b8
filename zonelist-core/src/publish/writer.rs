//! What a scheme can do to readers while it publishes: stop walks, and wait for [grace periods](super::grace_periods).

use super::{
    BarrierError, ReaderProtocol, Version,
    grace_periods::GracePeriods,
    reader_slot::ReaderSlot,
    stamp::Stamp,
    visited::{Visit, Visited},
    writer_lock::WriterLock,
};
use crate::{
    chunks::Chunks,
    sync::{Backoff, or_mutant},
};

/// What a scheme can do to readers, given to one publish at a time.
#[derive(Debug)]
pub struct Writer<'p> {
    /// The writer lock, which is held; `None` if there are more than have numbers.
    pub(super) lock: Option<WriterLock>,
    pub(super) slots: &'p Chunks<'static, ReaderSlot>,
    pub(super) visited: &'p Visited,
    pub(super) protocol: ReaderProtocol,
    pub(super) heavy: fn() -> Result<(), BarrierError>,
    pub(super) version: Version,
    pub(super) grace_periods: &'p mut GracePeriods,
    /// True if the publish may wait for readers.
    pub(super) may_block: bool,
    /// The stamp of the lists, with the writers' copy of its number.
    pub(super) stamp: (&'p Stamp, &'p mut usize),
    /// True from [`Writer::changing`] on.
    pub(super) is_changing: bool,
    /// True if all operations of handles that had begun before the call have ended.
    pub(super) waited_for_operations: bool,
    /// The error of a heavy half that no call has reported yet.
    pub(super) unreported: Option<BarrierError>,
}

/// Why a writer could not wait for readers. Its requests are cleared, and readers go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// A walk goes on, and the caller does not wait for it.
    #[error("a walk goes on, and the caller does not wait; expected none, or a caller that does")]
    Busy,
    /// The barrier pair failed, now or behind the swap of an earlier publish: walks may go on unseen.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    /// This process is the child of a fork that cut a publish short, or left a walk behind that never ends: see
    /// [`Published::after_fork`](super::Published::after_fork).
    #[error("a fork has left a publish or a walk behind; expected neither to be under way then")]
    Forked,
}

impl Writer<'_> {
    /// The number of the version that is being published; in [`Reclaim::synchronize`](super::Reclaim::synchronize), of
    /// the last one.
    ///
    /// If the publish fails, or panics, the next has the same number, whatever readers have seen of it meanwhile. So a
    /// number by which walks find out that they were torn, or that says which memory is spare, must not be made of
    /// this: a scheme counts by itself what it has written.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The writer lock, which is held until the call ends: unsafe code may rely on that. `None` if more locks were used in
    /// this process than the CPU's word has numbers.
    #[must_use]
    pub fn lock(&self) -> Option<WriterLock> {
        self.lock
    }

    /// Announces that from now on the call changes what walks show: see
    /// [`Changes::Announced`](super::Changes::Announced). A second call changes nothing, nor does any call under
    /// [`Changes::FromTheCall`](super::Changes::FromTheCall), which has announced it already.
    ///
    /// Costs a store and a release fence. To be called before the first store that a walk could load, and behind all
    /// waits for readers. If it is called later, a reader may remember a zone with which no version begins.
    pub fn changing(&mut self) {
        if !self.is_changing {
            let (stamp, kept) = &mut self.stamp;
            stamp.begin(kept);
            self.is_changing = true;
        }
    }

    /// The end of what [`Writer::changing`] has announced, if it has. It counts also if the publish has `failed`.
    pub(super) fn changed(&mut self, failed: bool) {
        let _ = failed;
        if self.is_changing {
            let (stamp, kept) = &mut self.stamp;
            or_mutant!(
                stamp.end(kept) => if failed { stamp.take_back(kept) } else { stamp.end(kept) },
                "stamp: a failed publish does not count"
            );
        }
    }

    /// Calls `alone` while no reader walks, and announces it as [`changing`](Self::changing) does: requests a stop, waits
    /// until each is idle or active without a walk, and clears the request after.
    ///
    /// Every walk under [`ReaderProtocol::CriticalSection`] that began before has then ended. A reader that never ends
    /// its walk blocks it for ever. `alone` may panic; it must not walk, nor wait for anything that a reader holds.
    ///
    /// # Errors
    /// `alone` was not called: a walk goes on and the publish is a
    /// [`Published::try_publish`](super::Published::try_publish), or the barrier pair failed. Walks are not stopped any
    /// more.
    pub fn stop<R>(&mut self, alone: impl FnOnce() -> R) -> Result<R, WaitError> {
        /// Lets readers go on when it is dropped, also out of a panic.
        struct EndStop<'p>(&'p Visited, &'p Chunks<'static, ReaderSlot>);
        impl Drop for EndStop<'_> {
            fn drop(&mut self) {
                drop(ClearRequests::<false>(self.0.end_stop(self.1)));
            }
        }
        self.let_readers_pass();
        let _end_stop = EndStop(self.visited, self.slots);
        let visit = self.visited.stop(self.slots);
        visit.for_each(|slot| slot.handshake().stop());
        // Pairs with the light half in `enter`, `try_enter_for_caches`, `enter_for_caches` and `wait_outside`: behind
        // it a reader loads the stop, or we load that it is active.
        or_mutant!(self.heavy()? => (), "stop: no barrier");
        visit.try_for_each(|slot| self.wait(|| slot.handshake().has_left()))?;
        // Behind the wait, so that readers remember their first zones until it is over.
        self.changing();
        Ok(alone())
    }

    /// Waits until the readers that the last stop held up have gone on, for some hundred microseconds at most: publishes
    /// without a pause would else leave them hardly a moment. Models and schedulers do without it: nothing relies on it.
    fn let_readers_pass(&self) {
        #[cfg(not(any(loom, shuttle)))]
        if self.may_block {
            self.visited.slots(self.slots).for_each(|slot| {
                let mut backoff = Backoff::default();
                let mut rounds = 0..PASSING;
                while slot.handshake().is_held_up() && rounds.next().is_some() {
                    backoff.wait();
                }
            });
        }
    }

    /// Runs the heavy half.
    pub(super) fn heavy(&self) -> Result<(), WaitError> {
        let ordered = (self.heavy)();
        or_mutant!(ordered? => (), "writer: a failed barrier passes");
        Ok(())
    }

    pub(super) fn wait(&self, done: impl Fn() -> bool) -> Result<(), WaitError> {
        wait(self.may_block, done)
    }
}

/// Rounds of a wait for a reader that a stop has held up: with `std` the last ones sleep, as the reader may do.
#[cfg(not(any(loom, shuttle)))]
const PASSING: u32 = 324;

/// Waits until `done` is true; without `may_block`, calls it once.
#[inline(always)]
pub(super) fn wait(may_block: bool, done: impl Fn() -> bool) -> Result<(), WaitError> {
    if done() { Ok(()) } else { wait_longer(may_block, done) }
}

#[cold]
fn wait_longer(may_block: bool, done: impl Fn() -> bool) -> Result<(), WaitError> {
    if !may_block {
        return Err(WaitError::Busy);
    }
    let mut backoff = Backoff::default();
    while !done() {
        backoff.wait();
    }
    Ok(())
}

/// Clears a publish's requests at all slots when it is dropped, also out of a panic: of the readers' handshakes, or of
/// those of per-CPU pages.
pub(super) struct ClearRequests<'p, const CACHES: bool>(pub(super) Visit<'p>);

impl<const CACHES: bool> Drop for ClearRequests<'_, CACHES> {
    #[inline]
    fn drop(&mut self) {
        self.0.for_each(|slot| match CACHES {
            false => slot.handshake().clear_publish_request(),
            true => slot.cache_handshake(ReaderProtocol::PerEntry).clear_publish_request(),
        });
    }
}
