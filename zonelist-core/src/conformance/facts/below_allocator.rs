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
    MAX_ORDER, Mobility, NodeId, NodeSpan, PageAllocator, PageRequest, PreparedRequest, Spin, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    ZonelistsRef, Zoneref,
    publish::{Barrier, Published, Scheme},
};

const PAGE: usize = 4096;

/// Frames of each of the two zones.
const FRAMES: u64 = 1 << 17;

/// Handles: more than threads ever allocate at a time.
const HANDLES: usize = 32;

/// The order of a block for that, if there is one.
fn order_of(layout: Layout) -> Option<u8> {
    let pages = layout.size().max(layout.align()).div_ceil(PAGE).checked_next_power_of_two()?;
    u8::try_from(pages.trailing_zeros()).ok()
}

struct Ours<S: Scheme + 'static, B: Barrier + 'static> {
    allocator: PageAllocator<'static, S, B, Spin, HANDLES>,
    /// By order.
    classes: Vec<PreparedRequest<S>>,
    memory: *mut u8,
}

// SAFETY: the memory is handed out by the allocator, and classes are only read, which is what a
// filter is for.
unsafe impl<S: Scheme + 'static, B: Barrier + 'static> Sync for Ours<S, B> {}

const NODE: NodeId = NodeId::new(0).unwrap();

impl<S: Scheme + 'static, B: Barrier + 'static> Ours<S, B> {
    /// Two zones side by side over memory of the system's.
    fn new(scheme: S) -> Self {
        let zone = |kind, number: u64| {
            let zone =
                Zone::boxed(ZoneId::new(NODE, kind), number * FRAMES..(number + 1) * FRAMES, MAX_ORDER, Spin::new());
            let zone = zone.unwrap();
            zone.add(number * FRAMES..(number + 1) * FRAMES).unwrap();
            zone
        };
        let published = Published::new(scheme);
        let allocator = PageAllocator::boxed(published, vec![zone(Normal, 0), zone(Movable, 1)]).unwrap();
        let largest = PAGE << MAX_ORDER;
        let access =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
        let bytes = 2 * FRAMES as usize * PAGE + largest;
        // SAFETY: new memory, wherever the system likes.
        let memory = unsafe { libc::mmap(ptr::null_mut(), bytes, access.0, access.1, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        let memory = memory.cast::<u8>();
        // The first frame of a largest block is where one is aligned.
        let memory = memory.wrapping_add(memory.align_offset(largest));
        let ours = Self { allocator, classes: Vec::new(), memory };
        ours.publish(true);
        let class = |order| ours.allocator.prepare(&PageRequest::up_to(Movable).order(order)).unwrap();
        Self { classes: (0..=MAX_ORDER).map(class).collect(), ..ours }
    }

    /// Both zones, or only the one that is always there.
    fn publish(&self, both: bool) {
        let zonerefs = [Movable, Normal].map(|kind| Zoneref::new(ZoneId::new(NODE, kind)));
        let zonerefs = if both { &zonerefs[..] } else { &zonerefs[1..] };
        let rows = [NodeSpan { start: 0, len: zonerefs.len() as u32, own: zonerefs.len() as u32 }];
        self.allocator.published().publish(ZonelistsRef::new(zonerefs, &rows).unwrap()).unwrap();
    }
}

thread_local! {
    /// Allocations that this thread is in: more than one if the scheme comes back to the heap.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// No scheme that ends at all needs so many.
const ENDLESS: u32 = 16;

// SAFETY: a block is aligned to its size, and handed out to one caller at a time.
unsafe impl<S: Scheme + 'static, B: Barrier + 'static> Serves for Ours<S, B> {
    fn alloc(&self, layout: Layout) -> Option<*mut u8> {
        let order = order_of(layout).filter(|&order| order <= MAX_ORDER)?;
        DEPTH.set(DEPTH.get() + 1);
        if DEPTH.get() == ENDLESS {
            ends(format_args!("comes back to the heap from within an allocation, {ENDLESS} deep"));
        }
        let mut handle = self.allocator.local().expect("a reader slot");
        // There is memory. Only a racy walk says there is none, and the next one does not.
        let page = (0..100).find_map(|_| handle.alloc(NODE, &self.classes[usize::from(order)]).ok());
        drop(handle);
        DEPTH.set(DEPTH.get() - 1);
        Some(page.map_or(ptr::null_mut(), |page| self.memory.wrapping_add(page.pfn() as usize * PAGE)))
    }

    fn free(&self, at: *mut u8, layout: Layout) -> bool {
        let offset = at.addr().wrapping_sub(self.memory.addr());
        let Some(order) = order_of(layout).filter(|_| offset < 2 * FRAMES as usize * PAGE) else { return false };
        let page = self.allocator.page((offset / PAGE) as u64, order, Mobility::Unmovable).expect("of ours");
        self.allocator.local().expect("a reader slot").free(page).expect("was handed out");
        true
    }
}

/// Threads of the program, most of them short-lived.
const THREADS: usize = 100;

/// Has the page allocator, over this scheme, serve the whole program while a thread publishes without pause; then ends
/// the process with [`WELL`](super::WELL), or with what went wrong.
///
/// Every allocation is its thread's first: it registers a handle, walks, and gives the handle up. So all that a scheme
/// does for a new reader, on a walk and in a publish, is done from below the heap, which is where it must not come back
/// to.
///
/// # Panics
/// The lists of a node and two zones do not fit.
pub fn serves_the_program<S: Scheme + Send + 'static, B: Barrier + 'static>(make: impl Fn() -> S) {
    heap::expect_counting();
    let ours: &'static Ours<S, B> = Box::leak(Box::new(Ours::new(make())));
    let (done, end) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (ready, watched) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            ready.send(()).expect("a thread");
            watch("hangs", || done.load(Relaxed))
        });
        watched.recv().expect("a thread");
        heap::put_in_charge(ours);
        scope.spawn(|| (0..).take_while(|_| !end.load(Relaxed)).for_each(|turn| ours.publish(turn % 2 == 0)));
        for turn in 0..THREADS {
            let (send, made) = mpsc::channel();
            scope.spawn(move || send.send(pattern(turn)));
            let checked = scope.spawn(move || made.recv().expect("a thread") == pattern(turn));
            if !checked.join().expect("a thread") {
                ends("damages what is in it");
            }
            done.fetch_add(1, Relaxed);
        }
        end.store(true, Relaxed);
        ends(super::WELL);
    });
}

/// Something of many allocations, of all sizes, and the same for the same number.
fn pattern(number: usize) -> BTreeMap<String, Vec<usize>> {
    let part = |part: usize| (format!("{number} {part}"), (0..1 << (part % 14)).map(|i| i * number + part).collect());
    (0..40).map(part).collect()
}
