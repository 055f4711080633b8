//! Every public operation that may wait.

use std::{boxed::Box, vec, vec::Vec};

use super::fixture::{Ground, MOVABLE, NODE, OFFLINE, ONLINE};
use crate::{
    Mobility, PageRequest, Request, TryAllocError, TryFreeError, Urgency,
    ZoneKind::{Movable, Normal},
    Zonelists,
    hotplug::{Change, HotplugError},
    publish::{PublishError, Scheme, WaitError, Walk},
};

/// What an operation is watched by.
pub trait Watch {
    /// All is prepared. Returns once something is held.
    fn ready(&mut self);
    /// The operation begins when this returns, which implies that it is ready. Called outside of any call.
    fn begin(&mut self);
    /// It has ended, with that to say.
    fn end(&mut self, what: &'static str);
}

/// An operation, with what it needs.
pub(super) type Op<'g> = Box<dyn FnOnce(&mut dyn Watch) + 'g>;

/// An operation that may wait.
#[derive(Debug)]
pub struct Operation<S: Scheme> {
    /// What it is called by.
    pub name: &'static str,
    /// `None`: the scheme has none of that.
    pub(super) prepare: for<'g> fn(&'g Ground<S>) -> Option<Op<'g>>,
}

impl<S: Scheme> Clone for Operation<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scheme> Copy for Operation<S> {}

impl<S: Scheme> Operation<S> {
    /// Prepares it, and does it; whether the scheme has such.
    pub fn run(&self, ground: &Ground<S>, watch: &mut dyn Watch) -> bool {
        (self.prepare)(ground).map(|op| op(watch)).is_some()
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
    ($ground:ident; $($name:literal => $prepare:expr,)*) => {
        vec![$(Operation { name: $name, prepare: |$ground| $prepare }),*]
    };
}

/// One for which nothing but what it has taken along needs preparation.
fn ready<'g>(op: impl FnOnce() -> &'static str + 'g) -> Option<Op<'g>> {
    Some(Box::new(move |watch| {
        watch.begin();
        let what = op();
        watch.end(what);
    }))
}

/// The same, with something of its own that is dropped only behind the operation's end.
fn with<'g, T: 'g>(mut own: T, op: impl FnOnce(&mut T) -> &'static str + 'g) -> Option<Op<'g>> {
    Some(Box::new(move |watch| {
        watch.begin();
        let what = op(&mut own);
        watch.end(what);
    }))
}

fn of_readers<S: Scheme>() -> Vec<Operation<S>> {
    fn reader<'g, S: Scheme>(
        ground: &'g Ground<S>,
        op: impl FnOnce(&mut crate::publish::Reader<'g, S, crate::publish::FullFence>) + 'g,
    ) -> Option<Op<'g>> {
        let mut reader = ground.lists().reader().expect("a reader slot");
        ground.own(reader.id());
        Some(Box::new(move |watch| {
            // A reader that is online would itself be waited for meanwhile.
            reader.offline(|| watch.ready());
            watch.begin();
            op(&mut reader);
            watch.end("");
        }))
    }
    operations![ground;
        "`Published::reader`, and its drop" => ready(|| {
            drop(ground.lists().reader().expect("a reader slot"));
            ""
        }),
        "`Reader::enter`, and a walk" => {
            let filter = ground.lists().filter(&Request::up_to(Movable));
            reader(ground, move |reader| {
                let guard = reader.enter();
                let mut walk = guard.walk(NODE, &filter);
                walk.by_ref().for_each(drop);
                let _ = walk.must_retry();
            })
        },
        "`Reader::quiescent`" => reader(ground, |reader| reader.quiescent()),
        "`Reader::offline`" => reader(ground, |reader| reader.offline(|| ())),
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
    fn twice<S: Scheme>(ground: &Ground<S>, publish: impl Fn(&Zonelists) -> Result<(), PublishError>) -> &'static str {
        // A scheme of two tables waits only at the second, for walks over the version before the first.
        published(ground.versions().try_for_each(publish))
    }
    operations![ground;
        "`Published::publish`" => ready(|| twice(ground, |lists| ground.lists().publish(lists).map(drop))),
        "`Published::try_publish`" => ready(|| twice(ground, |lists| ground.lists().try_publish(lists).map(drop))),
        "`Published::set_present`" => {
            let set_present = ground.powers.set_present?;
            ready(move || published([false, true].into_iter().try_for_each(|there| set_present(ground.lists(), there))))
        },
        "`Published::synchronize`" => {
            let synchronize = ground.powers.synchronize?;
            ready(move || waited(synchronize(ground.lists())))
        },
        "`Published::retire`" => {
            let retire = ground.powers.retire?;
            ready(move || waited(retire(ground.lists())))
        },
    ]
}

fn of_handles<S: Scheme>() -> Vec<Operation<S>> {
    /// An order that caches do not keep.
    const LARGE: u8 = 5;
    operations![ground;
        "`PageAllocator::local`" => ready(|| {
            // What it keeps is dropped by the row of its own.
            core::mem::forget(ground.local());
            ""
        }),
        "the drop of a `LocalHandle`" => {
            let local = ground.own_with_pages(Movable);
            ready(move || {
                drop(local);
                ""
            })
        },
        "`LocalHandle::alloc`, from per-CPU pages" => {
            let class = ground.class(Movable, 0);
            with(ground.own_with_pages(Movable), move |local| got(local.alloc(NODE, &class).is_ok()))
        },
        "`LocalHandle::alloc`, of a zone's" => {
            let class = ground.class(Movable, LARGE);
            with(ground.own_local(), move |local| got(local.alloc(NODE, &class).is_ok()))
        },
        "`LocalHandle::alloc`, with all caches drained" => {
            // Half of the zone is in one piece, which is taken; the other half has per-CPU pages.
            let (other, mut local, class) = (ground.own_with_pages(Normal), ground.own_local(), ground.class(Normal, 9));
            let half = local.alloc(NODE, &class).map(drop);
            with((other, local), move |(_, local)| {
                // None of the per-CPU pages merge in time, or the watermarks forbid it.
                got(half.is_ok() && local.alloc(NODE, &class).is_ok())
            })
        },
        "`LocalHandle::alloc` that may not block" => {
            let request = PageRequest::up_to(Movable).order(LARGE).urgency(Urgency::NON_BLOCKING);
            let class = ground.allocator().prepare(&request).expect("an order");
            with(ground.own_local(), move |local| got(local.alloc(NODE, &class).is_ok()))
        },
        "`LocalHandle::try_alloc`" => {
            let (local, class) = (ground.own_local(), ground.class(Movable, LARGE));
            with(local, move |local| match local.try_alloc(NODE, &class) {
                Ok(_) => "",
                Err(TryAllocError::OutOfMemory) => "OutOfMemory",
                Err(TryAllocError::WouldBlock) => "WouldBlock",
                Err(TryAllocError::SchemeBlocks { .. }) => "SchemeBlocks",
            })
        },
        "`LocalHandle::free`, of a page that is kept" => {
            let mut local = ground.own_with_pages(Movable);
            let page = local.alloc(NODE, &ground.class(Movable, 0)).expect("a page");
            with(local, move |local| freed(local.free(page).is_ok()))
        },
        "`LocalHandle::free`, to a zone" => {
            let mut local = ground.own_local();
            let page = local.alloc(NODE, &ground.class(Movable, LARGE)).expect("a block");
            with(local, move |local| freed(local.free(page).is_ok()))
        },
        "`LocalHandle::try_free`" => {
            let mut local = ground.own_local();
            let page = local.alloc(NODE, &ground.class(Movable, LARGE)).expect("a block");
            with(local, move |local| match local.try_free(page) {
                Ok(()) => "",
                Err(TryFreeError::Busy { .. }) => "Busy",
                Err(TryFreeError::Free(_)) => "FreeError",
            })
        },
        "`LocalHandle::drain`" => with(ground.own_with_pages(Movable), |local| {
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
    fn beside<'g, S: Scheme>(ground: &'g Ground<S>, op: impl FnOnce() + 'g) -> Option<Op<'g>> {
        with(ground.own_with_pages(Movable), move |_| {
            op();
            ""
        })
    }
    operations![ground;
        "`PageAllocator::drain`" => beside(ground, || _ = ground.allocator().drain().expect("fences do not fail")),
        "`PageAllocator::drain_zone`" => {
            beside(ground, || _ = ground.allocator().drain_zone(MOVABLE).expect("fences do not fail"))
        },
        "`PageAllocator::without_caches`" => {
            beside(ground, || ground.allocator().without_caches(MOVABLE, || ()).expect("fences do not fail"))
        },
        "`PageAllocator::stats`" => beside(ground, || _ = ground.allocator().stats(MOVABLE)),
        "`PageAllocator::prepare_fork`" => {
            ready(|| {
                ground.allocator().prepare_fork().expect("fences do not fail").parent();
                ""
            })
        },
        "`Zone::alloc`, and `free`" => {
            let zone = ground.allocator().zone(MOVABLE)?;
            ready(|| match zone.alloc(0, Mobility::Movable).map(|frame| zone.free(frame, 0)) {
                Some(freed) => self::freed(freed.is_ok()),
                None => "None",
            })
        },
    ]
}

fn operated(outcome: Result<Change, HotplugError>) -> &'static str {
    match outcome {
        Ok(_) => "",
        Err(HotplugError::InProgress) => "Operating",
        Err(HotplugError::Nested) => "Nested",
        Err(HotplugError::Forked | HotplugError::Publish(PublishError::Forked)) => "Forked",
        Err(HotplugError::Provider { .. } | HotplugError::AlreadyOffline { .. }) => "refused",
        Err(error) => unreachable!("{error}"),
    }
}

fn of_machines<S: Scheme>() -> Vec<Operation<S>> {
    operations![ground;
        "`RunningMachine::apply`, a block comes" => ready(|| operated(ground.running.apply(&ONLINE))),
        "`RunningMachine::apply`, a block goes" => ready(|| operated(ground.running.apply(&OFFLINE))),
        "`RunningMachine::try_apply`" => ready(|| operated(ground.running.try_apply(&OFFLINE))),
        "`RunningMachine::state`" => ready(|| {
            drop(ground.running.state());
            ""
        }),
        "`RunningMachine::prepare_fork`" => ready(|| {
            ground.running.prepare_fork().parent();
            ""
        }),
        "`MovablePages::insert`, and `remove`" => {
            let page = ground.local().alloc(NODE, &ground.class(Normal, 0)).expect("a page");
            ready(move || match ground.owners().insert(page).map(|handle| ground.owners().remove(handle)) {
                Ok(Ok(_)) => "",
                Ok(Err(_)) => "HandleError",
                Err(_) => "NoRoom",
            })
        },
        "`MovablePages::hold`" => ready(|| match ground.owners().hold(ground.handle) {
            Ok(_) => "",
            Err(_) => "HandleError",
        }),
    ]
}
