//! The worker: a thread that allocates blocks, holds them, and frees them or sends them to other workers.

use std::{
    mem,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, Sender},
    },
};

use zonelist_core::{
    LocalHandle, Mobility, NodeId, Page, PageRequest, Request,
    ZoneKind::{Dma, Dma32, Movable, Normal},
    page_alloc::PreparedRequest,
    publish::Platform,
    sync::Spin,
    zone::{Order, Urgency},
};
use zonelist_schemes::{Buildable, allocator::AllocatorError};

use super::{
    fixture::{Fixture, NODES, RESERVE},
    holders::Holder,
    outcome::{Counts, Fault},
};

/// Steps of a phase: phases of more allocations than frees and of more frees alternate.
const PHASE: u64 = 1_000;

/// Random requests that a worker prepares at its start.
const REQUESTS: usize = 64;

/// The orders of requests, each repeated by its frequency: about half are of order 0, and each order occurs.
const ORDERS: [usize; 25] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10];

/// The step at which a worker leaks its handle, once.
const LEAK: u64 = 100;

/// Blocks of one bulk allocation or free, at most.
const BULK: usize = 32;

/// One in this many steps is faulty, in a run with a deliberate fault. Once is not enough: both holders of a page may free
/// it before a third thread gets it.
const FAULT_EVERY: u64 = 50;

/// A block that is sent to another worker, which frees it.
pub(super) struct Sent {
    page: Page,
    holder: Holder,
}

/// The state of a worker.
pub(super) struct Worker<'g, S: Buildable, P: Platform<Lock = Spin>> {
    fixture: &'g Fixture<S, P>,
    holder: Holder,
    rng: fastrand::Rng,
    local: LocalHandle<'g, 'static, S, P>,
    requests: Vec<PreparedRequest<S>>,
    /// Requests that only the reserved zone can serve.
    reserved: Vec<(NodeId, PreparedRequest<S>)>,
    held: Vec<Page>,
    others: Vec<Sender<Sent>>,
    fault: Option<Fault>,
    counts: Counts,
}

impl<'g, S: Buildable, P: Platform<Lock = Spin>> Worker<'g, S, P> {
    pub(super) fn new(
        fixture: &'g Fixture<S, P>,
        thread: usize,
        mut rng: fastrand::Rng,
        others: Vec<Sender<Sent>>,
        fault: Option<Fault>,
    ) -> Result<Self, AllocatorError> {
        let allocator = &fixture.allocator;
        let mut prepare = || {
            let highest = [Dma32, Normal, Movable][rng.usize(..3)];
            let request = PageRequest::up_to(highest).order(Order::ALL[ORDERS[rng.usize(..ORDERS.len())]]);
            let urgency = Urgency::ALL[rng.usize(..Urgency::ALL.len())];
            allocator.prepare(&request.mobility(Mobility::ALL[rng.usize(..2)]).urgency(urgency))
        };
        let requests = (0..REQUESTS).map(|_| prepare()).collect();
        let any = Request::up_to(Dma);
        let lists = [(NODES[0], any), (NODES[1], any), (RESERVE.node(), any.this_node())];
        let reserve = |(node, zones)| (node, allocator.prepare(&PageRequest { zones, ..PageRequest::up_to(Dma) }));
        let reserved = lists.into_iter().map(reserve).collect();
        let (local, holder, held) = (allocator.local()?, thread as Holder + 1, Vec::new());
        Ok(Self { fixture, holder, rng, local, requests, reserved, held, others, fault, counts: Counts::default() })
    }

    /// Allocates and frees until `stop` is set, and then frees all blocks.
    pub(super) fn run(mut self, inbox: Receiver<Sent>, stop: &AtomicBool) -> Result<Counts, AllocatorError> {
        let mut step = 0;
        // Relaxed, with the store in `Soak::run_jobs`.
        while !stop.load(Relaxed) {
            self.step(step, &inbox)?;
            step += 1;
        }
        // The inbox of each other worker ends once all workers have dropped their senders here.
        self.others.clear();
        while let Some(page) = self.held.pop() {
            self.free(page, self.holder);
        }
        inbox.into_iter().for_each(|sent| self.receive(sent));
        Ok(self.counts)
    }

    fn step(&mut self, step: u64, inbox: &Receiver<Sent>) -> Result<(), AllocatorError> {
        if let Some(fault) = self.fault.filter(|_| step % FAULT_EVERY == FAULT_EVERY - 1) {
            self.commit_fault(fault);
        }
        if step == LEAK {
            self.counts.handles_leaked += 1;
            mem::forget(self.replace_handle()?);
        }
        // Allocations of a thousand steps that allocate or free a single block.
        let allocations = if (step / PHASE).is_multiple_of(2) { 525 } else { 310 };
        match self.rng.u32(..2_000) {
            0 => self.local.drain(),
            1 => {
                self.counts.handles += 1;
                drop(self.replace_handle()?);
            }
            2..6 => {
                self.counts.drains += 1;
                self.counts.pages_drained += self.fixture.allocator.drain()? as u64;
            }
            6..30 => self.allocate_bulk(),
            30..60 => self.free_bulk(),
            60..160 => self.send_any(),
            160..260 => inbox.try_iter().take(BULK).for_each(|sent| self.receive(sent)),
            260..400 => self.allocate_reserved(),
            _ if self.rng.u32(..1_000) < allocations => self.allocate(),
            _ => self.free_any(),
        }
        Ok(())
    }

    /// A random node, and the index of a random request.
    fn random_request(&mut self) -> (NodeId, usize) {
        (NODES[self.rng.usize(..2)], self.rng.usize(..self.requests.len()))
    }

    fn allocate(&mut self) {
        let (node, request) = self.random_request();
        match self.local.alloc(node, &self.requests[request]) {
            Ok(page) => self.hold(page),
            Err(_) => self.counts.refused += 1,
        }
    }

    fn allocate_bulk(&mut self) {
        let (mut pages, (node, request)) = ([const { None }; BULK], self.random_request());
        let count = self.rng.usize(1..=BULK);
        if self.local.alloc_bulk(node, &self.requests[request], &mut pages[..count]).is_err() {
            self.counts.refused += 1;
        }
        pages.into_iter().flatten().for_each(|page| self.hold(page));
    }

    /// Allocates a page that only the reserved zone has, and frees it at once.
    fn allocate_reserved(&mut self) {
        let (node, request) = &self.reserved[self.rng.usize(..self.reserved.len())];
        match self.local.alloc(*node, request) {
            Ok(page) => {
                self.counts.allocations += 1;
                self.fixture.holders.claim(&page, self.holder);
                self.free(page, self.holder);
            }
            Err(_) => self.counts.wrongful_failures += 1,
        }
    }

    /// Records an allocated block, and holds it.
    fn hold(&mut self, page: Page) {
        self.counts.allocations += 1;
        self.fixture.holders.claim(&page, self.holder);
        self.held.push(page);
    }

    /// A random held block, which the caller frees or sends.
    fn remove_any(&mut self) -> Option<Page> {
        (!self.held.is_empty()).then(|| self.held.swap_remove(self.rng.usize(..self.held.len())))
    }

    fn free_any(&mut self) {
        if let Some(page) = self.remove_any() {
            self.free(page, self.holder);
        }
    }

    fn free(&mut self, page: Page, holder: Holder) {
        // Recorded before the free: afterwards another thread may already hold the block.
        self.fixture.holders.release(&page, holder);
        self.counts.frees_refused += u64::from(self.local.free(page).is_err());
    }

    fn free_bulk(&mut self) {
        let pages: Vec<Page> = (0..self.rng.usize(..BULK)).map_while(|_| self.remove_any()).collect();
        pages.iter().for_each(|page| self.fixture.holders.release(page, self.holder));
        self.counts.frees_refused += u64::from(self.local.free_bulk(pages).is_err());
    }

    /// Sends a random held block to another worker, which frees it.
    fn send_any(&mut self) {
        let Some(page) = self.remove_any() else { return };
        let block = Sent { page, holder: self.holder };
        let sent = match self.others.len() {
            0 => Err(block),
            others => self.others[self.rng.usize(..others)].send(block).map_err(|unsent| unsent.0),
        };
        if let Err(unsent) = sent {
            self.free(unsent.page, unsent.holder);
        }
    }

    fn receive(&mut self, sent: Sent) {
        self.counts.remote_frees += 1;
        self.free(sent.page, sent.holder);
    }

    /// Replaces the handle, and returns the old one.
    fn replace_handle(&mut self) -> Result<LocalHandle<'g, 'static, S, P>, AllocatorError> {
        Ok(mem::replace(&mut self.local, self.fixture.allocator.local()?))
    }

    /// Frees or loses a held page, as the deliberate fault says.
    fn commit_fault(&mut self, fault: Fault) {
        match fault {
            Fault::Doubled => {
                let Some(page) = self.held.last() else { return };
                // SAFETY: a second page of the block breaks the contract. That is the fault to detect: workers access no
                // memory behind their pages, and the outcome of its free is defined.
                let second = unsafe { Page::from_raw(page.as_raw()) };
                second.into_iter().for_each(|page| drop(self.local.free(page)));
            }
            Fault::Lost => {
                let Some(page) = self.held.pop() else { return };
                self.fixture.holders.release(&page, self.holder);
            }
        }
    }
}
