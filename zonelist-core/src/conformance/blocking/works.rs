//! What a thread does that is stopped somewhere.

use std::boxed::Box;

use super::{
    fixture::{Ground, NODE, OFFLINE},
    step,
};
use crate::{
    Request,
    ZoneKind::{Movable, Normal},
    publish::Scheme,
};

/// Something to be stopped amid.
#[derive(Debug)]
pub struct Work<S: Scheme> {
    /// What the stopped thread is called by.
    pub name: &'static str,
    prepare: for<'g> fn(&'g Ground<S>) -> Box<dyn FnMut() + 'g>,
}

impl<S: Scheme> Clone for Work<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scheme> Copy for Work<S> {}

impl<S: Scheme> Work<S> {
    /// What is to be done, once, with all that it needs: that goes only with it.
    #[must_use]
    pub fn prepare<'g>(&self, ground: &'g Ground<S>) -> Box<dyn FnMut() + 'g> {
        (self.prepare)(ground)
    }
}

/// All of them.
#[must_use]
pub fn works<S: Scheme>() -> [Work<S>; 5] {
    let work = |name, prepare| Work { name, prepare };
    [
        work("a stalled reader", reads),
        work("a stalled handle", allocates),
        work("a stalled publisher", publishes),
        work("a stalled drain", drains),
        work("a stalled operation", operates),
    ]
}

fn reads<S: Scheme>(ground: &Ground<S>) -> Box<dyn FnMut() + '_> {
    let filter = ground.lists().filter(&Request::up_to(Movable));
    Box::new(move || {
        let mut reader = ground.lists().reader().expect("a reader slot");
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

fn allocates<S: Scheme>(ground: &Ground<S>) -> Box<dyn FnMut() + '_> {
    let (mut local, classes) = (Some(ground.local()), [ground.class(Movable, 0), ground.class(Normal, 0)]);
    Box::new(move || {
        let Some(mut local) = local.take() else { return };
        let pages = classes.each_ref().map(|class| local.alloc(NODE, class));
        pages.into_iter().flatten().for_each(|page| local.free(page).expect("it was handed out"));
    })
}

fn publishes<S: Scheme>(ground: &Ground<S>) -> Box<dyn FnMut() + '_> {
    Box::new(|| ground.versions().for_each(|lists| _ = ground.lists().publish(lists).expect("room")))
}

fn drains<S: Scheme>(ground: &Ground<S>) -> Box<dyn FnMut() + '_> {
    let local = ground.with_pages(Movable);
    Box::new(move || {
        let _ = (&local, ground.allocator().drain().expect("fences do not fail"));
    })
}

fn operates<S: Scheme>(ground: &Ground<S>) -> Box<dyn FnMut() + '_> {
    // It may be refused for what the operation beside it has taken.
    Box::new(|| drop(ground.running.apply(&OFFLINE)))
}
