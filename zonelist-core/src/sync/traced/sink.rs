//! A compiler's reordering where a mutant has left a compiler fence out: the relaxed store before the fence sinks
//! behind the loads that follow it.
//!
//! A later store to the same word may sink along. Any other step of the thread ends the sinking: a store to another
//! word, a load of the same word, an exchange, a fence. The processor may run a heavy half's fence between the loads
//! and the store.

use std::{cell::RefCell, vec::Vec};

use super::{Late, SourceLocation, membarrier};

/// The next step of a thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Loads an atomic.
    Load(usize),
    /// Stores to an atomic.
    Store(usize),
    /// Accesses plain memory.
    Plain,
    /// Anything else.
    Other,
}

/// A store that has not taken effect.
struct Held {
    actor: usize,
    object: usize,
    place: SourceLocation,
    store: Late,
    /// True if the compiler fence behind the store was left out. Until that is known, the store is held back.
    sinks: bool,
}

std::thread_local! {
    static HELD: RefCell<Vec<Held>> = RefCell::default();
}

/// Begins an execution: no store is held.
pub(super) fn clear() {
    HELD.take();
}

/// Holds a store back.
pub(super) fn hold(actor: usize, object: usize, place: SourceLocation, store: Late) {
    let sinks = sinks(actor, object);
    HELD.with_borrow_mut(|held| held.push(Held { actor, object, place, store, sinks }));
}

/// True if a store of this thread to this atomic sinks: later stores to the same atomic then sink along.
pub(super) fn sinks(actor: usize, object: usize) -> bool {
    HELD.with_borrow(|held| held.iter().any(|held| held.sinks && (held.actor, held.object) == (actor, object)))
}

/// Leaves out the compiler fence behind the held stores of a thread: they sink.
pub(super) fn leave_fence_out(actor: usize) {
    HELD.with_borrow_mut(|held| held.iter_mut().filter(|held| held.actor == actor).for_each(|held| held.sinks = true));
}

/// Called before a step of a thread. Stores that do not sink behind that step take effect.
pub(super) fn before(actor: usize, next: Next) {
    let stays = |held: &Held| match next {
        Next::Load(object) => held.sinks && held.object != object,
        Next::Store(object) => held.sinks && held.object == object,
        Next::Plain => held.sinks,
        Next::Other => false,
    };
    let own = |held: &Held| held.actor == actor;
    // All or none: the stores of a thread take effect in the sequence in which they were made.
    if HELD.with_borrow(|all| all.iter().filter(|held| own(held)).all(stays)) {
        return;
    }
    let (held, others): (Vec<_>, _) = HELD.take().into_iter().partition(own);
    HELD.set(others);
    for Held { place, store, .. } in held {
        // The processor executes the store only now: a fence of membarrier may come before it.
        membarrier::before_access(actor, place);
        store();
    }
}

/// Ends an execution: all held stores take effect.
pub(super) fn end() {
    HELD.take().into_iter().for_each(|held| (held.store)());
}
