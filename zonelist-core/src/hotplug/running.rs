//! A machine that runs: operations one at a time, each published.

use alloc::sync::Arc;

use super::{Change, Frames, HotplugError, Limit, Moved, Operation, State, undo::Undo};
use crate::{
    Locked, RawLock, Spin,
    publish::PublishError,
    sync::{
        fault, this_thread,
        unmodelled::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

/// A machine whose memory comes and goes while readers walk its zonelists.
///
/// Operations may be called from any number of threads; each waits for the one before. Readers of
/// the lists go through [`RunningMachine::frames`] and wait as their scheme says; readers of
/// [`RunningMachine::state`] wait for a pointer to be copied, at most. Neither an operation nor `state` is for interrupts: `L` is held
/// while pages are moved, so a kernel takes a lock that sleeps.
///
/// What is called within an operation, such as a mover of pages, may not do another one, which is refused.
/// What [`PageAllocator::on_low`](crate::PageAllocator::on_low) calls may: of what an operation itself
/// allocates, that call comes behind the operation.
///
/// `F` publishes the lists and hands out the pages.
#[derive(Debug)]
pub struct RunningMachine<F, L = Spin> {
    pub(super) frames: F,
    /// Held throughout an operation.
    pub(super) operating: Locked<(), L>,
    /// The thread that has an operation under way; 0 for none, or where threads can't be told apart.
    operator: AtomicUsize,
    /// Whether a fork has cut an operation short.
    pub(super) forked: AtomicBool,
    /// Held for no longer than it takes to copy or replace it.
    pub(super) current: Locked<Current, L>,
}

/// The state as it is.
#[derive(Debug)]
pub(super) struct Current {
    state: State,
    /// For those who look at it: made by the first of them, so that no operation needs memory for it. A fork amid
    /// [`RunningMachine::replace`] may leave that of another state here, which is not shown.
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
        let (operating, current) = (Locked::new(operating, ()), Locked::new(current, Current { state, shown: None }));
        Ok(Self { frames, operating, operator: AtomicUsize::new(0), forked: AtomicBool::new(false), current })
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
        shown.filter(|shown| shown.0.is_same(&state.0)).unwrap_or_else(|| {
            let made = Arc::new(state);
            self.current.with(|current| match &current.shown {
                // An operation was faster: ours is of the state before.
                _ if !current.state.0.is_same(&made.0) => made,
                // Another thread was.
                Some(shown) if shown.0.is_same(&made.0) => Arc::clone(shown),
                _ => Arc::clone(current.shown.insert(made)),
            })
        })
    }

    fn now(&self) -> State {
        self.current.with(|current| current.state.clone())
    }

    /// Does an operation, and returns what it changed once all of it is published. Waits for no page that is in use,
    /// but for operations that other threads have under way; and as publishing does, for readers where the scheme has to.
    ///
    /// What it takes from the heap may not be there: that is an error (ENOMEM), as long as the scheme that publishes
    /// the lists does not reach for the heap itself ([`Facts::allocates`](crate::publish::Facts::allocates)).
    ///
    /// # Errors
    /// See [`State::after`]; also what `F` says, see [`Frames`]. The machine is then as it was. An operation from
    /// within another one, by the same thread, is [`HotplugError::Nested`]; without the feature `std` threads can't
    /// be told apart, and it waits for ever.
    pub fn apply(&self, operation: &Operation) -> Result<Change, HotplugError> {
        self.apply_within(operation, &mut ())
    }

    /// The same, unless another operation is under way. Still waits for readers, where publishing has to.
    ///
    /// # Errors
    /// As for [`RunningMachine::apply`], or [`HotplugError::Operating`].
    pub fn try_apply(&self, operation: &Operation) -> Result<Change, HotplugError> {
        self.may_operate()?;
        let tried = self.operating.try_with(|()| self.operate(operation, &mut ()));
        let outcome = tried.ok_or(HotplugError::Operating)?;
        self.frames.operated();
        outcome
    }

    /// The same as [`RunningMachine::apply`], but waits for pages in use, if a block goes off line, for as long as the
    /// limit says.
    ///
    /// Other operations wait meanwhile.
    ///
    /// # Errors
    /// As for [`RunningMachine::apply`].
    pub fn apply_within(&self, operation: &Operation, limit: &mut dyn Limit) -> Result<Change, HotplugError> {
        self.may_operate()?;
        let outcome = self.operating.with(|()| self.operate(operation, limit));
        self.frames.operated();
        outcome
    }

    /// Says that no thread has an operation under way.
    pub(super) fn forget_operator(&self) {
        self.operator.store(0, Relaxed);
    }

    fn may_operate(&self) -> Result<(), HotplugError> {
        if this_thread().is_some_and(|this| this == self.operator.load(Relaxed)) {
            return Err(HotplugError::Nested);
        }
        if self.forked.load(Relaxed) { Err(HotplugError::Forked) } else { Ok(()) }
    }

    /// With the lock of operations held.
    fn operate(&self, operation: &Operation, limit: &mut dyn Limit) -> Result<Change, HotplugError> {
        let _operator = Operator::new(&self.operator);
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
        // The lists are without the zone: from here on the operation is done, also if the next step panics.
        let _done = Undo::by(|| self.replace(after.clone()));
        self.frames.release(zone, frames.clone());
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

/// The thread that has an operation under way, until this goes.
struct Operator<'o>(&'o AtomicUsize);

impl<'o> Operator<'o> {
    fn new(operator: &'o AtomicUsize) -> Self {
        // Only the thread itself finds its own number there, so that nothing is ordered by it.
        operator.store(this_thread().unwrap_or(0), Relaxed);
        Self(operator)
    }
}

impl Drop for Operator<'_> {
    fn drop(&mut self) {
        self.0.store(0, Relaxed);
    }
}
