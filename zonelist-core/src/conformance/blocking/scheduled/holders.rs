//! What may be held, or going on, while an operation is done.

use std::{boxed::Box, cell::RefCell, vec::Vec};

use shuttle::thread;

use super::super::{
    Ground, Work,
    fixture::{NODE, OFFLINE},
    works,
};
use crate::{
    Mobility, PageRequest, Request, ZoneId,
    ZoneKind::{Movable, Normal},
    publish::Scheme,
    sync::control::Control,
};

/// Something that is held.
pub(super) struct Holder<S: Scheme> {
    pub(super) name: &'static str,
    pub(super) held: Held<S>,
}

/// How it is held.
pub(super) enum Held<S: Scheme> {
    /// A thread is stopped at some step of its work.
    Stopped(Work<S>),
    /// A thread holds something until it may let go.
    Elsewhere(fn(&Ground<S>)),
    /// The process forks while a thread is stopped at some step of its work. The operation is done in the child.
    Forked(Work<S>),
    /// The thread itself that does the operation.
    Here(fn(&Ground<S>, &mut dyn FnMut())),
}

impl<S: Scheme> Clone for Holder<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scheme> Copy for Holder<S> {}

impl<S: Scheme> Clone for Held<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scheme> Copy for Held<S> {}

/// All that may be held.
pub(super) fn holders<S: Scheme>() -> Vec<Holder<S>> {
    let holder = |name, held| Holder { name, held };
    let held = [
        holder("a guard of the same thread", Held::Here(own_guard)),
        holder("the same, which a publish waits for", Held::Here(own_guard_that_is_waited_for)),
        holder("another thread's walk", Held::Elsewhere(walk)),
        holder("a publisher that waits", Held::Elsewhere(waiting_publisher)),
        holder("within a low-mark callback", Held::Here(callback)),
        holder("an offline under way", Held::Elsewhere(offline)),
    ];
    let stopped = works().map(|work| holder(work.name, Held::Stopped(work)));
    // One column for all that another thread may have been amid.
    let forked = works().map(|work| holder("a forked child", Held::Forked(work)));
    held.into_iter().chain(stopped).chain(forked).collect()
}

/// Turns that a thread gives way: many more than a publish has steps that waits for nothing.
const TURNS: usize = 1000;

/// Whether something that another thread does goes on for as long as can be seen.
fn lasts(thread: &thread::ScopedJoinHandle<'_, ()>) -> bool {
    (0..TURNS).for_each(|_| thread::yield_now());
    !thread.is_finished()
}

/// Says that something is held, and waits until it may be let go.
fn hold() {
    Control::with(|control| control.held = true);
    while !Control::with(|control| control.released) {
        thread::yield_now();
    }
}

fn publish<S: Scheme>(ground: &Ground<S>) {
    ground.versions().for_each(|lists| _ = ground.lists().publish(lists).expect("room"));
}

fn own_guard<S: Scheme>(ground: &Ground<S>, op: &mut dyn FnMut()) {
    let mut reader = ground.lists().reader().expect("a reader slot");
    let filter = ground.lists().filter(&Request::up_to(Movable));
    let guard = reader.enter();
    let mut walk = guard.walk(NODE, &filter);
    walk.next();
    op();
    walk.for_each(drop);
}

fn own_guard_that_is_waited_for<S: Scheme>(ground: &Ground<S>, op: &mut dyn FnMut()) {
    let mut reader = ground.lists().reader().expect("a reader slot");
    thread::scope(|scope| {
        let guard = reader.enter();
        let publisher = scope.spawn(|| publish(ground));
        if lasts(&publisher) {
            op();
        }
        drop(guard);
        reader.offline(|| publisher.join().expect("it ends"));
    });
}

fn walk<S: Scheme>(ground: &Ground<S>) {
    let mut reader = ground.lists().reader().expect("a reader slot");
    let filter = ground.lists().filter(&Request::up_to(Movable));
    let guard = reader.enter();
    let mut walk = guard.walk(NODE, &filter);
    walk.next();
    hold();
    walk.for_each(drop);
}

fn waiting_publisher<S: Scheme>(ground: &Ground<S>) {
    let mut reader = ground.lists().reader().expect("a reader slot");
    thread::scope(|scope| {
        let guard = reader.enter();
        let publisher = scope.spawn(|| publish(ground));
        if lasts(&publisher) {
            hold();
        } else {
            Control::with(|control| control.past = true);
        }
        drop(guard);
        reader.offline(|| publisher.join().expect("it ends"));
    });
}

fn offline<S: Scheme>(ground: &Ground<S>) {
    let mut local = ground.local();
    let mut page = Some(local.alloc(NODE, &ground.class(Movable, 0)).expect("a page"));
    let mut limit = || {
        if Control::with(|control| control.released) {
            page.take().into_iter().for_each(|page| local.free(page).expect("it was handed out"));
        }
        Control::with(|control| control.held = true);
        thread::yield_now();
        Ok(())
    };
    // It may be refused for what the operation beside it has taken.
    drop(ground.running.apply_within(&OFFLINE, &mut limit));
    Control::with(|control| control.past = !control.held);
}

std::thread_local! {
    /// What is done when a zone falls below its low mark, once.
    static ON_LOW: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// What the allocator calls for a zone that falls below its low mark.
pub(super) fn on_low(_: ZoneId, _: usize) {
    ON_LOW.take().into_iter().for_each(|call| call());
}

/// Does something if a zone falls below its low mark within something else.
fn when_low(what: &mut dyn FnMut(), falls: impl FnOnce()) {
    // SAFETY: it is taken or forgotten before this returns.
    let what = unsafe { core::mem::transmute::<&mut dyn FnMut(), &'static mut (dyn FnMut() + 'static)>(what) };
    ON_LOW.set(Some(Box::new(what)));
    falls();
    ON_LOW.set(None);
}

fn callback<S: Scheme>(ground: &Ground<S>, op: &mut dyn FnMut()) {
    let request = PageRequest::up_to(Normal).mobility(Mobility::Movable);
    let class = ground.allocator().prepare(&request).expect("an order");
    let (mut local, mut done) = (ground.local(), false);
    while !done {
        let within = &mut || {
            done = true;
            op();
        };
        when_low(within, || _ = local.alloc(NODE, &class).expect("it falls before it is empty"));
    }
}
