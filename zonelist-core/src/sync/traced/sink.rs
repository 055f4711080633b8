//! What a compiler may do where a mutant has left a compiler fence out: the relaxed store before the fence sinks
//! behind all loads that follow it.
//!
//! A store to the same word may follow it there, and whatever else the thread does ends it: a store to another word, a
//! load of this one, an exchange, a fence. Between the loads and the store the processor may run a heavy half's fence.

use std::{cell::RefCell, vec::Vec};

use super::{CodeLocation, Late, membarrier};

/// What a thread does next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Loads an atomic.
    Load(usize),
    /// Stores to an atomic.
    Store(usize),
    /// Touches plain memory.
    Plain,
    /// Anything else.
    Other,
}

/// A store that has not taken effect.
struct Held {
    actor: usize,
    object: usize,
    place: CodeLocation,
    store: Late,
    /// Whether the compiler fence behind it was left out. Till that is known, it waits for the thread's next step.
    sinks: bool,
}

std::thread_local! {
    static HELD: RefCell<Vec<Held>> = RefCell::default();
}

/// Nothing is held.
pub(super) fn clear() {
    HELD.take();
}

/// Keeps a store back.
pub(super) fn hold(actor: usize, object: usize, place: CodeLocation, store: Late) {
    let sinks = sinks(actor, object);
    HELD.with_borrow_mut(|held| held.push(Held { actor, object, place, store, sinks }));
}

/// Whether a store to that atomic sinks, and others to it with it.
pub(super) fn sinks(actor: usize, object: usize) -> bool {
    HELD.with_borrow(|held| held.iter().any(|held| held.sinks && (held.actor, held.object) == (actor, object)))
}

/// The compiler fence behind what is held is left out.
pub(super) fn leave_fence_out(actor: usize) {
    HELD.with_borrow_mut(|held| held.iter_mut().filter(|held| held.actor == actor).for_each(|held| held.sinks = true));
}

/// Before a step: stores take effect that do not sink behind it.
pub(super) fn before(actor: usize, next: Next) {
    let stays = |held: &Held| match next {
        Next::Load(object) => held.sinks && held.object != object,
        Next::Store(object) => held.sinks && held.object == object,
        Next::Plain => held.sinks,
        Next::Other => false,
    };
    let its = |held: &Held| held.actor == actor;
    if HELD.with_borrow(|all| all.iter().filter(|held| its(held)).all(stays)) {
        return;
    }
    let (its, others): (Vec<_>, _) = HELD.take().into_iter().partition(its);
    HELD.set(others);
    for Held { place, store, .. } in its {
        // The processor comes by it only now.
        membarrier::before_access(actor, place);
        store();
    }
}

/// At the end of an execution: all take effect.
pub(super) fn end() {
    HELD.take().into_iter().for_each(|held| (held.store)());
}
