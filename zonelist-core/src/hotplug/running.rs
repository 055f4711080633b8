//! A machine that runs: operations one at a time, each published.

use alloc::sync::Arc;
use core::ops::Range;

use super::{Change, HotplugError, Moved, Operation, State};
use crate::{
    Locked, RawLock, Request, Spin, ZoneId,
    publish::{Barrier, FullFence, PublishError, Published, Reader, ReaderError, Reclaim, Scheme},
    sync::fault,
};

/// Who hands out the pages. `()` stands for nobody: pages always come and go.
///
/// Called within an operation, so it must not do one itself.
pub trait Frames {
    /// Puts the pages of a block out of reach, whatever that takes, before their zone leaves the lists.
    ///
    /// # Errors
    /// A page that can't be moved. All pages are then in reach as they were.
    fn take(&self, zone: ZoneId, frames: Range<u64>) -> Result<(), Pinned>;

    /// Hands out pages from now on: they have come, and their zone is listed and has its marks; or they were taken
    /// and are to stay after all.
    fn give(&self, zone: ZoneId, frames: Range<u64>);
}

/// A page that can't be moved, and so keeps its block online.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pinned {
    /// The page's frame.
    pub pfn: u64,
}

impl Frames for () {
    fn take(&self, _: ZoneId, _: Range<u64>) -> Result<(), Pinned> {
        Ok(())
    }

    fn give(&self, _: ZoneId, _: Range<u64>) {}
}

/// A machine whose memory comes and goes while readers walk its zonelists.
///
/// Operations may be called from any number of threads; each waits for the one before. Readers of
/// the lists go through the scheme and wait as that says; readers of [`RunningMachine::state`] wait
/// for a pointer to be copied, at most. Neither an operation nor `state` is for interrupts: `L` is held
/// while pages are moved, so a kernel takes a lock that sleeps.
#[derive(Debug)]
pub struct RunningMachine<S, B = FullFence, F = (), L = Spin, const SEATS: usize = 64> {
    published: Published<S, B, SEATS>,
    frames: F,
    /// Held throughout an operation.
    operating: Locked<(), L>,
    /// Held for no longer than it takes to copy or replace the pointer.
    current: Locked<Arc<State>, L>,
}

impl<S: Scheme, B: Barrier, F: Frames, L: RawLock + Default, const SEATS: usize> RunningMachine<S, B, F, L, SEATS> {
    /// Publishes the lists of a machine that has booted.
    ///
    /// # Errors
    /// The scheme can't publish them.
    pub fn new(state: State, published: Published<S, B, SEATS>, frames: F) -> Result<Self, PublishError> {
        published.publish(state.lists())?;
        let current = Locked::new(L::default(), Arc::new(state));
        Ok(Self { published, frames, operating: Locked::new(L::default(), ()), current })
    }
}

impl<S: Scheme, B: Barrier, F: Frames, L: RawLock, const SEATS: usize> RunningMachine<S, B, F, L, SEATS> {
    /// The machine as it is: sizes, marks, reserves and all else of one state.
    ///
    /// While an operation is under way this is the state before it or the one after, see the
    /// [module](super). If its lists then can't be published, the one after is taken back.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.current.with(|state| Arc::clone(state))
    }

    /// Does an operation, and returns what it changed once all of it is published.
    ///
    /// # Errors
    /// See [`State::after`]; also what [`Frames::take`] and the scheme say. The machine is then as
    /// it was.
    pub fn apply(&self, operation: &Operation) -> Result<Change, HotplugError> {
        self.operating.with(|()| {
            let before = self.state();
            let (after, change) = before.after(operation)?;
            match &change.moved {
                Some(moved) if moved.online => self.bring(&before, after, &change, moved)?,
                Some(moved) => self.remove(after, &change, moved)?,
                None => {
                    self.publish(&change)?;
                    self.replace(Arc::new(after));
                }
            }
            Ok(change)
        })
    }

    /// Registers a reader of the lists, see [`Published::reader`].
    ///
    /// # Errors
    /// All seats are taken, or the barrier pair does not work on this system.
    pub fn reader(&self) -> Result<Reader<'_, S, B>, ReaderError> {
        self.published.reader()
    }

    /// A request in the scheme's form, see [`Published::filter`].
    #[must_use]
    pub fn filter(&self, request: &Request) -> S::Filter {
        self.published.filter(request)
    }

    /// Returns once every walk that began before the call has ended.
    pub fn synchronize(&self)
    where
        S: Reclaim,
    {
        self.published.synchronize();
    }

    /// Who hands out the pages.
    #[must_use]
    pub fn frames(&self) -> &F {
        &self.frames
    }

    /// Marks first, then lists, then pages.
    fn bring(&self, before: &Arc<State>, after: State, change: &Change, moved: &Moved) -> Result<(), HotplugError> {
        if fault("hotplug: listed before it has marks") {
            self.publish(change)?;
        }
        let marked = Undo::by(|| self.replace(Arc::clone(before)));
        self.replace(Arc::new(after));
        self.publish(change)?;
        marked.keep();
        self.frames.give(moved.zone, moved.frames.clone());
        Ok(())
    }

    /// Pages first, then lists, then marks.
    fn remove(&self, after: State, change: &Change, moved: &Moved) -> Result<(), HotplugError> {
        let taken = self.frames.take(moved.zone, moved.frames.clone());
        taken.map_err(|pinned| HotplugError::Pinned { block: moved.block, pinned })?;
        let taken = Undo::by(|| self.frames.give(moved.zone, moved.frames.clone()));
        if fault("hotplug: listed when its marks are gone") {
            self.replace(Arc::new(after.clone()));
        }
        self.publish(change)?;
        taken.keep();
        self.replace(Arc::new(after));
        Ok(())
    }

    fn publish(&self, change: &Change) -> Result<(), PublishError> {
        match &change.rebuilt {
            Some(rebuilt) => self.published.publish(&*rebuilt.lists).map(drop),
            None => Ok(()),
        }
    }

    fn replace(&self, next: Arc<State>) {
        // The one before is dropped outside of the lock: it may be the last of it.
        drop(self.current.with(|state| core::mem::replace(state, next)));
    }
}

/// Undoes a step when it goes, unless the step is to be kept: also out of a panic.
struct Undo<U: FnMut()>(Option<U>);

impl<U: FnMut()> Undo<U> {
    fn by(undo: U) -> Self {
        Self(Some(undo))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl<U: FnMut()> Drop for Undo<U> {
    fn drop(&mut self) {
        if let Some(undo) = &mut self.0 {
            undo();
        }
    }
}
