//! The worker: a thread that allocates pages, writes a pattern into each, holds them for a while, and frees them.

use std::{
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use zonelist_core::{
    LocalHandle, Mobility, Page, PageRequest, Request, ZoneKind,
    page_alloc::{Failure, Handle, OutOfMemory, PreparedRequest},
    publish::Platform,
    sync::Spin,
    zone::Order,
};
use zonelist_schemes::{Buildable, allocator::AllocatorError};

use super::{
    error::StormError,
    fixture::Fixture,
    outcome::{Counts, Fault},
};

/// One in this many steps is faulty, in a run with a deliberate fault.
const FAULT_EVERY: u64 = 500;

/// The state of a worker.
pub(super) struct Worker<'g, S: Buildable, P: Platform<Lock = Spin>> {
    fixture: &'g Fixture<S, P>,
    local: LocalHandle<'g, 'static, S, P>,
    rng: fastrand::Rng,
    /// Prepared requests for movable and for kernel memory, of a few orders.
    requests: Vec<(PreparedRequest<S>, Request)>,
    /// The request for the lowest zones, which always have pages for it.
    lowest: (PreparedRequest<S>, Request),
    thread: usize,
    held: Vec<HeldPage>,
    /// Pages of all blocks in `held`.
    pages: usize,
    pinned: Option<Handle>,
    growing: bool,
    next_pattern: u64,
    fault: Option<Fault>,
    counts: Counts,
}

/// An allocated page, with its pattern.
enum HeldPage {
    /// A page that may migrate while it is held.
    Movable(Handle, u64),
    /// A page that stays where it is.
    Fixed(Page, u64),
}

impl<'g, S: Buildable, P: Platform<Lock = Spin>> Worker<'g, S, P> {
    pub(super) fn new(
        fixture: &'g Fixture<S, P>,
        thread: usize,
        rng: fastrand::Rng,
        fault: Option<Fault>,
    ) -> Result<Self, StormError> {
        let prepare = |highest, order, mobility| {
            let request = PageRequest::up_to(highest).order(order).mobility(mobility);
            (fixture.allocator().prepare(&request), request.zones)
        };
        let mut requests = Vec::new();
        for order in [Order::ZERO; 5].into_iter().chain([Order::of::<1>(), Order::of::<3>()]) {
            requests.push(prepare(ZoneKind::Movable, order, Mobility::Movable));
        }
        for order in [Order::ZERO, Order::ZERO, Order::of::<2>()] {
            requests.push(prepare(ZoneKind::Normal, order, Mobility::Unmovable));
        }
        let kinds = fixture.always.iter().map(|zone| zone.kind());
        let lowest = prepare(kinds.min().unwrap_or(ZoneKind::Normal), Order::ZERO, Mobility::Unmovable);
        let local = fixture.allocator().local().map_err(AllocatorError::from)?;
        Ok(Self {
            fixture,
            local,
            rng,
            requests,
            lowest,
            thread,
            held: Vec::new(),
            pages: 0,
            pinned: None,
            growing: true,
            // Patterns of different threads differ in their upper bits.
            next_pattern: (thread as u64) << 48,
            fault,
            counts: Counts::default(),
        })
    }

    /// Allocates and frees until `stop` is set, and then frees all pages.
    pub(super) fn run(mut self, stop: &AtomicBool) -> Result<Counts, StormError> {
        let mut step = 0;
        // Relaxed, with the store in `Storm::run_jobs`.
        while !stop.load(Relaxed) {
            step += 1;
            self.step(step)?;
        }
        self.unpin();
        while let Some(held) = self.held.pop() {
            self.free(held)?;
        }
        Ok(self.counts)
    }

    fn step(&mut self, step: u64) -> Result<(), StormError> {
        if step.is_multiple_of(FAULT_EVERY) {
            self.commit_fault();
        }
        if self.thread == 0 && step.is_multiple_of(16) {
            // One worker pins a page of the block whenever the fixture wants the next attempt to find one.
            match (self.pinned, self.fixture.wants_pin()) {
                (None, true) => self.pin(),
                (Some(_), false) => self.unpin(),
                _ => {}
            }
        }
        if self.rng.u32(..8) == 0 {
            return self.allocate_lowest();
        }
        // The number of pages grows to the maximum, then shrinks to three quarters of it.
        self.growing = if self.growing {
            self.pages < self.fixture.max_pages
        } else {
            self.pages < self.fixture.max_pages / 4 * 3
        };
        if self.rng.u32(..100) < if self.growing { 75 } else { 35 } {
            self.allocate()
        } else if self.held.is_empty() {
            Ok(())
        } else {
            let held = self.held.swap_remove(self.rng.usize(..self.held.len()));
            self.free(held)
        }
    }

    /// Requests a page. A failure is wrong if the request never tried a zone that is on every version.
    fn request(&mut self, request: Option<usize>) -> Option<Page> {
        let (prepared, zones) = request.map_or(&self.lowest, |index| &self.requests[index]);
        let page = self.local.alloc(self.fixture.node, prepared);
        if let Err(OutOfMemory) = page {
            self.counts.failures += 1;
            let failure = self.local.failure();
            let tried = |zone| failure.refused().any(|(other, _)| other == zone);
            let missed = self.fixture.always.iter().any(|&zone| zones.admits(zone) && !tried(zone));
            // A failure records a limited number of zones; beyond it the zone may have been tried.
            self.counts.wrongful_failures += u64::from(missed && failure.zones() <= Failure::ROOM);
        }
        page.ok()
    }

    /// Allocates a page of the lowest zones, which are at the tail of the list, and frees it at once.
    fn allocate_lowest(&mut self) -> Result<(), StormError> {
        let Some(page) = self.request(None) else { return Ok(()) };
        self.counts.allocations += 1;
        Ok(self.local.free(page).map_err(AllocatorError::from)?)
    }

    /// Allocates a page, writes a pattern into it, and holds it.
    fn allocate(&mut self) -> Result<(), StormError> {
        let request = self.rng.usize(..self.requests.len());
        let Some(page) = self.request(Some(request)) else { return Ok(()) };
        self.counts.allocations += 1;
        let node = self.fixture.allocator().zone_of(&page).map(|zone| zone.id().node());
        self.counts.fallbacks += u64::from(node != Some(self.fixture.node));
        self.next_pattern += 1;
        let pattern = self.next_pattern;
        self.words(&page).into_iter().flatten().enumerate().for_each(|(index, word)| {
            // SAFETY: `words` yields aligned words of the page's committed memory, and this thread has just allocated
            // the page: it has no handle yet, so no migration reads it.
            unsafe { word.write(pattern_word(pattern, index)) };
        });
        self.pages += page.order().pages() as usize;
        let held = if page.mobility() == Mobility::Movable {
            match self.fixture.movables().insert(page) {
                Ok(handle) => HeldPage::Movable(handle, pattern),
                // The table of handles is full: the page stays in place.
                Err(full) => HeldPage::Fixed(full.page, pattern),
            }
        } else {
            HeldPage::Fixed(page, pattern)
        };
        self.held.push(held);
        Ok(())
    }

    /// Checks a page's pattern and frees the page. A page that is being migrated stays held.
    fn free(&mut self, held: HeldPage) -> Result<(), StormError> {
        let (page, pattern) = match held {
            HeldPage::Movable(handle, pattern) => {
                if self.pinned == Some(handle) {
                    self.pinned = None;
                }
                match self.fixture.movables().remove(handle) {
                    Ok(page) => (page, pattern),
                    // Another thread has a guard of this page, to migrate it or to inspect it.
                    Err(_) => {
                        self.held.push(held);
                        return Ok(());
                    }
                }
            }
            HeldPage::Fixed(page, pattern) => (page, pattern),
        };
        self.counts.patterns_damaged += u64::from(!self.is_intact(&page, pattern));
        self.pages -= page.order().pages() as usize;
        Ok(self.local.free(page).map_err(AllocatorError::from)?)
    }

    /// True if the page still has its pattern.
    fn is_intact(&self, page: &Page, pattern: u64) -> bool {
        self.words(page).into_iter().flatten().enumerate().all(|(index, word)| {
            // SAFETY: `words` yields aligned words of the page's committed memory. The page has no handle any more, so
            // no other thread accesses it.
            let found = unsafe { word.read() };
            found == pattern_word(pattern, index)
        })
    }

    /// The words of a page's memory; `None` if the page is not in the arena.
    fn words(&self, page: &Page) -> Option<impl Iterator<Item = NonNull<u64>> + use<S, P>> {
        let bytes = self.fixture.arena.bytes(page)?;
        let count = bytes.len() / size_of::<u64>();
        let first = bytes.cast::<u64>();
        // SAFETY: `index` is less than the words in `bytes`, so the result stays within the page's memory.
        Some((0..count).map(move |index| unsafe { first.add(index) }))
    }

    /// Pins one of the held pages that are in the block, if there is one.
    fn pin(&mut self) {
        let inside = self.fixture.running.state().block_frames(self.fixture.block);
        for held in &self.held {
            let &HeldPage::Movable(handle, _) = held else { continue };
            let movables = self.fixture.movables();
            if movables.hold(handle).is_ok_and(|guard| inside.contains(&guard.page().pfn()))
                && movables.pin(handle).is_ok()
            {
                self.pinned = Some(handle);
                return;
            }
        }
    }

    /// Unpins the pinned page, if there is one.
    fn unpin(&mut self) {
        if let Some(handle) = self.pinned.take() {
            // The error that the page has been freed since is no failure.
            let _ = self.fixture.movables().unpin(handle);
        }
    }

    /// Damages or loses a held page, as the run's deliberate fault says.
    fn commit_fault(&mut self) {
        let Some(index) = self.held.iter().position(|held| matches!(held, HeldPage::Fixed(..))) else { return };
        match (self.fault, &self.held[index]) {
            (Some(Fault::Damaged), HeldPage::Fixed(page, _)) => {
                if let Some(word) = self.words(page).and_then(|mut words| words.nth(7)) {
                    // No pattern has this word at this index.
                    // SAFETY: `words` yields aligned words of the page's committed memory. The page has no handle,
                    // so no other thread accesses it.
                    unsafe { word.write(u64::MAX) };
                }
            }
            (Some(Fault::Lost), HeldPage::Fixed(..)) => drop(self.held.swap_remove(index)),
            _ => {}
        }
    }
}

/// The word of a pattern at this index of its page.
fn pattern_word(pattern: u64, index: usize) -> u64 {
    pattern.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index as u64
}
