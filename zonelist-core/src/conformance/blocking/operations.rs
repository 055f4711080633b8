//! Every public operation that may wait, under the names that the page has.

use std::{boxed::Box, vec, vec::Vec};

use super::fixture::{Fixture, MOVABLE, NODE, OFFLINE, ONLINE};
use crate::{
    Mobility, PageRequest, Request,
    ZoneKind::{Movable, Normal},
    Zonelists,
    hotplug::{Change, HotplugError},
    ids::Order,
    page_alloc::{TryAllocError, TryFreeError},
    publish::{PublishError, ReaderSlots, Scheme, Standard, WaitError, Walk, ZonePresence},
    zone::Urgency,
};

/// The observer of an operation.
pub trait OperationObserver {
    /// The operation is prepared. Returns once something is held.
    fn ready(&mut self);
    /// The operation begins when this returns. Implies [`OperationObserver::ready`]. Called outside of any call of the library.
    fn begin(&mut self);
    /// The operation has ended with the outcome `what`: the name of an error, or empty.
    fn end(&mut self, what: &'static str);
}

/// An operation, with what it needs.
pub(super) type Op<'g> = Box<dyn FnOnce(&mut dyn OperationObserver) + 'g>;

/// An operation that may wait.
#[derive(Debug)]
pub struct Operation<S: Scheme> {
    /// The name of its row on the page.
    pub name: &'static str,
    /// Prepares the operation; `None` if the scheme lacks it.
    pub(super) prepare: for<'g> fn(&'g Fixture<S>) -> Option<Op<'g>>,
}

impl<S: Scheme> Clone for Operation<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scheme> Copy for Operation<S> {}

impl<S: Scheme> Operation<S> {
    /// Prepares the operation, and does it. False if the scheme lacks it.
    pub fn run(&self, fixture: &Fixture<S>, watch: &mut dyn OperationObserver) -> bool {
        (self.prepare)(fixture).map(|op| op(watch)).is_some()
    }
}

/// All operations that may wait.
#[must_use]
pub fn operations<S: Scheme>() -> Vec<Operation<S>> {
    let mut all = of_readers();
    all.extend(of_publishers());
    all.extend(of_handles());
    all.extend(of_allocators());
    all.extend(of_machines());
    all
}

macro_rules! operations {
    ($fixture:ident; $($name:literal => $prepare:expr,)*) => {
        vec![$(Operation { name: $name, prepare: |$fixture| $prepare }),*]
    };
}

/// An operation without preparation beyond what `op` has captured.
fn ready<'g>(op: impl FnOnce() -> &'static str + 'g) -> Option<Op<'g>> {
    Some(Box::new(move |watch| {
        watch.begin();
        let what = op();
        watch.end(what);
    }))
}

/// An operation on `own`, which is dropped only after the operation has ended.
fn with<'g, T: 'g>(mut own: T, op: impl FnOnce(&mut T) -> &'static str + 'g) -> Option<Op<'g>> {
    Some(Box::new(move |watch| {
        watch.begin();
        let what = op(&mut own);
        watch.end(what);
    }))
}

fn of_readers<S: Scheme>() -> Vec<Operation<S>> {
    fn reader<'g, S: Scheme>(
        fixture: &'g Fixture<S>,
        op: impl FnOnce(&mut crate::publish::Reader<'g, S, Standard>) + 'g,
    ) -> Option<Op<'g>> {
        let mut reader = fixture.lists().reader().expect("a reader slot");
        fixture.own(reader.id());
        Some(Box::new(move |watch| {
            // The reader is offline: an online reader would itself be waited for.
            reader.offline(|| watch.ready());
            watch.begin();
            op(&mut reader);
            watch.end("");
        }))
    }
    operations![fixture;
        "`Published::reader`, and its drop" => ready(|| {
            drop(fixture.lists().reader().expect("a reader slot"));
            ""
        }),
        "`Reader::enter`, and a walk" => {
            let filter = fixture.lists().filter(&Request::up_to(Movable));
            reader(fixture, move |reader| {
                let guard = reader.enter();
                let mut walk = guard.walk(NODE, &filter);
                walk.by_ref().for_each(drop);
                let _ = walk.must_retry();
            })
        },
        "`Reader::quiescent`" => reader(fixture, |reader| reader.quiescent()),
        "`Reader::offline`" => reader(fixture, |reader| reader.offline(|| ())),
    ]
}

fn published(outcome: Result<(), PublishError>) -> &'static str {
    match outcome {
        Ok(()) => "",
        Err(PublishError::Busy) => "Busy",
        Err(PublishError::Forked) => "Forked",
        Err(error) => unreachable!("{error}"),
    }
}

fn waited(outcome: Result<(), WaitError>) -> &'static str {
    published(outcome.map_err(PublishError::from))
}

fn of_publishers<S: Scheme>() -> Vec<Operation<S>> {
    fn twice<S: Scheme>(
        fixture: &Fixture<S>,
        publish: impl Fn(&Zonelists) -> Result<(), PublishError>,
    ) -> &'static str {
        // A double-buffered scheme waits only at the second publish, for walks of the version before the first.
        published(fixture.versions().try_for_each(publish))
    }
    operations![fixture;
        "`Published::publish`" => ready(|| twice(fixture, |lists| fixture.lists().publish(lists).map(drop))),
        "`Published::try_publish`" => ready(|| twice(fixture, |lists| fixture.lists().try_publish(lists).map(drop))),
        "`Published::set_present`" => {
            let set_present = fixture.optional.set_present?;
            ready(move || {
                let mut presences = [ZonePresence::Absent, ZonePresence::Present].into_iter();
                let outcome = presences.try_for_each(|presence| set_present(fixture.lists(), presence));
                published(outcome)
            })
        },
        "`Published::synchronize`" => {
            let synchronize = fixture.optional.synchronize?;
            ready(move || waited(synchronize(fixture.lists())))
        },
        "`Published::retire`" => {
            let retire = fixture.optional.retire?;
            ready(move || waited(retire(fixture.lists())))
        },
        "`Published::add_slots`" => ready(|| {
            fixture.lists().add_slots(ReaderSlots::boxed(1));
            ""
        }),
    ]
}

fn of_handles<S: Scheme>() -> Vec<Operation<S>> {
    /// An order that the per-CPU pages do not keep.
    const LARGE: Order = Order::of::<5>();
    operations![fixture;
        "`PageAllocator::local`" => ready(|| {
            // The drop has a row of its own.
            core::mem::forget(fixture.local());
            ""
        }),
        "the drop of a `LocalHandle`" => {
            let local = fixture.own_with_pages(Movable);
            ready(move || {
                drop(local);
                ""
            })
        },
        "`LocalHandle::alloc`, from per-CPU pages" => {
            let prepared = fixture.prepared(Movable, Order::ZERO);
            with(fixture.own_with_pages(Movable), move |local| got(local.alloc(NODE, &prepared).is_ok()))
        },
        "`LocalHandle::alloc`, from a zone" => {
            let prepared = fixture.prepared(Movable, LARGE);
            with(fixture.own_local(), move |local| got(local.alloc(NODE, &prepared).is_ok()))
        },
        "`LocalHandle::alloc`, with all per-CPU pages drained" => {
            // One half of the zone is one block, which is allocated; pages of the other half are in the per-CPU pages.
            let (other, mut local) = (fixture.own_with_pages(Normal), fixture.own_local());
            let prepared = fixture.prepared(Normal, Order::PAGEBLOCK);
            let half = local.alloc(NODE, &prepared).map(drop);
            with((other, local), move |(_, local)| {
                // The drained pages may not merge in time, or the watermarks may refuse the request.
                got(half.is_ok() && local.alloc(NODE, &prepared).is_ok())
            })
        },
        "`LocalHandle::alloc` that may not block" => {
            let request = PageRequest::up_to(Movable).order(LARGE).urgency(Urgency::NON_BLOCKING);
            let prepared = fixture.allocator().prepare(&request);
            with(fixture.own_local(), move |local| got(local.alloc(NODE, &prepared).is_ok()))
        },
        "`LocalHandle::try_alloc`" => {
            let (local, prepared) = (fixture.own_local(), fixture.prepared(Movable, LARGE));
            with(local, move |local| match local.try_alloc(NODE, &prepared) {
                Ok(_) => "",
                Err(TryAllocError::OutOfMemory) => "OutOfMemory",
                Err(TryAllocError::WouldBlock) => "WouldBlock",
                Err(TryAllocError::SchemeBlocks { .. }) => "SchemeBlocks",
            })
        },
        "`LocalHandle::free`, to per-CPU pages" => {
            let mut local = fixture.own_with_pages(Movable);
            let page = local.alloc(NODE, &fixture.prepared(Movable, Order::ZERO)).expect("a page");
            with(local, move |local| freed(local.free(page).is_ok()))
        },
        "`LocalHandle::free`, to a zone" => {
            let mut local = fixture.own_local();
            let page = local.alloc(NODE, &fixture.prepared(Movable, LARGE)).expect("a block");
            with(local, move |local| freed(local.free(page).is_ok()))
        },
        "`LocalHandle::try_free`" => {
            let mut local = fixture.own_local();
            let page = local.alloc(NODE, &fixture.prepared(Movable, LARGE)).expect("a block");
            with(local, move |local| match local.try_free(page) {
                Ok(()) => "",
                Err(TryFreeError::Busy { .. }) => "Busy",
                Err(TryFreeError::Free(_)) => "FreeError",
            })
        },
        "`LocalHandle::drain`" => with(fixture.own_with_pages(Movable), |local| {
            local.drain();
            ""
        }),
    ]
}

fn got(page: bool) -> &'static str {
    if page { "" } else { "OutOfMemory" }
}

fn freed(page: bool) -> &'static str {
    if page { "" } else { "FreeError" }
}

fn of_allocators<S: Scheme>() -> Vec<Operation<S>> {
    fn on_allocator<'g, S: Scheme>(fixture: &'g Fixture<S>, op: impl FnOnce() + 'g) -> Option<Op<'g>> {
        with(fixture.own_with_pages(Movable), move |_| {
            op();
            ""
        })
    }
    operations![fixture;
        "`PageAllocator::drain`" => on_allocator(fixture, || _ = fixture.allocator().drain().expect("fences do not fail")),
        "`PageAllocator::drain_zone`" => {
            on_allocator(fixture, || _ = fixture.allocator().drain_zone(MOVABLE).expect("fences do not fail"))
        },
        "`PageAllocator::without_caches`" => {
            on_allocator(fixture, || fixture.allocator().without_caches(MOVABLE, || ()).expect("fences do not fail"))
        },
        "`PageAllocator::add_boxed_handles`" => {
            on_allocator(fixture, || fixture.allocator().add_boxed_handles(1).expect("the heap has room"))
        },
        "`PageAllocator::stats`" => on_allocator(fixture, || _ = fixture.allocator().stats(MOVABLE)),
        "`PageAllocator::prepare_fork`" => {
            ready(|| {
                fixture.allocator().prepare_fork().expect("fences do not fail").parent();
                ""
            })
        },
        "`Zone::alloc`, and `free`" => {
            let zone = fixture.allocator().zone(MOVABLE)?;
            ready(|| match zone.alloc(Order::ZERO, Mobility::Movable).map(|frame| zone.free(frame, Order::ZERO)) {
                Some(freed) => self::freed(freed.is_ok()),
                None => "None",
            })
        },
    ]
}

fn operated(outcome: Result<Change, HotplugError>) -> &'static str {
    match outcome {
        Ok(_) => "",
        Err(HotplugError::InProgress) => "InProgress",
        Err(HotplugError::Nested) => "Nested",
        Err(HotplugError::Forked | HotplugError::Publish(PublishError::Forked)) => "Forked",
        Err(HotplugError::Provider { .. } | HotplugError::AlreadyOffline { .. }) => "refused",
        Err(error) => unreachable!("{error}"),
    }
}

fn of_machines<S: Scheme>() -> Vec<Operation<S>> {
    operations![fixture;
        "`RunningMachine::apply`, a block goes online" => ready(|| operated(fixture.running.apply(&ONLINE))),
        "`RunningMachine::apply`, a block goes offline" => ready(|| operated(fixture.running.apply(&OFFLINE))),
        "`RunningMachine::try_apply`" => ready(|| operated(fixture.running.try_apply(&OFFLINE))),
        "`RunningMachine::state`" => ready(|| {
            drop(fixture.running.state());
            ""
        }),
        "`RunningMachine::prepare_fork`" => ready(|| {
            fixture.running.prepare_fork().parent();
            ""
        }),
        "`MovablePages::insert`, and `remove`" => {
            let page = fixture.local().alloc(NODE, &fixture.prepared(Normal, Order::ZERO)).expect("a page");
            let pages = fixture.movable_pages();
            ready(move || match pages.insert(page).map(|handle| pages.remove(handle)) {
                Ok(Ok(_)) => "",
                Ok(Err(_)) => "HandleError",
                Err(_) => "NoRoom",
            })
        },
        "`MovablePages::hold`" => ready(|| match fixture.movable_pages().hold(fixture.handle) {
            Ok(_) => "",
            Err(_) => "HandleError",
        }),
    ]
}
