//! A scheme, as the suites need it.

use zonelist_contenders::contender::{self, AnyPublication, Pairs, ThroughPages};
use zonelist_core::{
    NodeId,
    publish::{Parts, Platform, Published, ReaderSlots, Scheme, SystemBarrier, WaitError},
    sync::Spin,
    table::Capacity,
    zone::Order,
    zonelist::ZonelistsRef,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor, allocator::AllocatorError};

use crate::hotplug::{Toggle, toggle};

/// Readers of a publication, at most.
const READERS: usize = 4;

/// Makes what a suite times, from lists.
type Make<T> = Box<dyn Fn(ZonelistsRef<'_>) -> T>;

/// Makes a handle of a page allocator, from lists and the order of its blocks.
type MakePairs = dyn Fn(ZonelistsRef<'_>, Order) -> Result<Box<dyn Pairs>, AllocatorError>;

/// A wait for a grace period, while a reader is registered.
pub(crate) type Wait = Box<dyn FnMut() -> Result<(), WaitError>>;

/// A scheme with the ways to set it up. A set-up that fails ends the program with the reason.
#[expect(missing_debug_implementations, reason = "it holds closures")]
pub struct Subject {
    /// The name of the scheme.
    pub name: &'static str,
    publish: Make<Box<dyn AnyPublication>>,
    pairs: Box<MakePairs>,
    wait: Make<Option<Wait>>,
    toggle: Box<dyn Fn() -> Toggle>,
}

impl Subject {
    /// A scheme that is not registered, with room for lists of a capacity. Its grace periods are not timed.
    pub fn of<S: Scheme + Send + 'static>(scheme: impl Fn(Capacity) -> S + Copy + 'static) -> Self {
        Self {
            name: S::FACTS.scheme,
            publish: Box::new(move |lists| {
                Box::new(published::<S, Parts<SystemBarrier>>(scheme(Capacity::of(lists)), lists))
            }),
            pairs: Box::new(move |lists, order| {
                pairs::<S, Parts<SystemBarrier>>(scheme(Capacity::of(lists)), lists, order)
            }),
            wait: Box::new(|_| None),
            toggle: Box::new(move || toggle::<S, Parts<SystemBarrier>>(scheme)),
        }
    }

    /// A registered scheme.
    #[must_use]
    pub fn registered(scheme: SchemeId) -> Self {
        Self {
            name: scheme.name(),
            publish: Box::new(move |lists| {
                contender::published(scheme, lists, READERS)
                    .unwrap_or_else(|error| panic!("{}: {error}", scheme.name()))
            }),
            pairs: Box::new(move |lists, order| scheme.visit(&mut InPairs { lists, order })),
            wait: Box::new(move |lists| scheme.visit(&mut Waiting(lists))),
            toggle: Box::new(move || scheme.visit(&mut Toggling)),
        }
    }

    /// All registered schemes.
    #[must_use]
    pub fn all() -> Vec<Self> {
        SchemeId::all().into_iter().map(Self::registered).collect()
    }

    pub(crate) fn publish(&self, lists: ZonelistsRef<'_>) -> Box<dyn AnyPublication> {
        (self.publish)(lists)
    }

    pub(crate) fn pairs(&self, lists: ZonelistsRef<'_>, order: Order) -> Box<dyn Pairs> {
        (self.pairs)(lists, order).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    pub(crate) fn wait(&self, lists: ZonelistsRef<'_>) -> Option<Wait> {
        (self.wait)(lists)
    }

    pub(crate) fn toggle(&self) -> Toggle {
        (self.toggle)()
    }
}

fn published<S: Scheme, P: Platform<Lock = Spin>>(scheme: S, lists: ZonelistsRef<'_>) -> Published<S, P> {
    let published = Published::with_platform(scheme, ReaderSlots::boxed(READERS));
    published.publish(lists).unwrap_or_else(|error| panic!("{}: {error}", S::FACTS.scheme));
    published
}

fn pairs<S: Scheme + 'static, P: Platform<Lock = Spin>>(
    scheme: S,
    lists: ZonelistsRef<'_>,
    order: Order,
) -> Result<Box<dyn Pairs>, AllocatorError> {
    let node = NodeId::new(0).expect("below the limit");
    Ok(Box::new(ThroughPages::<S, P>::of_order(scheme, lists, node, order)?))
}

struct InPairs<'l> {
    lists: ZonelistsRef<'l>,
    order: Order,
}

impl Visitor for InPairs<'_> {
    type Output = Result<Box<dyn Pairs>, AllocatorError>;
    const TIMED: bool = true;
    const MAX_ZONES: usize = 8;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.lists)
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        pairs::<S, P>(S::build(self.capacity()), self.lists, self.order)
    }
}

struct Waiting<'l>(ZonelistsRef<'l>);

impl Visitor for Waiting<'_> {
    type Output = Option<Wait>;
    const MAX_ZONES: usize = 8;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.0)
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let published: &'static Published<S, P> =
            Box::leak(Box::new(published::<S, P>(S::build(self.capacity()), self.0)));
        S::synchronize(published)?.unwrap_or_else(|error| panic!("{}: {error}", S::FACTS.scheme));
        let mut reader = published.reader().unwrap_or_else(|error| panic!("{}: {error}", S::FACTS.scheme));
        Some(Box::new(move || reader.offline(|| S::synchronize(published).unwrap_or(Ok(())))))
    }
}

struct Toggling;

impl Visitor for Toggling {
    type Output = Toggle;
    const MAX_ZONES: usize = 8;

    fn capacity(&self) -> Capacity {
        Capacity::of(ZonelistsRef::EMPTY)
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        toggle::<S, P>(S::build)
    }
}
