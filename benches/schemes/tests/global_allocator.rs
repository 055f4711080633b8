//! The page allocator as the `#[global_allocator]` of a whole program, with every scheme, while a
//! thread publishes without pause.
//!
//! The program is this test itself, once for each scheme. Every allocation is its thread's first: it
//! registers a handle, walks, and gives the handle up. So all that a scheme does for a new reader, on
//! a walk and in a publish, is done from below the heap, which is where it must not come back to.

#![cfg(target_os = "linux")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    collections::BTreeMap,
    ptr,
    sync::{
        atomic::{
            AtomicBool, AtomicPtr, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc,
    },
    thread,
};

use zonelist_core::{
    Capacity, Class, Lists, MAX_ORDER, Mobility, NodeId, PageAllocator, PageRequest, Row, Spin, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    Zoneref,
    publish::{Barrier, Published},
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

#[path = "facts/child.rs"]
mod child;

use child::{ends, verdicts, watch};

const PAGE: usize = 4096;

/// Frames of each of the two zones.
const FRAMES: u64 = 1 << 17;

/// Handles: more than threads ever allocate at a time.
const HANDLES: usize = 32;

/// What the allocator is to the rest of the program, whatever its type.
trait Pages: Sync {
    fn alloc(&self, order: u8) -> *mut u8;
    fn free(&self, at: *mut u8, order: u8);
    fn owns(&self, at: *mut u8) -> bool;
}

/// The allocator in charge, once there is one. Before, and for what is larger than a block, the system's.
static IN_CHARGE: AtomicPtr<&'static dyn Pages> = AtomicPtr::new(ptr::null_mut());

struct Global;

fn in_charge() -> Option<&'static dyn Pages> {
    // SAFETY: it is null, or a box that was leaked, and published with release behind its making.
    unsafe { IN_CHARGE.load(Acquire).as_ref() }.copied()
}

fn order_of(layout: Layout) -> u8 {
    layout.size().max(layout.align()).div_ceil(PAGE).next_power_of_two().trailing_zeros() as u8
}

// SAFETY: blocks are as large as asked, aligned to their size, and nobody else's until they are freed.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match in_charge() {
            Some(pages) if order_of(layout) <= MAX_ORDER => pages.alloc(order_of(layout)),
            // SAFETY: what the caller promised.
            _ => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        match in_charge() {
            Some(pages) if pages.owns(at) => pages.free(at, order_of(layout)),
            // SAFETY: what the caller promised; it is not of our memory, so it came from the system.
            _ => unsafe { System.dealloc(at, layout) },
        }
    }
}

#[global_allocator]
static GLOBAL: Global = Global;

struct Ours<S: Buildable, B: Barrier> {
    allocator: PageAllocator<'static, S, B, Spin, HANDLES>,
    /// By order.
    classes: Vec<Class<S>>,
    memory: *mut u8,
}

// SAFETY: the memory is handed out by the allocator, and classes are only read, which is what a
// filter is for.
unsafe impl<S: Buildable, B: Barrier> Sync for Ours<S, B> {}

const NODE: NodeId = NodeId::new(0).unwrap();

impl<S: Buildable, B: Barrier> Ours<S, B> {
    /// Two zones side by side over memory of the system's.
    fn new() -> Self {
        let zone = |kind, number: u64| {
            let zone =
                Zone::boxed(ZoneId::new(NODE, kind), number * FRAMES..(number + 1) * FRAMES, MAX_ORDER, Spin::new());
            let zone = zone.unwrap();
            zone.add(number * FRAMES..(number + 1) * FRAMES).unwrap();
            zone
        };
        let published = Published::new(S::build(Capacity::new(1, 2).unwrap()));
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
        let class = |order| ours.allocator.class(&PageRequest::up_to(Movable).order(order)).unwrap();
        Self { classes: (0..=MAX_ORDER).map(class).collect(), ..ours }
    }

    /// Both zones, or only the one that is always there.
    fn publish(&self, both: bool) {
        let zonerefs = [Movable, Normal].map(|kind| Zoneref::new(ZoneId::new(NODE, kind)));
        let zonerefs = if both { &zonerefs[..] } else { &zonerefs[1..] };
        let rows = [Row { start: 0, len: zonerefs.len() as u32, own: zonerefs.len() as u32 }];
        self.allocator.published().publish(Lists::new(zonerefs, &rows).unwrap()).unwrap();
    }
}

thread_local! {
    /// Allocations that this thread is in: more than one if the scheme comes back to the heap.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// No scheme that ends at all needs so many.
const ENDLESS: u32 = 16;

impl<S: Buildable, B: Barrier> Pages for Ours<S, B> {
    fn alloc(&self, order: u8) -> *mut u8 {
        DEPTH.set(DEPTH.get() + 1);
        if DEPTH.get() == ENDLESS {
            ends(format_args!("comes back to the heap from within an allocation, {ENDLESS} deep"));
        }
        let mut handle = self.allocator.local().expect("a place");
        // There is memory. Only a racy walk says there is none, and the next one does not.
        let page = (0..100).find_map(|_| handle.alloc(NODE, &self.classes[usize::from(order)]).ok());
        drop(handle);
        DEPTH.set(DEPTH.get() - 1);
        page.map_or(ptr::null_mut(), |page| self.memory.wrapping_add(page.pfn() as usize * PAGE))
    }

    fn free(&self, at: *mut u8, order: u8) {
        let pfn = (at as usize - self.memory as usize) / PAGE;
        let page = self.allocator.page(pfn as u64, order, Mobility::Unmovable).expect("of ours");
        self.allocator.local().expect("a place").free(page).expect("was handed out");
    }

    fn owns(&self, at: *mut u8) -> bool {
        (at as usize).wrapping_sub(self.memory as usize) < 2 * FRAMES as usize * PAGE
    }
}

/// Threads of the program, most of them short-lived.
const THREADS: usize = 100;

/// Threads that allocate and hand over, others that check and free.
struct Program;

impl Visitor for Program {
    type Output = ();

    fn capacity(&self) -> Capacity {
        Capacity::new(1, 2).unwrap()
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) {
        let ours: &'static Ours<S, B> = Box::leak(Box::new(Ours::new()));
        let (done, end) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (ready, watched) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                ready.send(()).unwrap();
                watch("hangs", || done.load(Relaxed))
            });
            watched.recv().unwrap();
            let pages: &'static dyn Pages = ours;
            IN_CHARGE.store(Box::into_raw(Box::new(pages)), Release);
            scope.spawn(|| (0..).take_while(|_| !end.load(Relaxed)).for_each(|turn| ours.publish(turn % 2 == 0)));
            for turn in 0..THREADS {
                let (send, made) = mpsc::channel();
                scope.spawn(move || send.send(pattern(turn)));
                let checked = scope.spawn(move || made.recv().unwrap() == pattern(turn));
                if !checked.join().unwrap() {
                    ends("damages what is in it");
                }
                done.fetch_add(1, Relaxed);
            }
            end.store(true, Relaxed);
            ends(SERVES);
        });
    }
}

/// Something of many allocations, of all sizes, and the same for the same number.
fn pattern(number: usize) -> BTreeMap<String, Vec<usize>> {
    let part = |part: usize| (format!("{number} {part}"), (0..1 << (part % 14)).map(|i| i * number + part).collect());
    (0..40).map(part).collect()
}

const SERVES: &str = "serves";

#[test]
fn a_scheme_serves_a_global_allocator_where_it_says_so() {
    let test = "a_scheme_serves_a_global_allocator_where_it_says_so";
    for (scheme, verdict) in verdicts(test, |scheme: SchemeId| scheme.visit(&mut Program)) {
        assert_eq!(scheme.facts().below_allocator, verdict == SERVES, "{}: {verdict}", scheme.name());
    }
}
