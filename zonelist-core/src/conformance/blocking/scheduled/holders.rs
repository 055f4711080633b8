//! Everything that may be held, or be in progress, during an operation.

use std::{boxed::Box, cell::RefCell, vec::Vec};

use shuttle::thread;

use super::super::{
    Fixture, Task,
    fixture::{NODE, OFFLINE},
    tasks::tasks,
};
use crate::{
    Mobility, PageRequest, Request, ZoneId,
    ZoneKind::{Movable, Normal},
    ids::Order,
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
    /// A thread is stopped at one of its steps.
    Stopped(Task<S>),
    /// Another thread holds something until the release.
    ByOther(fn(&Fixture<S>)),
    /// The process forks while a thread is stopped at one of its steps. The operation runs in the child.
    Forked(Task<S>),
    /// The thread that does the operation holds something itself.
    BySame(fn(&Fixture<S>, &mut dyn FnMut())),
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
        holder("a guard of the same thread", Held::BySame(own_guard)),
        holder("the same, which a publish waits for", Held::BySame(own_guard_that_is_waited_for)),
        holder("another thread's walk", Held::ByOther(walk)),
        holder("a publisher that waits", Held::ByOther(waiting_publisher)),
        holder("within a low-watermark callback", Held::BySame(callback)),
        holder("an offline in progress", Held::ByOther(offline)),
    ];
    let stopped = tasks().map(|task| holder(task.name, Held::Stopped(task)));
    // The forks during all tasks share one column.
    let forked = tasks().map(|task| holder("a forked child", Held::Forked(task)));
    held.into_iter().chain(stopped).chain(forked).collect()
}

/// Yields of a thread: many more than a publish that waits for nothing has steps.
const YIELDS: usize = 1000;

/// True if the thread has not ended after many yields.
fn lasts(thread: &thread::ScopedJoinHandle<'_, ()>) -> bool {
    (0..YIELDS).for_each(|_| thread::yield_now());
    !thread.is_finished()
}

/// Reports that something is held, and waits for the release.
fn hold() {
    Control::with(|control| control.held = true);
    while !Control::with(|control| control.released) {
        thread::yield_now();
    }
}

fn publish<S: Scheme>(fixture: &Fixture<S>) {
    fixture.versions().for_each(|lists| _ = fixture.lists().publish(lists).expect("room"));
}

fn own_guard<S: Scheme>(fixture: &Fixture<S>, op: &mut dyn FnMut()) {
    let mut reader = fixture.lists().reader().expect("a reader slot");
    let filter = fixture.lists().filter(&Request::up_to(Movable));
    let guard = reader.enter();
    let mut walk = guard.walk(NODE, &filter);
    walk.next();
    op();
    walk.for_each(drop);
}

fn own_guard_that_is_waited_for<S: Scheme>(fixture: &Fixture<S>, op: &mut dyn FnMut()) {
    let mut reader = fixture.lists().reader().expect("a reader slot");
    thread::scope(|scope| {
        let guard = reader.enter();
        let publisher = scope.spawn(|| publish(fixture));
        if lasts(&publisher) {
            op();
        }
        drop(guard);
        reader.offline(|| publisher.join().expect("it ends"));
    });
}

fn walk<S: Scheme>(fixture: &Fixture<S>) {
    let mut reader = fixture.lists().reader().expect("a reader slot");
    let filter = fixture.lists().filter(&Request::up_to(Movable));
    let guard = reader.enter();
    let mut walk = guard.walk(NODE, &filter);
    walk.next();
    hold();
    walk.for_each(drop);
}

fn waiting_publisher<S: Scheme>(fixture: &Fixture<S>) {
    let mut reader = fixture.lists().reader().expect("a reader slot");
    thread::scope(|scope| {
        let guard = reader.enter();
        let publisher = scope.spawn(|| publish(fixture));
        if lasts(&publisher) {
            hold();
        } else {
            Control::with(|control| control.past = true);
        }
        drop(guard);
        reader.offline(|| publisher.join().expect("it ends"));
    });
}

fn offline<S: Scheme>(fixture: &Fixture<S>) {
    let mut local = fixture.local();
    let mut page = Some(local.alloc(NODE, &fixture.prepared(Movable, Order::ZERO)).expect("a page"));
    let mut deadline = || {
        if Control::with(|control| control.released) {
            page.take().into_iter().for_each(|page| local.free(page).expect("an allocated page"));
        }
        Control::with(|control| control.held = true);
        thread::yield_now();
        Ok(())
    };
    // The machine may refuse this operation, because of what the operation under test has allocated.
    drop(fixture.running.apply_within(&OFFLINE, &mut deadline));
    Control::with(|control| control.past = !control.held);
}

std::thread_local! {
    /// The call to make once, when a zone falls below its low watermark.
    static ON_LOW: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// The allocator calls this for a zone that falls below its low watermark.
pub(super) fn on_low(_: ZoneId, _: usize) {
    ON_LOW.take().into_iter().for_each(|call| call());
}

/// Calls `what` if a zone falls below its low watermark within `falls`.
fn when_low(what: &mut dyn FnMut(), falls: impl FnOnce()) {
    // SAFETY: the reference is not used after this function returns: `ON_LOW` is empty then.
    let what = unsafe { core::mem::transmute::<&mut dyn FnMut(), &'static mut (dyn FnMut() + 'static)>(what) };
    ON_LOW.set(Some(Box::new(what)));
    falls();
    ON_LOW.set(None);
}

fn callback<S: Scheme>(fixture: &Fixture<S>, op: &mut dyn FnMut()) {
    let request = PageRequest::up_to(Normal).mobility(Mobility::Movable);
    let prepared = fixture.allocator().prepare(&request);
    let (mut local, mut done) = (fixture.local(), false);
    while !done {
        let within = &mut || {
            done = true;
            op();
        };
        when_low(within, || {
            _ = local.alloc(NODE, &prepared).expect("the zone falls below its low watermark before it is empty")
        });
    }
}
