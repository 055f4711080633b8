//! The oracle: a zone as a plain list of its frames, slow and simple.

use std::{collections::BTreeSet, ops::Range};

use zonelist_core::{
    Mobility, Pfn, Zone,
    sync::Spin,
    zone::{Order, RangeError},
};

/// A span that starts and ends within a pageblock.
pub(crate) const SPAN: Range<u64> = 3 * 1024 + 300..6 * 1024 - 200;
/// The first frame of the list: a multiple of the largest block.
const BASE: u64 = 3 * 1024;
const BLOCK: u64 = 512;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Frame {
    Hole,
    Free,
    Used,
}

/// A zone, and the state that it should have.
pub(crate) struct Pair {
    pub(crate) zone: Zone<'static>,
    frames: Vec<Frame>,
    isolated: Vec<u64>,
    /// Allocated blocks, by first frame and order.
    live: Vec<(u64, Order)>,
}

impl Pair {
    pub(crate) fn new(zone: Zone<'static>) -> Self {
        let frames = vec![Frame::Hole; 3 * 1024];
        Self { zone, frames, isolated: Vec::new(), live: Vec::new() }
    }

    fn frame(&mut self, pfn: u64) -> &mut Frame {
        &mut self.frames[(pfn - BASE) as usize]
    }

    fn fill(&mut self, pfns: Range<u64>, state: Frame) {
        pfns.for_each(|pfn| *self.frame(pfn) = state);
    }

    fn is(&self, pfn: u64, state: Frame) -> bool {
        SPAN.contains(&pfn) && self.frames[(pfn - BASE) as usize] == state
    }

    fn is_available(&self, pfn: u64) -> bool {
        self.is(pfn, Frame::Free) && !self.isolated.contains(&(pfn / BLOCK))
    }

    fn all(&self, mut pfns: Range<u64>, state: Frame) -> bool {
        pfns.all(|pfn| self.is(pfn, state))
    }

    /// For each order, true for each block of the order that is free and not isolated.
    fn levels(&self) -> Vec<Vec<bool>> {
        let mut frames = Vec::with_capacity(self.frames.len());
        for (block, states) in (BASE / BLOCK..).zip(self.frames.chunks(BLOCK as usize)) {
            let available = !self.isolated.contains(&block);
            frames.extend(states.iter().map(|&state| state == Frame::Free && available));
        }
        let mut levels = vec![frames];
        for order in 0..self.zone.max_order().index() {
            levels.push(levels[order].chunks_exact(2).map(|halves| halves[0] && halves[1]).collect());
        }
        levels
    }

    /// True if a block of an order can be allocated.
    fn has(&self, order: Order) -> bool {
        self.levels()[order.index()].contains(&true)
    }

    fn has_contig(&self, frames: u64, align: u64) -> bool {
        let starts = SPAN.filter(|pfn| pfn % align == 0);
        starts.into_iter().any(|start| (start..start + frames).all(|pfn| self.is_available(pfn)))
    }

    pub(crate) fn alloc(&mut self, order: Order, mobility: Mobility) {
        let (had, pfn) = (self.has(order), self.zone.alloc(order, mobility));
        assert_eq!(pfn.is_some(), had, "a block of order {order}");
        pfn.into_iter().for_each(|pfn| self.mark_allocated(pfn.number(), order));
    }

    fn mark_allocated(&mut self, pfn: u64, order: Order) {
        let pfns = pfn..pfn + order.pages();
        assert_eq!(pfn % order.pages(), 0, "frame {pfn} of order {order}");
        for pfn in pfns.clone() {
            assert!(self.is_available(pfn), "frame {pfn} was not available");
        }
        self.fill(pfns, Frame::Used);
        self.live.push((pfn, order));
    }

    pub(crate) fn alloc_bulk(&mut self, count: usize, mobility: Mobility) {
        let mut pfns = vec![Pfn::new(0); count];
        let free = self.zone.free_pages();
        let taken = self.zone.alloc_bulk(mobility, &mut pfns);
        assert_eq!(taken, count.min(free));
        pfns[..taken].iter().for_each(|&pfn| self.mark_allocated(pfn.number(), Order::ZERO));
    }

    pub(crate) fn free(&mut self, at: usize) {
        if !self.live.is_empty() {
            let (pfn, order) = self.live.swap_remove(at % self.live.len());
            self.zone.free(Pfn::new(pfn), order).unwrap();
            self.fill(pfn..pfn + order.pages(), Frame::Free);
        }
    }

    pub(crate) fn free_bulk(&mut self, at: usize, count: usize) {
        let mut order_0: Vec<u64> =
            self.live.iter().filter(|block| block.1 == Order::ZERO).map(|block| block.0).collect();
        order_0.sort_by_key(|pfn| pfn * 7919 % 997 + at as u64 % 2 * pfn);
        let pfns = &order_0[..count.min(order_0.len())];
        self.zone.free_bulk(&Vec::from_iter(pfns.iter().copied().map(Pfn::new))).unwrap();
        let freed: BTreeSet<u64> = pfns.iter().copied().collect();
        self.live.retain(|block| block.1 > Order::ZERO || !freed.contains(&block.0));
        pfns.iter().for_each(|&pfn| *self.frame(pfn) = Frame::Free);
    }

    /// Allocates a contiguous range, and frees it in two parts if `back`; else its frames stay allocated one by one.
    pub(crate) fn contig(&mut self, frames: u64, align: u64, back: bool) {
        let had = self.has_contig(frames, align);
        let range = self.zone.alloc_contig(frames as usize, align);
        assert_eq!(range.is_some(), had, "a range of {frames} at {align}");
        let Some(start) = range.map(Pfn::number) else { return };
        assert_eq!(start % align, 0);
        (start..start + frames).for_each(|pfn| self.mark_allocated(pfn, Order::ZERO));
        if back {
            let middle = start + frames / 3;
            [start..middle, middle..start + frames].into_iter().filter(|part| !part.is_empty()).for_each(|part| {
                self.zone.free_contig(Pfn::range(part.clone())).unwrap();
                self.live.retain(|block| !part.contains(&block.0));
                self.fill(part, Frame::Free);
            });
        }
    }

    pub(crate) fn add(&mut self, pfns: Range<u64>) {
        // To the frame: a managed one, free or allocated, is refused.
        let taken = pfns.clone().find(|&pfn| !self.is(pfn, Frame::Hole));
        let added = self.zone.add(Pfn::range(pfns.clone()));
        assert_eq!(
            added,
            taken.map_or(Ok(()), |pfn| Err(RangeError::Managed { pfn: Pfn::new(pfn) })),
            "adding {pfns:?}"
        );
        if taken.is_none() {
            self.fill(pfns, Frame::Free);
        }
    }

    pub(crate) fn remove(&mut self, pfns: Range<u64>) {
        let free = self.all(pfns.clone(), Frame::Free);
        assert_eq!(self.zone.remove(Pfn::range(pfns.clone())).is_ok(), free, "removing {pfns:?}");
        if free {
            self.fill(pfns, Frame::Hole);
        }
    }

    /// Isolates a pageblock, or ends its isolation.
    pub(crate) fn toggle_isolation(&mut self, block: u64) {
        let pfns = SPAN.start.max(block * BLOCK)..SPAN.end.min((block + 1) * BLOCK);
        if let Some(at) = self.isolated.iter().position(|&isolated| isolated == block) {
            assert!(self.zone.isolate(Pfn::range(pfns.clone())).is_err());
            self.zone.unisolate(Pfn::range(pfns)).unwrap();
            self.isolated.swap_remove(at);
        } else {
            assert!(self.zone.unisolate(Pfn::range(pfns.clone())).is_err());
            self.zone.isolate(Pfn::range(pfns)).unwrap();
            self.isolated.push(block);
        }
    }

    /// Frees an arbitrary block: unless it is allocated as such, the free has to fail.
    pub(crate) fn free_wrongly(&self, pfn: u64, order: Order) {
        let pfns = pfn..pfn + order.pages();
        let not_in_use = pfns.clone().any(|pfn| !self.is(pfn, Frame::Used));
        let nonsense = order > self.zone.max_order() || pfn % order.pages() != 0;
        let not_live = cfg!(feature = "checked") && !self.live.contains(&(pfn, order));
        if not_in_use || nonsense || not_live {
            self.zone.free(Pfn::new(pfn), order).unwrap_err();
        }
        if !self.is(pfn, Frame::Used) {
            self.zone.free_bulk(&[Pfn::new(pfn)]).unwrap_err();
        }
        if not_in_use && !pfns.is_empty() {
            self.zone.free_contig(Pfn::range(pfns)).unwrap_err();
        }
    }

    /// The number of maximal free blocks of each order.
    fn by_order(&self) -> [usize; 11] {
        let (mut counts, levels) = ([0; 11], self.levels());
        for (order, blocks) in levels.iter().enumerate() {
            let within = |at: usize| levels.get(order + 1).is_some_and(|parents| parents[at / 2]);
            counts[order] = (0..blocks.len()).filter(|&at| blocks[at] && !within(at)).count();
        }
        counts
    }

    /// Checks the zone's counts against the list.
    pub(crate) fn check(&self) {
        assert_eq!(self.zone.free_by_order(), self.by_order());
        let (mut free, mut managed) = (0, 0);
        for (block, states) in (BASE / BLOCK..).zip(self.frames.chunks(BLOCK as usize)) {
            let state = self.zone.pageblock(Pfn::new(SPAN.start.max(block * BLOCK))).unwrap();
            let count = |wanted: Frame| states.iter().filter(|&&state| state == wanted).count();
            let (free_here, used_here) = (count(Frame::Free), count(Frame::Used));
            let isolated = self.isolated.contains(&block);
            assert_eq!((state.free, state.managed, state.isolated), (free_here, free_here + used_here, isolated));
            free += if isolated { 0 } else { free_here };
            managed += free_here + used_here;
        }
        assert_eq!((self.zone.free_pages(), self.zone.managed()), (free, managed));
        self.check_managed(BASE..BASE + 3 * 1024, 61);
    }

    /// Checks for every `step`-th of these frames whether the zone manages it.
    fn check_managed(&self, pfns: Range<u64>, step: usize) {
        for pfn in pfns.step_by(step) {
            let managed = self.is(pfn, Frame::Free) || self.is(pfn, Frame::Used);
            assert_eq!(self.zone.manages(Pfn::new(pfn)), managed, "frame {pfn}");
        }
    }

    /// Frees every block: exactly the managed frames are free then.
    pub(crate) fn free_all(&mut self) {
        while !self.live.is_empty() {
            self.free(0);
        }
        while let Some(&block) = self.isolated.first() {
            self.toggle_isolation(block);
        }
        self.check();
        self.check_managed(BASE - 5..BASE + 3 * 1024 + 5, 1);
        assert_eq!(self.zone.free_pages(), self.zone.managed());
    }
}

/// A zone over the span, without frames.
pub(crate) fn empty(max_order: Order) -> Zone<'static> {
    use zonelist_core::{NodeId, ZoneId, ZoneKind};
    let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    Zone::boxed(id, Pfn::range(SPAN), max_order, Spin::new()).unwrap()
}
