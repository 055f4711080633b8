//! A test double: a scheme whose behaviour the test sets; and a helper for orders.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    fmt::{self, Debug},
    marker::PhantomData,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use zonelist_core::{
    NodeId, Request, Zonelists, Zoneref,
    publish::{Facts, Guarantee, PublishError, ReadToken, ReaderProtocol, Reclaim, Scheme, WaitError, Walk, Writer},
    zone::Order,
    zonelist::ZonelistsRef,
};

/// The order of a number that a test computes.
pub(crate) fn order(number: u8) -> Order {
    Order::new(number).unwrap()
}

/// The properties of a scheme that are fixed at compile time.
pub(crate) trait Kind: Debug + Send + Sync + 'static {
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    const GUARANTEE: Guarantee;
}

#[derive(Debug)]
pub(crate) enum Snapshot {}

impl Kind for Snapshot {
    const GUARANTEE: Guarantee = Guarantee::Snapshot;
}

#[derive(Debug)]
pub(crate) enum Racy {}

impl Kind for Racy {
    const GUARANTEE: Guarantee = Guarantee::Racy;
}

#[derive(Debug)]
pub(crate) enum Detected {}

impl Kind for Detected {
    const GUARANTEE: Guarantee = Guarantee::Detected;
}

/// Readers have critical sections.
#[derive(Debug)]
pub(crate) enum Sectioned {}

impl Kind for Sectioned {
    const PROTOCOL: ReaderProtocol = ReaderProtocol::CriticalSection;
    const GUARANTEE: Guarantee = Guarantee::Snapshot;
}

/// Readers report quiescent states.
#[derive(Debug)]
pub(crate) enum Quiescing {}

impl Kind for Quiescing {
    const PROTOCOL: ReaderProtocol = ReaderProtocol::Quiescent;
    const GUARANTEE: Guarantee = Guarantee::Snapshot;
}

type OnPublish = Box<dyn Fn(&mut Writer<'_>) -> Result<(), PublishError> + Send + Sync>;

/// A scheme that keeps a version behind a lock, and the settings of its behaviour.
pub(crate) struct Puppet<K> {
    pub(crate) current: Mutex<Arc<Zonelists>>,
    pub(crate) kind: PhantomData<fn(K)>,
    /// Called for each publish. The version is published if this returns `Ok`.
    pub(crate) on_publish: OnPublish,
    /// Called for each reader that is registered.
    pub(crate) on_local: Box<dyn Fn() + Send + Sync>,
    /// If true, a publish discards its version.
    pub(crate) forgets: bool,
    /// If true, walks start again at their end.
    pub(crate) endless: bool,
    /// The number of calls of `must_retry` that return true before the first that returns false.
    pub(crate) torn: usize,
    /// The number of calls of `must_retry` so far.
    pub(crate) asked: Arc<AtomicUsize>,
}

impl<K> Puppet<K> {
    pub(crate) fn new() -> Self {
        Self {
            current: Mutex::default(),
            kind: PhantomData,
            on_publish: Box::new(|_| Ok(())),
            on_local: Box::new(|| ()),
            forgets: false,
            endless: false,
            torn: 0,
            asked: Arc::default(),
        }
    }

    pub(crate) fn on_publish(
        hook: impl Fn(&mut Writer<'_>) -> Result<(), PublishError> + Send + Sync + 'static,
    ) -> Self {
        Self { on_publish: Box::new(hook), ..Self::new() }
    }
}

impl<K> Debug for Puppet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Puppet").field("current", &self.current).finish_non_exhaustive()
    }
}

pub(crate) struct PinnedPuppet<'g, K> {
    version: Arc<Zonelists>,
    puppet: &'g Puppet<K>,
}

pub(crate) struct PuppetWalk<'w, K> {
    list: Vec<Zoneref>,
    next: usize,
    puppet: &'w Puppet<K>,
}

impl<K> Clone for PuppetWalk<'_, K> {
    fn clone(&self) -> Self {
        Self { list: self.list.clone(), ..*self }
    }
}

impl<K> Iterator for PuppetWalk<'_, K> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        if self.puppet.endless && self.next == self.list.len() {
            self.next = 0;
        }
        self.next += 1;
        self.list.get(self.next - 1).copied()
    }
}

impl<K> Walk for PuppetWalk<'_, K> {
    fn must_retry(&self) -> bool {
        self.puppet.asked.fetch_add(1, SeqCst) < self.puppet.torn
    }
}

impl<K: Kind> Scheme for Puppet<K> {
    const FACTS: Facts = {
        let mut facts = Facts::new("Puppet", "zonelist-core").guarantee(K::GUARANTEE);
        facts.registers = !matches!(K::PROTOCOL, ReaderProtocol::None);
        facts.retires = matches!(K::PROTOCOL, ReaderProtocol::CriticalSection);
        facts
    };
    const PROTOCOL: ReaderProtocol = K::PROTOCOL;
    type Local = ();
    type Filter = Request;
    type Pinned<'g> = PinnedPuppet<'g, K>;
    type Walk<'w> = PuppetWalk<'w, K>;

    fn local(&self) {
        (self.on_local)();
    }

    fn filter(&self, request: &Request) -> Request {
        *request
    }

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> PinnedPuppet<'g, K> {
        PinnedPuppet { version: Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner)), puppet: self }
    }

    fn walk<'w, 'g: 'w>(pinned: &'w PinnedPuppet<'g, K>, node: NodeId, filter: &'w Request) -> PuppetWalk<'w, K> {
        let list = pinned.version.lists().of(node, filter.scope);
        let list = list.iter().copied().filter(|entry| filter.admits(entry.zone())).collect();
        PuppetWalk { list, next: 0, puppet: pinned.puppet }
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        (self.on_publish)(writer)?;
        if !self.forgets {
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(next.into());
        }
        Ok(())
    }
}

impl Reclaim for Puppet<Sectioned> {
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        writer.stop(|| ())
    }
}

impl Reclaim for Puppet<Quiescing> {
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        writer.synchronize()
    }
}
