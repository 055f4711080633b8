//! Tasks of threads that are stopped at one of their steps.

use std::boxed::Box;

use super::{
    fixture::{Fixture, NODE, OFFLINE},
    step,
};
use crate::{
    Request,
    ZoneKind::{Movable, Normal},
    ids::Order,
    publish::Scheme,
};

/// A task that a thread may be stopped in.
#[derive(Debug)]
pub struct Task<S: Scheme> {
    /// The name of the stopped thread, as the page has it.
    pub name: &'static str,
    prepare: for<'g> fn(&'g Fixture<S>) -> Box<dyn FnMut() + 'g>,
}

impl<S: Scheme> Clone for Task<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scheme> Copy for Task<S> {}

impl<S: Scheme> Task<S> {
    /// Prepares the task. The result does it, once, and owns all that it needs.
    #[must_use]
    pub fn prepare<'g>(&self, fixture: &'g Fixture<S>) -> Box<dyn FnMut() + 'g> {
        (self.prepare)(fixture)
    }
}

/// All tasks.
#[must_use]
pub fn tasks<S: Scheme>() -> [Task<S>; 5] {
    let task = |name, prepare| Task { name, prepare };
    [
        task("a stalled reader", reads),
        task("a stalled handle", allocates),
        task("a stalled publisher", publishes),
        task("a stalled drain", drains),
        task("a stalled operation", operates),
    ]
}

fn reads<S: Scheme>(fixture: &Fixture<S>) -> Box<dyn FnMut() + '_> {
    let filter = fixture.lists().filter(&Request::up_to(Movable));
    Box::new(move || {
        let mut reader = fixture.lists().reader().expect("a reader slot");
        step();
        let guard = reader.enter();
        step();
        guard.walk(NODE, &filter).for_each(|_| step());
        drop(guard);
        step();
        reader.quiescent();
        step();
        reader.offline(step);
    })
}

fn allocates<S: Scheme>(fixture: &Fixture<S>) -> Box<dyn FnMut() + '_> {
    let (mut local, requests) =
        (Some(fixture.local()), [fixture.prepared(Movable, Order::ZERO), fixture.prepared(Normal, Order::ZERO)]);
    Box::new(move || {
        let Some(mut local) = local.take() else { return };
        let pages = requests.each_ref().map(|prepared| local.alloc(NODE, prepared));
        pages.into_iter().flatten().for_each(|page| local.free(page).expect("an allocated page"));
    })
}

fn publishes<S: Scheme>(fixture: &Fixture<S>) -> Box<dyn FnMut() + '_> {
    Box::new(|| fixture.versions().for_each(|lists| _ = fixture.lists().publish(lists).expect("room")))
}

fn drains<S: Scheme>(fixture: &Fixture<S>) -> Box<dyn FnMut() + '_> {
    let local = fixture.with_pages(Movable);
    Box::new(move || {
        let _ = (&local, fixture.allocator().drain().expect("fences do not fail"));
    })
}

fn operates<S: Scheme>(fixture: &Fixture<S>) -> Box<dyn FnMut() + '_> {
    // The machine may refuse this operation, because of what the operation under test has allocated.
    Box::new(|| drop(fixture.running.apply(&OFFLINE)))
}
