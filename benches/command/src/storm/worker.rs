//! A thread that takes pages, writes a pattern into each, keeps it for a while, and gives it back.

use std::{
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use zonelist_core::{
    Class, Failure, Handle, Local, Mobility, OutOfMemory, Page, PageRequest, Request, Spin, ZoneKind, publish::Barrier,
};
use zonelist_schemes::{Buildable, SEATS, allocator::AllocatorError};

use super::{Counts, Fault, StormError, ground::Ground};

/// One step of so many is faulty where a fault is wanted.
const FAULTY: u64 = 500;

pub(super) struct Worker<'g, S: Buildable, B: Barrier> {
    ground: &'g Ground<S, B>,
    local: Local<'g, 'static, S, B, Spin, SEATS>,
    draw: fastrand::Rng,
    /// Movable pages of a few orders, and the kernel's, with what is asked of each.
    classes: Vec<(Class<S>, Request)>,
    /// The one that is asked for the lowest zones, which have pages for it all the time.
    lowest: (Class<S>, Request),
    place: usize,
    held: Vec<Item>,
    pages: usize,
    pinned: Option<Handle>,
    growing: bool,
    next: u64,
    fault: Option<Fault>,
    counts: Counts,
}

/// A page that is held, with what was written into it.
enum Item {
    Movable(Handle, u64),
    /// One that nobody else knows how to move.
    Fixed(Page, u64),
}

impl<'g, S: Buildable, B: Barrier> Worker<'g, S, B> {
    pub(super) fn new(
        ground: &'g Ground<S, B>,
        place: usize,
        draw: fastrand::Rng,
        fault: Option<Fault>,
    ) -> Result<Self, StormError> {
        let class = |highest, order, mobility| {
            let request = PageRequest::up_to(highest).order(order).mobility(mobility);
            ground.allocator().class(&request).map(|class| (class, request.zones)).map_err(AllocatorError::from)
        };
        let mut classes = Vec::new();
        for order in [0, 0, 0, 0, 0, 1, 3] {
            classes.push(class(ZoneKind::Movable, order, Mobility::Movable)?);
        }
        for order in [0, 0, 2] {
            classes.push(class(ZoneKind::Normal, order, Mobility::Unmovable)?);
        }
        let kinds = ground.always.iter().map(|zone| zone.kind());
        let lowest = class(kinds.min().unwrap_or(ZoneKind::Normal), 0, Mobility::Unmovable)?;
        let local = ground.allocator().local().map_err(AllocatorError::from)?;
        let (next, counts) = ((place as u64) << 48, Counts::default());
        let (held, pinned) = (Vec::new(), None);
        Ok(Self {
            ground,
            local,
            draw,
            classes,
            lowest,
            place,
            held,
            pages: 0,
            pinned,
            growing: true,
            next,
            fault,
            counts,
        })
    }

    /// Works until it is told to stop, and then gives everything back.
    pub(super) fn work(mut self, stop: &AtomicBool) -> Result<Counts, StormError> {
        let mut step = 0;
        while !stop.load(Relaxed) {
            step += 1;
            self.step(step)?;
        }
        self.unpin();
        while let Some(item) = self.held.pop() {
            self.give(item)?;
        }
        Ok(self.counts)
    }

    fn step(&mut self, step: u64) -> Result<(), StormError> {
        if step.is_multiple_of(FAULTY) {
            self.do_wrong();
        }
        if self.place == 0 && step.is_multiple_of(16) {
            // Pinned and let go by turns, as the block is asked for.
            match (self.pinned, self.ground.wants_pin()) {
                (None, true) => self.pin(),
                (Some(_), false) => self.unpin(),
                _ => {}
            }
        }
        if self.draw.u32(..8) == 0 {
            return self.take_lowest();
        }
        // More and more up to the most, then less down to three quarters of it.
        self.growing = if self.growing { self.pages < self.ground.most } else { self.pages < self.ground.most / 4 * 3 };
        if self.draw.u32(..100) < if self.growing { 75 } else { 35 } {
            self.take()
        } else if self.held.is_empty() {
            Ok(())
        } else {
            let item = self.held.swap_remove(self.draw.usize(..self.held.len()));
            self.give(item)
        }
    }

    /// Asks for a page. One that is refused without having asked a zone that all versions have is refused wrongly.
    fn ask(&mut self, class: Option<usize>) -> Option<Page> {
        let (class, zones) = class.map_or(&self.lowest, |class| &self.classes[class]);
        let page = self.local.alloc(self.ground.node, class);
        if let Err(OutOfMemory) = page {
            self.counts.failures += 1;
            let failure = self.local.failure();
            let asked = |zone| failure.refused().any(|(other, _)| other == zone);
            let passed_over = self.ground.always.iter().any(|&zone| zones.admits(zone) && !asked(zone));
            // Of more zones than are remembered nobody can tell.
            self.counts.wrongful_failures += u64::from(passed_over && failure.zones() <= Failure::ROOM);
        }
        page.ok()
    }

    /// Takes a page of the lowest zones, which stand at the tail of the list, and gives it back at once.
    fn take_lowest(&mut self) -> Result<(), StormError> {
        let Some(page) = self.ask(None) else { return Ok(()) };
        self.counts.allocations += 1;
        Ok(self.local.free(page).map_err(AllocatorError::from)?)
    }

    fn take(&mut self) -> Result<(), StormError> {
        let class = self.draw.usize(..self.classes.len());
        let Some(page) = self.ask(Some(class)) else { return Ok(()) };
        self.counts.allocations += 1;
        let zone = self.ground.allocator().zone_of(page).map(|zone| zone.id().node());
        self.counts.fallbacks += u64::from(zone != Some(self.ground.node));
        self.next += 1;
        let pattern = self.next;
        self.words(page).into_iter().flatten().enumerate().for_each(|(at, word)| {
            // SAFETY: the page is committed and ours alone.
            unsafe { word.write(written(pattern, at)) };
        });
        self.pages += 1 << page.order();
        let item = if page.mobility() == Mobility::Movable {
            match self.ground.movables().insert(page) {
                Ok(handle) => Item::Movable(handle, pattern),
                Err(_) => Item::Fixed(page, pattern),
            }
        } else {
            Item::Fixed(page, pattern)
        };
        self.held.push(item);
        Ok(())
    }

    fn give(&mut self, item: Item) -> Result<(), StormError> {
        let (page, pattern) = match item {
            Item::Movable(handle, pattern) => {
                if self.pinned == Some(handle) {
                    self.pinned = None;
                }
                match self.ground.movables().remove(handle) {
                    Ok(page) => (page, pattern),
                    // Just now somebody looks whether it is to be moved.
                    Err(_) => {
                        self.held.push(item);
                        return Ok(());
                    }
                }
            }
            Item::Fixed(page, pattern) => (page, pattern),
        };
        self.counts.patterns_damaged += u64::from(!self.is_whole(page, pattern));
        self.pages -= 1 << page.order();
        Ok(self.local.free(page).map_err(AllocatorError::from)?)
    }

    fn is_whole(&self, page: Page, pattern: u64) -> bool {
        self.words(page).into_iter().flatten().enumerate().all(|(at, word)| {
            // SAFETY: the page is committed, and nobody else writes to it.
            let there = unsafe { word.read() };
            there == written(pattern, at)
        })
    }

    /// The words of a page.
    fn words(&self, page: Page) -> Option<impl Iterator<Item = NonNull<u64>> + use<S, B>> {
        let bytes = self.ground.arena.bytes(page)?;
        let count = bytes.len() / size_of::<u64>();
        let first = bytes.cast::<u64>();
        // SAFETY: they are within the page.
        Some((0..count).map(move |at| unsafe { first.add(at) }))
    }

    fn pin(&mut self) {
        let inside = self.ground.running.state().frames_of_block(self.ground.block);
        for item in &self.held {
            let &Item::Movable(handle, _) = item else { continue };
            let movables = self.ground.movables();
            if movables.hold(handle).is_ok_and(|held| inside.contains(&held.page().pfn()))
                && movables.pin(handle).is_ok()
            {
                self.pinned = Some(handle);
                return;
            }
        }
    }

    fn unpin(&mut self) {
        if let Some(handle) = self.pinned.take() {
            // It may be gone already.
            let _ = self.ground.movables().unpin(handle);
        }
    }

    /// Does with a page that is held what the fault says.
    fn do_wrong(&mut self) {
        let Some(at) = self.held.iter().position(|item| matches!(item, Item::Fixed(..))) else { return };
        match (self.fault, &self.held[at]) {
            (Some(Fault::Damaged), &Item::Fixed(page, _)) => {
                if let Some(word) = self.words(page).and_then(|mut words| words.nth(7)) {
                    // SAFETY: the page is committed and ours alone. No pattern of ours has this word there.
                    unsafe { word.write(u64::MAX) };
                }
            }
            (Some(Fault::Lost), Item::Fixed(..)) => drop(self.held.swap_remove(at)),
            _ => {}
        }
    }
}

/// The word of a pattern that stands at a place of its page.
fn written(pattern: u64, at: usize) -> u64 {
    pattern.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at as u64
}
