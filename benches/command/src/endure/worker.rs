//! A thread that takes pages, holds them, and gives them back or lets others do it.

use std::{
    mem,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, Sender},
    },
};

use zonelist_core::{
    Class, Local, Mobility, NodeId, OrderError, Page, PageRequest, Request, Spin, Urgency,
    ZoneKind::{Dma, Dma32, Movable, Normal},
    publish::Barrier,
};
use zonelist_schemes::{Buildable, SEATS, allocator::AllocatorError};

use super::{
    Counts, Fault,
    ground::{Ground, NODES, RESERVE},
    owners::Owner,
};

/// Steps between two changes from taking more than is given back to the contrary.
const PHASE: u64 = 1_000;

/// Classes of requests that a thread draws at its start.
const CLASSES: usize = 64;

/// Orders, each as often as it is drawn: singles above all, and some of every length.
const ORDERS: [u8; 25] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10];

/// The step at which a thread leaks its handle, once.
const LEAK: u64 = 100;

/// Blocks that are asked for or given back together, at most.
const BULK: usize = 32;

/// Where something is to go wrong, it does so every so many steps: a page with two holders may be
/// given back by both before a third gets it.
const FAULTY: u64 = 50;

/// A block on its way to whoever is to give it back.
pub(super) struct Passed {
    page: Page,
    owner: Owner,
}

/// What a thread works with.
pub(super) struct Worker<'g, S: Buildable, B: Barrier> {
    ground: &'g Ground<S, B>,
    owner: Owner,
    draw: fastrand::Rng,
    local: Local<'g, 'static, S, B, Spin, SEATS>,
    classes: Vec<Class<S>>,
    /// Requests that only the zone which is held back can serve.
    reserved: Vec<(NodeId, Class<S>)>,
    held: Vec<Page>,
    others: Vec<Sender<Passed>>,
    fault: Option<Fault>,
    counts: Counts,
}

impl<'g, S: Buildable, B: Barrier> Worker<'g, S, B> {
    pub(super) fn new(
        ground: &'g Ground<S, B>,
        place: usize,
        mut draw: fastrand::Rng,
        others: Vec<Sender<Passed>>,
        fault: Option<Fault>,
    ) -> Result<Self, AllocatorError> {
        let allocator = &ground.allocator;
        let mut class = || {
            let highest = [Dma32, Normal, Movable][draw.usize(..3)];
            let request = PageRequest::up_to(highest).order(ORDERS[draw.usize(..ORDERS.len())]);
            let urgency = Urgency::ALL[draw.usize(..Urgency::ALL.len())];
            allocator.class(&request.mobility(Mobility::ALL[draw.usize(..2)]).urgency(urgency))
        };
        let classes = (0..CLASSES).map(|_| class()).collect::<Result<_, _>>()?;
        let any = Request::up_to(Dma);
        let lists = [(NODES[0], any), (NODES[1], any), (RESERVE.node(), any.this_node())];
        let reserve = |(node, zones)| Ok((node, allocator.class(&PageRequest { zones, ..PageRequest::up_to(Dma) })?));
        let reserved = lists.into_iter().map(reserve).collect::<Result<_, OrderError>>()?;
        let (local, owner, held) = (allocator.local()?, place as Owner + 1, Vec::new());
        Ok(Self { ground, owner, draw, local, classes, reserved, held, others, fault, counts: Counts::default() })
    }

    /// Works until it is told to stop, and then gives everything back.
    pub(super) fn work(mut self, inbox: Receiver<Passed>, stop: &AtomicBool) -> Result<Counts, AllocatorError> {
        let mut step = 0;
        while !stop.load(Relaxed) {
            self.step(step, &inbox)?;
            step += 1;
        }
        // As soon as all others have got here too, nothing more comes.
        self.others.clear();
        while let Some(page) = self.held.pop() {
            self.give(page, self.owner);
        }
        inbox.into_iter().for_each(|passed| self.receive(passed));
        Ok(self.counts)
    }

    fn step(&mut self, step: u64, inbox: &Receiver<Passed>) -> Result<(), AllocatorError> {
        if let Some(fault) = self.fault.filter(|_| step % FAULTY == FAULTY - 1) {
            self.do_wrong(fault);
        }
        if step == LEAK {
            self.counts.handles_leaked += 1;
            mem::forget(self.renewed()?);
        }
        // Of a thousand steps that take or give a single block.
        let taking = if (step / PHASE).is_multiple_of(2) { 525 } else { 310 };
        match self.draw.u32(..2_000) {
            0 => self.local.drain(),
            1 => {
                self.counts.handles += 1;
                drop(self.renewed()?);
            }
            2..6 => {
                self.counts.drains += 1;
                self.counts.pages_drained += self.ground.allocator.drain()? as u64;
            }
            6..30 => self.take_many(),
            30..60 => self.give_many(),
            60..160 => self.pass_on(),
            160..260 => inbox.try_iter().take(BULK).for_each(|passed| self.receive(passed)),
            260..400 => self.take_reserved(),
            _ if self.draw.u32(..1_000) < taking => self.take(),
            _ => self.give_any(),
        }
        Ok(())
    }

    fn drawn_class(&mut self) -> (NodeId, usize) {
        (NODES[self.draw.usize(..2)], self.draw.usize(..self.classes.len()))
    }

    fn take(&mut self) {
        let (node, class) = self.drawn_class();
        match self.local.alloc(node, &self.classes[class]) {
            Ok(page) => self.keep(page),
            Err(_) => self.counts.refused += 1,
        }
    }

    fn take_many(&mut self) {
        let (mut pages, (node, class)) = ([None; BULK], self.drawn_class());
        let room = self.draw.usize(1..=BULK);
        if self.local.alloc_many(node, &self.classes[class], &mut pages[..room]).is_err() {
            self.counts.refused += 1;
        }
        pages.into_iter().flatten().for_each(|page| self.keep(page));
    }

    /// Takes a page that only the zone which is held back has, and gives it back at once.
    fn take_reserved(&mut self) {
        let (node, class) = &self.reserved[self.draw.usize(..self.reserved.len())];
        match self.local.alloc(*node, class) {
            Ok(page) => {
                self.counts.allocations += 1;
                self.ground.owners.claim(page, self.owner);
                self.give(page, self.owner);
            }
            Err(_) => self.counts.wrongful_failures += 1,
        }
    }

    fn keep(&mut self, page: Page) {
        self.counts.allocations += 1;
        self.ground.owners.claim(page, self.owner);
        self.held.push(page);
    }

    fn drop_any(&mut self) -> Option<Page> {
        (!self.held.is_empty()).then(|| self.held.swap_remove(self.draw.usize(..self.held.len())))
    }

    fn give_any(&mut self) {
        if let Some(page) = self.drop_any() {
            self.give(page, self.owner);
        }
    }

    fn give(&mut self, page: Page, owner: Owner) {
        self.ground.owners.release(page, owner);
        self.counts.frees_refused += u64::from(self.local.free(page).is_err());
    }

    fn give_many(&mut self) {
        let pages: Vec<Page> = (0..self.draw.usize(..BULK)).map_while(|_| self.drop_any()).collect();
        pages.iter().for_each(|&page| self.ground.owners.release(page, self.owner));
        self.counts.frees_refused += u64::from(self.local.free_many(pages).is_err());
    }

    /// Sends a block to another thread, which is to give it back.
    fn pass_on(&mut self) {
        let Some(page) = self.drop_any() else { return };
        let passed = Passed { page, owner: self.owner };
        let sent = match self.others.len() {
            0 => Err(passed),
            others => self.others[self.draw.usize(..others)].send(passed).map_err(|unsent| unsent.0),
        };
        if let Err(unsent) = sent {
            self.give(unsent.page, unsent.owner);
        }
    }

    fn receive(&mut self, passed: Passed) {
        self.counts.remote_frees += 1;
        self.give(passed.page, passed.owner);
    }

    /// Goes on with a new handle, and gives the old one.
    fn renewed(&mut self) -> Result<Local<'g, 'static, S, B, Spin, SEATS>, AllocatorError> {
        Ok(mem::replace(&mut self.local, self.ground.allocator.local()?))
    }

    /// Does with a page that is held what the fault says.
    fn do_wrong(&mut self, fault: Fault) {
        let Some(&page) = self.held.last() else { return };
        match fault {
            Fault::Doubled => drop(self.local.free(page)),
            Fault::Lost => {
                self.ground.owners.release(page, self.owner);
                self.held.pop();
            }
        }
    }
}
