//! A running machine: one operation at a time, each published.

use alloc::sync::Arc;

use super::{
    deadline::Deadline,
    error::HotplugError,
    operation::{BlockChange, Change, Operation},
    provider::PageProvider,
    state::State,
    undo::Undo,
};
use crate::{
    locking::{Locked, RawLock, Spin},
    publish::PublishError,
    sync::{
        or_mutant, this_thread,
        unmodelled::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

/// A machine whose memory, nodes and CPUs change while readers walk its zonelists.
///
/// Operations may be called from any number of threads; each waits for the one before. Readers of the lists use
/// [`RunningMachine::provider`] and wait as their scheme says. Readers of [`RunningMachine::state`] wait at most for
/// the copy of a pointer. Neither an operation nor `state` is for interrupts: `L` is held while pages migrate, so a
/// kernel uses a lock that sleeps.
///
/// Code that an operation calls, such as a [`Migrate`](crate::page_alloc::Migrate) callback, may not start another operation, which
/// is refused. The callback of [`PageAllocator::on_low`](crate::PageAllocator::on_low) may start one: for allocations
/// of the operation itself it is called after the operation.
///
/// `F` is the page provider: it publishes the lists and manages the pages.
#[derive(Debug)]
pub struct RunningMachine<F, L = Spin> {
    provider: F,
    /// Held throughout an operation.
    pub(super) operation_lock: Locked<(), L>,
    /// The thread whose operation is in progress; 0 for none, or where threads can't be distinguished.
    operation_thread: AtomicUsize,
    /// True in the child of a fork that cut an operation short.
    pub(super) forked: AtomicBool,
    /// Locked only while it is copied or replaced.
    pub(super) current: Locked<Current, L>,
}

/// The current state.
#[derive(Debug)]
pub(super) struct Current {
    state: State,
    /// The pointer that readers get. The first reader creates it, so that no operation needs memory for it. A fork
    /// during [`RunningMachine::replace`] may leave the pointer to another state here, which readers do not get.
    shared: Option<Arc<State>>,
}

impl<F: PageProvider> RunningMachine<F> {
    /// Publishes the lists of a machine that has booted.
    ///
    /// # Errors
    /// The lists can't be published.
    pub fn new(state: State, provider: F) -> Result<Self, PublishError> {
        Self::with_locks(state, provider, [Spin::new(), Spin::new()])
    }
}

impl<F: PageProvider, L: RawLock> RunningMachine<F, L> {
    /// The same as [`RunningMachine::new`], with locks of the caller's kind: for operations and for the state.
    ///
    /// # Errors
    /// The lists can't be published.
    pub fn with_locks(state: State, provider: F, [operation, current]: [L; 2]) -> Result<Self, PublishError> {
        // A listed zone always has watermarks, so these are set before the lists are published.
        provider.set_watermarks(&state);
        provider.publish(state.lists())?;
        Ok(Self {
            provider,
            operation_lock: Locked::new(operation, ()),
            operation_thread: AtomicUsize::new(0),
            forked: AtomicBool::new(false),
            current: Locked::new(current, Current { state, shared: None }),
        })
    }

    /// The current state: sizes, watermarks, reserves and lists that belong together.
    ///
    /// The first call for a state allocates its pointer, some bytes of the heap.
    ///
    /// While an operation is in progress this is the state before it or the one after it, see the [module](super). If
    /// the lists of the state after it can't be published, the state before it becomes current again.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        let (state, shared) = self.current.with(|current| (current.state.clone(), current.shared.clone()));
        shared.filter(|shared| shared.0.is_same(&state.0)).unwrap_or_else(|| {
            // Allocated outside of the lock, so another thread may have changed what it protects.
            let new = Arc::new(state);
            self.current.with(|current| match &current.shared {
                // An operation replaced the state: the new pointer is to the state before it, and not kept.
                _ if !current.state.0.is_same(&new.0) => new,
                // Another reader has stored a pointer to the same state: all readers get that one.
                Some(shared) if shared.0.is_same(&new.0) => Arc::clone(shared),
                _ => Arc::clone(current.shared.insert(new)),
            })
        })
    }

    fn current_state(&self) -> State {
        self.current.with(|current| current.state.clone())
    }

    /// Performs an operation, and returns what it changed once all of it is published.
    ///
    /// It waits for operations of other threads and, where the scheme has to, for readers; not for pages in use.
    ///
    /// A heap without room is an error (`ENOMEM`), unless the scheme itself allocates when it publishes
    /// ([`Facts::allocates`](crate::publish::Facts::allocates)).
    ///
    /// # Errors
    /// Those of [`State::after`] and of the page provider, see [`PageProvider`]. The machine is then as before. An
    /// operation within another one, by the same thread, is [`HotplugError::Nested`]. Without the feature `std` threads
    /// can't be distinguished, and it waits for ever.
    pub fn apply(&self, operation: &Operation) -> Result<Change, HotplugError> {
        self.apply_within(operation, &mut ())
    }

    /// The same as [`RunningMachine::apply`], unless another operation is in progress. It still waits for readers,
    /// where publishing has to.
    ///
    /// # Errors
    /// As for [`RunningMachine::apply`], or [`HotplugError::InProgress`].
    pub fn try_apply(&self, operation: &Operation) -> Result<Change, HotplugError> {
        self.check_may_operate()?;
        let tried = self.operation_lock.try_with(|()| self.operate(operation, &mut ()));
        let outcome = tried.ok_or(HotplugError::InProgress)?;
        self.provider.operation_finished();
        outcome
    }

    /// The same as [`RunningMachine::apply`], but waits for the pages in use of a block that goes offline, until the
    /// limit says stop. Other operations wait meanwhile.
    ///
    /// # Errors
    /// As for [`RunningMachine::apply`]. If pages are still in use when the limit says stop,
    /// [`ProviderError::InUse`](super::ProviderError::InUse) within it: the machine is as before, except that some pages
    /// may have migrated, and the operation can be tried again.
    pub fn apply_within(&self, operation: &Operation, deadline: &mut dyn Deadline) -> Result<Change, HotplugError> {
        self.check_may_operate()?;
        let outcome = self.operation_lock.with(|()| self.operate(operation, deadline));
        self.provider.operation_finished();
        outcome
    }

    /// Records that no thread has an operation in progress.
    pub(super) fn clear_operation_thread(&self) {
        self.operation_thread.store(0, Relaxed);
    }

    /// Refuses an operation within another one of the same thread, and any operation after a fork cut one short.
    fn check_may_operate(&self) -> Result<(), HotplugError> {
        // Relaxed: only this thread stores its own number, so it reads its own store, or finds another number or 0.
        if this_thread().is_some_and(|this| this == self.operation_thread.load(Relaxed)) {
            return Err(HotplugError::Nested);
        }
        // Relaxed: `after_fork` stores the flag while it is the child's only thread, and the spawn of others orders it.
        if self.forked.load(Relaxed) { Err(HotplugError::Forked) } else { Ok(()) }
    }

    /// Performs an operation, with the operation lock held.
    fn operate(&self, operation: &Operation, deadline: &mut dyn Deadline) -> Result<Change, HotplugError> {
        let _thread = OperationThread::record(&self.operation_thread);
        let before = self.current_state();
        let (after, change) = before.after(operation)?;
        match &change.block_change {
            Some(block) if block.online => self.online(&before, after, &change, block)?,
            Some(block) => self.offline(&before, after, &change, block, deadline)?,
            // No pages change: only lists, watermarks or node sets do.
            None => {
                self.publish(&change)?;
                self.replace(after);
            }
        }
        if let Operation::RemoveNode(node) = *operation {
            self.provider.remove_node(node);
        }
        Ok(change)
    }

    /// The page provider.
    #[must_use]
    pub fn provider(&self) -> &F {
        &self.provider
    }

    /// Puts memory online: watermarks first, then lists, then pages. Each step is undone if a later one fails or
    /// panics.
    fn online(
        &self,
        before: &State,
        after: State,
        change: &Change,
        block_change: &BlockChange,
    ) -> Result<(), HotplugError> {
        let &BlockChange { block, zone, ref frames, .. } = block_change;
        // Isolated: no page can be allocated before the zone is listed.
        self.provider.prepare_online(zone, frames.clone()).map_err(|error| HotplugError::Provider { block, error })?;
        let prepared = Undo::by(|| self.provider.offline(zone, frames.clone()));
        or_mutant!(=> self.publish(change)?, "hotplug: listed before it has watermarks");
        let replaced = Undo::by(|| self.replace(before.clone()));
        self.replace(after);
        self.publish(change)?;
        // The zone is listed: nothing can fail from here on.
        replaced.keep();
        prepared.keep();
        self.provider.finish_online(zone, frames.clone());
        Ok(())
    }

    /// Puts memory offline: pages first, then lists, then watermarks. The pages can be allocated again if the lists
    /// can't be published.
    fn offline(
        &self,
        before: &State,
        after: State,
        change: &Change,
        block_change: &BlockChange,
        deadline: &mut dyn Deadline,
    ) -> Result<(), HotplugError> {
        let &BlockChange { block, zone, ref frames, .. } = block_change;
        let isolated = self.provider.isolate(before, zone, frames.clone(), deadline);
        isolated.map_err(|error| HotplugError::Provider { block, error })?;
        let isolated = Undo::by(|| self.provider.finish_online(zone, frames.clone()));
        or_mutant!(=> self.replace(after.clone()), "hotplug: listed when its watermarks are gone");
        self.publish(change)?;
        isolated.keep();
        // The lists are published: from here on the operation is done, also if the next step panics. The guard drops
        // after the provider's `offline`: sizes and watermarks change last.
        let _replaced = Undo::by(|| self.replace(after.clone()));
        self.provider.offline(zone, frames.clone());
        Ok(())
    }

    fn publish(&self, change: &Change) -> Result<(), PublishError> {
        match &change.rebuilt {
            Some(rebuilt) => self.provider.publish(&rebuilt.lists),
            None => Ok(()),
        }
    }

    /// Makes a state current, its watermarks first.
    fn replace(&self, state: State) {
        self.provider.set_watermarks(&state);
        let next = Current { state, shared: None };
        // Dropped outside of the lock: this may be the last reference to the old state, and its drop takes time.
        drop(self.current.with(|current| core::mem::replace(current, next)));
    }
}

/// Records the thread of an operation until dropped.
struct OperationThread<'o>(&'o AtomicUsize);

impl<'o> OperationThread<'o> {
    fn record(thread: &'o AtomicUsize) -> Self {
        // Relaxed: only this thread compares the number with its own, in `check_may_operate`.
        thread.store(this_thread().unwrap_or(0), Relaxed);
        Self(thread)
    }
}

impl Drop for OperationThread<'_> {
    fn drop(&mut self) {
        self.0.store(0, Relaxed);
    }
}
