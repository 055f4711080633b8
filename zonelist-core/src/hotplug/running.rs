//! A machine that runs: operations one at a time, each published.

use alloc::sync::Arc;

use super::{Change, Frames, HotplugError, Limit, Moved, Operation, State, undo::Undo};
use crate::{Locked, RawLock, Spin, publish::PublishError, sync::fault};

/// A machine whose memory comes and goes while readers walk its zonelists.
///
/// Operations may be called from any number of threads; each waits for the one before. Readers of
/// the lists go through [`RunningMachine::frames`] and wait as their scheme says; readers of
/// [`RunningMachine::state`] wait for a pointer to be copied, at most. Neither an operation nor `state` is for interrupts: `L` is held
/// while pages are moved, so a kernel takes a lock that sleeps.
///
/// `F` publishes the lists and hands out the pages.
#[derive(Debug)]
pub struct RunningMachine<F, L = Spin> {
    frames: F,
    /// Held throughout an operation.
    operating: Locked<(), L>,
    /// Held for no longer than it takes to copy or replace it.
    current: Locked<Current, L>,
}

/// The state as it is.
#[derive(Debug)]
struct Current {
    state: State,
    /// For those who look at it: made by the first of them, so that no operation needs memory for it.
    shown: Option<Arc<State>>,
}

impl<F: Frames> RunningMachine<F> {
    /// Publishes the lists of a machine that has booted.
    ///
    /// # Errors
    /// They can't be published.
    pub fn new(state: State, frames: F) -> Result<Self, PublishError> {
        Self::with_locks(state, frames, [Spin::new(), Spin::new()])
    }
}

impl<F: Frames, L: RawLock> RunningMachine<F, L> {
    /// The same, with locks of the caller's kind.
    ///
    /// # Errors
    /// They can't be published.
    pub fn with_locks(state: State, frames: F, [operating, current]: [L; 2]) -> Result<Self, PublishError> {
        frames.set_marks(&state);
        frames.publish(state.lists())?;
        let state = Current { state, shown: None };
        Ok(Self { frames, operating: Locked::new(operating, ()), current: Locked::new(current, state) })
    }

    /// The machine as it is: sizes, marks, reserves and all else of one state.
    ///
    /// The first who looks at a state makes the pointer, which takes some bytes of the heap.
    ///
    /// While an operation is under way this is the state before it or the one after, see the
    /// [module](super). If its lists then can't be published, the one after is taken back.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        let (state, shown) = self.current.with(|current| (current.state.clone(), current.shown.clone()));
        shown.unwrap_or_else(|| {
            let made = Arc::new(state);
            self.current.with(|current| match &current.shown {
                // Another was faster, or an operation was: then ours is of the state before.
                Some(shown) if current.state.0.is_same(&made.0) => Arc::clone(shown),
                None if current.state.0.is_same(&made.0) => Arc::clone(current.shown.insert(made)),
                _ => made,
            })
        })
    }

    fn now(&self) -> State {
        self.current.with(|current| current.state.clone())
    }

    /// Does an operation, and returns what it changed once all of it is published. Waits for no page that is in use.
    ///
    /// What it takes from the heap may not be there: that is an error (ENOMEM), as long as the scheme that publishes
    /// the lists does not reach for the heap itself ([`Facts::allocates`](crate::publish::Facts::allocates)).
    ///
    /// # Errors
    /// See [`State::after`]; also what `F` says, see [`Frames`]. The machine is then as it was.
    pub fn apply(&self, operation: &Operation) -> Result<Change, HotplugError> {
        self.apply_within(operation, &mut ())
    }

    /// The same, but waits for pages in use, if a block goes off line, for as long as the limit says.
    ///
    /// Other operations wait meanwhile.
    ///
    /// # Errors
    /// As for [`RunningMachine::apply`].
    pub fn apply_within(&self, operation: &Operation, limit: &mut dyn Limit) -> Result<Change, HotplugError> {
        self.operating.with(|()| {
            let before = self.now();
            let (after, change) = before.after(operation)?;
            match &change.moved {
                Some(moved) if moved.online => self.bring(&before, after, &change, moved)?,
                Some(moved) => self.remove(&before, after, &change, moved, limit)?,
                None => {
                    self.publish(&change)?;
                    self.replace(after);
                }
            }
            if let Operation::RemoveNode(node) = *operation {
                self.frames.forget(node);
            }
            Ok(change)
        })
    }

    /// Who publishes the lists and hands out the pages.
    #[must_use]
    pub fn frames(&self) -> &F {
        &self.frames
    }

    /// Marks first, then lists, then pages.
    fn bring(&self, before: &State, after: State, change: &Change, moved: &Moved) -> Result<(), HotplugError> {
        let &Moved { block, zone, ref frames, .. } = moved;
        self.frames.bring(zone, frames.clone()).map_err(|error| HotplugError::Frames { block, error })?;
        let brought = Undo::by(|| self.frames.release(zone, frames.clone()));
        if fault("hotplug: listed before it has marks") {
            self.publish(change)?;
        }
        let marked = Undo::by(|| self.replace(before.clone()));
        self.replace(after);
        self.publish(change)?;
        marked.keep();
        brought.keep();
        self.frames.give(zone, frames.clone());
        Ok(())
    }

    /// Pages first, then lists, then marks.
    fn remove(
        &self,
        before: &State,
        after: State,
        change: &Change,
        moved: &Moved,
        limit: &mut dyn Limit,
    ) -> Result<(), HotplugError> {
        let &Moved { block, zone, ref frames, .. } = moved;
        let taken = self.frames.take(before, zone, frames.clone(), limit);
        taken.map_err(|error| HotplugError::Frames { block, error })?;
        let taken = Undo::by(|| self.frames.give(zone, frames.clone()));
        if fault("hotplug: listed when its marks are gone") {
            self.replace(after.clone());
        }
        self.publish(change)?;
        taken.keep();
        self.frames.release(zone, frames.clone());
        self.replace(after);
        Ok(())
    }

    fn publish(&self, change: &Change) -> Result<(), PublishError> {
        match &change.rebuilt {
            Some(rebuilt) => self.frames.publish(&rebuilt.lists),
            None => Ok(()),
        }
    }

    fn replace(&self, state: State) {
        self.frames.set_marks(&state);
        let next = Current { state, shown: None };
        // The one before is dropped outside of the lock: it may be the last of it.
        drop(self.current.with(|current| core::mem::replace(current, next)));
    }
}
