//! Our own page allocator, with each scheme: one zone with the marks that Linux would give it, on the list of one node.

use std::error::Error;

use zonelist_core::{
    Capacity, Class, Lists, Local, MAX_ORDER, Marks, Mobility, NodeId, Page, PageAllocator, PageRequest, Row, Slot,
    Spin, Zone, ZoneId, ZoneKind, Zoneref,
    publish::{Barrier, FullFence, Published},
};
use zonelist_inplace::InPlace;
use zonelist_schemes::{Buildable, SchemeId, Visitor, asymmetric};

use super::{
    Block, Outcome, Pool, SetUpError, Trial,
    course::{Course, TrialError},
    trials::pairs,
};

/// Handles of a pool: the threads of a trial, and whoever sets it up.
const SEATS: usize = 4;

/// The allocator over a scheme and a barrier pair.
pub(super) struct Ours<S: Buildable, B: Barrier> {
    allocator: PageAllocator<'static, S, B, Spin, SEATS>,
}

/// A handle with a class of requests for each order and mobility.
pub(super) struct Handle<'p, S: Buildable, B: Barrier> {
    local: Local<'p, 'static, S, B, Spin, SEATS>,
    /// By order and mobility; those of no order are of order 0.
    classes: Box<[Class<S>; PLACES]>,
}

/// Places for classes: a power of two, so that none of an order's number is out of it.
const PLACES: usize = 32;

/// Where the class of an order and mobility is.
fn place(order: u8, movable: bool) -> usize {
    (usize::from(order) << 1 | usize::from(movable)) % PLACES
}

/// The node whose list is walked.
const NODE: NodeId = NodeId::new(0).unwrap();

/// Kernel memory and movable memory alike, from the one zone there is.
fn request(order: u8, mobility: Mobility) -> PageRequest {
    PageRequest::up_to(ZoneKind::Normal).order(order).mobility(mobility)
}

/// As Linux has it with so many frames of 4 KiB: the square root of 16 times the KiB, and a quarter of that between.
fn marks(frames: u64) -> Marks {
    let min = (frames * 4 * 16).isqrt() / 4;
    let gap = (min / 4).max(frames / 1000);
    Marks { min, low: min + gap, high: min + 2 * gap, ..Marks::default() }
}

impl<S: Buildable, B: Barrier> Pool for Ours<S, B> {
    type Local<'p>
        = Handle<'p, S, B>
    where
        Self: 'p;

    fn new(frames: usize, _: usize) -> Result<Self, SetUpError> {
        let made = || -> Result<Self, Box<dyn Error>> {
            let zone = ZoneId::new(NODE, ZoneKind::Normal);
            let (zonerefs, rows) = ([Zoneref::new(zone)], [Row { start: 0, len: 1, own: 1 }]);
            let lists = Lists::new(&zonerefs, &rows)?;
            let published = Published::new(S::build(Capacity::of(lists)));
            published.publish(lists)?;
            let frames = 0..frames as u64;
            let zone = Zone::boxed(zone, frames.clone(), MAX_ORDER, Spin::new())?;
            zone.set_marks(&marks(frames.end));
            zone.add(frames)?;
            let allocator = PageAllocator::boxed(published, vec![zone])?;
            // Whatever can be wrong with a handle is wrong now.
            drop(Handle::new(&allocator)?);
            Ok(Self { allocator })
        };
        made().map_err(|error| SetUpError::Refused { pool: S::FACTS.scheme, reason: error.to_string() })
    }

    fn local(&self, _: usize) -> Handle<'_, S, B> {
        Handle::new(&self.allocator).unwrap_or_else(|error| unreachable!("there is a seat for each thread: {error}"))
    }

    fn alloc(handle: &mut Handle<'_, S, B>, order: u8, movable: bool) -> Option<Block> {
        let class = &handle.classes[place(order, movable)];
        let page = handle.local.alloc(NODE, class).ok()?;
        Block::new(page.word())
    }

    unsafe fn free(handle: &mut Handle<'_, S, B>, block: Block, _: u8) {
        // The page knows its order. A block that is none of ours would be refused.
        if let Some(page) = Page::from_word(block.get()) {
            let _ = handle.local.free(page);
        }
    }
}

impl<'p, S: Buildable, B: Barrier> Handle<'p, S, B> {
    fn new(allocator: &'p PageAllocator<'static, S, B, Spin, SEATS>) -> Result<Self, Box<dyn Error>> {
        let class = |place: usize| {
            let order = Some((place >> 1) as u8).filter(|&order| order <= MAX_ORDER).unwrap_or(0);
            allocator.class(&request(order, Mobility::ALL[place % 2]))
        };
        let classes: Vec<_> = (0..PLACES).map(class).collect::<Result<_, _>>()?;
        let classes = classes.try_into().unwrap_or_else(|_| unreachable!("one for each place"));
        Ok(Self { local: allocator.local()?, classes })
    }
}

/// Any trial of our allocator, over the scheme that the bounds are for.
pub(super) fn run_bounded(trial: Trial, course: &Course<'_>) -> Result<Outcome, TrialError> {
    type Bounded = InPlace<Box<[Slot]>>;
    #[cfg(target_os = "linux")]
    if asymmetric() {
        return trial.run::<Ours<Bounded, zonelist_core::publish::Membarrier>>(course);
    }
    trial.run::<Ours<Bounded, FullFence>>(course)
}

/// Pairs of an allocation and a free of single frames through our allocator, over any scheme.
pub(super) fn run_pairs(scheme: SchemeId, trial: Trial, course: &Course<'_>) -> Result<Outcome, TrialError> {
    struct OfPairs<'c>(Course<'c>);

    impl Visitor for OfPairs<'_> {
        type Output = Result<Outcome, TrialError>;
        const TIMED: bool = true;

        const MOST_ZONES: usize = CAPACITY.zones();

        fn capacity(&self) -> Capacity {
            CAPACITY
        }

        fn visit<S: Buildable, B: Barrier>(&mut self) -> Self::Output {
            pairs::run::<Ours<S, B>>(&self.0, 0)
        }
    }

    scheme.visit(&mut OfPairs(Course { threads: trial.threads, ..*course }))
}

/// One node, whose list has one zone.
const CAPACITY: Capacity = Capacity::new(1, 1).unwrap();
