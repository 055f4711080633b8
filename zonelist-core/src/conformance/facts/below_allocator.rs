//! The page allocator as the global allocator of a whole program, while a thread publishes without pause.

use core::{cell::Cell, ptr};
use std::{
    alloc::Layout,
    boxed::Box,
    collections::BTreeMap,
    format,
    string::String,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread, thread_local, vec,
    vec::Vec,
};

use super::{
    child::{ends, watch},
    heap::{self, Serves},
};
use crate::{
    Mobility, NodeId, PageAllocator, PageRequest, Pfn, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    Zoneref,
    locking::Spin,
    page_alloc::PreparedRequest,
    publish::{Platform, Published, ReaderSlots, Scheme},
    zone::Order,
    zonelist::{NodeSpan, ZonelistsRef},
};

const PAGE: usize = 4096;

/// Frames of each of the two zones.
const FRAMES: u64 = 1 << 17;

/// Handles: more than threads ever allocate at a time.
const HANDLES: usize = 32;

/// The order of the block that a layout needs, if there is one.
fn order_of(layout: Layout) -> Option<Order> {
    let pages = layout.size().max(layout.align()).div_ceil(PAGE).checked_next_power_of_two()?;
    Order::new(pages.trailing_zeros() as u8)
}

/// A page allocator, and the memory whose page frames it allocates.
struct Program<S: Scheme + 'static, P: Platform<Lock = Spin>> {
    allocator: PageAllocator<'static, S, P>,
    /// By order.
    requests: Vec<PreparedRequest<S>>,
    memory: *mut u8,
}

// SAFETY: the allocator gives each block of `memory` to one caller at a time. Prepared requests are only read, and a
// filter may be read by several threads.
unsafe impl<S: Scheme + 'static, P: Platform<Lock = Spin>> Sync for Program<S, P> {}

const NODE: NodeId = NodeId::new(0).unwrap();

impl<S: Scheme + 'static, P: Platform<Lock = Spin>> Program<S, P> {
    /// Two zones side by side, over memory from the system.
    fn new(scheme: S) -> Self {
        let zone = |kind, number: u64| {
            let frames = Pfn::range(number * FRAMES..(number + 1) * FRAMES);
            let zone = Zone::boxed(ZoneId::new(NODE, kind), frames.clone(), Order::MAX, Spin::new()).unwrap();
            zone.add(frames).unwrap();
            zone
        };
        let published = Published::with_platform(scheme, ReaderSlots::boxed(HANDLES));
        let allocator = PageAllocator::boxed(published, vec![zone(Normal, 0), zone(Movable, 1)]).unwrap();
        let largest = PAGE << Order::MAX.number();
        let access =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
        let bytes = 2 * FRAMES as usize * PAGE + largest;
        // SAFETY: an anonymous mapping at an address of the system's choice replaces no other mapping.
        let memory = unsafe { libc::mmap(ptr::null_mut(), bytes, access.0, access.1, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        let memory = memory.cast::<u8>();
        // Aligned to the largest block, so that a block of any order is aligned to its size in memory too.
        let memory = memory.wrapping_add(memory.align_offset(largest));
        let program = Self { allocator, requests: Vec::new(), memory };
        program.publish(true);
        let prepare = |order| program.allocator.prepare(&PageRequest::up_to(Movable).order(order));
        Self { requests: Order::ALL.into_iter().map(prepare).collect(), ..program }
    }

    /// Publishes both zones, or Normal alone.
    fn publish(&self, both: bool) {
        let zonerefs = [Movable, Normal].map(|kind| Zoneref::new(ZoneId::new(NODE, kind)));
        let zonerefs = if both { &zonerefs[..] } else { &zonerefs[1..] };
        let rows = [NodeSpan { start: 0, len: zonerefs.len() as u32, own: zonerefs.len() as u32 }];
        self.allocator.published().publish(ZonelistsRef::new(zonerefs, &rows).unwrap()).unwrap();
    }
}

thread_local! {
    /// Nested allocations of this thread: more than one if the scheme itself allocates.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Nested allocations that count as endless recursion.
const ENDLESS: u32 = 16;

// SAFETY: a block is aligned to its size, and allocated to one caller at a time.
unsafe impl<S: Scheme + 'static, P: Platform<Lock = Spin>> Serves for Program<S, P> {
    fn alloc(&self, layout: Layout) -> Option<*mut u8> {
        let order = order_of(layout)?;
        DEPTH.set(DEPTH.get() + 1);
        if DEPTH.get() == ENDLESS {
            ends(format_args!("comes back to the heap from within an allocation, {ENDLESS} deep"));
        }
        // A handle for each allocation, so that each one registers a reader.
        let mut handle = self.allocator.local().expect("a reader slot");
        // The zones have free pages, so that only a racy walk fails, and one of the next succeeds.
        let page = (0..100).find_map(|_| handle.alloc(NODE, &self.requests[order.index()]).ok());
        drop(handle);
        DEPTH.set(DEPTH.get() - 1);
        Some(page.map_or(ptr::null_mut(), |page| self.memory.wrapping_add(page.pfn().number() as usize * PAGE)))
    }

    fn free(&self, at: *mut u8, layout: Layout) -> bool {
        let offset = at.addr().wrapping_sub(self.memory.addr());
        let Some(order) = order_of(layout).filter(|_| offset < 2 * FRAMES as usize * PAGE) else { return false };
        // SAFETY: the program frees what it has allocated, with the layout of then. `alloc` has given up the page for its
        // address, and has kept no other page of the block.
        let page = unsafe { self.allocator.page(Pfn::new((offset / PAGE) as u64), order, Mobility::Unmovable) };
        let page = page.expect("a frame of a zone");
        self.allocator.local().expect("a reader slot").free(page).expect("the page is allocated");
        true
    }
}

/// Threads of the program, most of them short-lived.
const THREADS: usize = 100;

/// Serves all allocations of the program by a page allocator over this scheme, while a thread publishes without pause.
/// Ends the process with [`PASSED`](super::PASSED), or with the failure as the verdict.
///
/// Each allocation registers a handle, walks, and drops the handle. So all steps of the scheme for a new reader, in a
/// walk and in a publish, run below the heap, and must not allocate.
///
/// # Panics
/// If the lists of a node and two zones do not fit.
pub fn serves_the_program<S: Scheme + Send + 'static, P: Platform<Lock = Spin>>(make: impl Fn() -> S) {
    heap::expect_counting();
    let program: &'static Program<S, P> = Box::leak(Box::new(Program::new(make())));
    let (done, end) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (ready, watched) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            ready.send(()).expect("a thread");
            watch("hangs", || done.load(Relaxed))
        });
        // The watching thread has started, and needs no heap from here on.
        watched.recv().expect("a thread");
        heap::put_in_charge(program);
        scope.spawn(|| (0..).take_while(|_| !end.load(Relaxed)).for_each(|turn| program.publish(turn % 2 == 0)));
        for turn in 0..THREADS {
            // One thread allocates the pattern, another compares and frees it.
            let (send, made) = mpsc::channel();
            scope.spawn(move || send.send(pattern(turn)));
            let checked = scope.spawn(move || made.recv().expect("a thread") == pattern(turn));
            if !checked.join().expect("a thread") {
                ends("damages what is in it");
            }
            done.fetch_add(1, Relaxed);
        }
        end.store(true, Relaxed);
        // Ends the process at once: the threads are not joined, since the exit of a process may allocate too.
        ends(super::PASSED);
    });
}

/// A value of many allocations of all sizes, equal for equal numbers.
fn pattern(number: usize) -> BTreeMap<String, Vec<usize>> {
    let part = |part: usize| (format!("{number} {part}"), (0..1 << (part % 14)).map(|i| i * number + part).collect());
    (0..40).map(part).collect()
}
