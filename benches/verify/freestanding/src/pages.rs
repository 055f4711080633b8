//! The page allocator, and movable pages.

use core::{
    cell::Cell,
    num::NonZeroU32,
    ops::{ControlFlow, Range},
};

use zonelist_core::{
    LocalHandle, Mobility, NodeId, Page, PageAllocator, PageRequest, Pfn, Request, Zone, ZoneId, ZoneKind, Zoneref,
    page_alloc::{
        Handle, MigrationSource, MigrationTargets, MovableEntry, MovablePages, MoveError, NotSplit, PerCpuPages,
        PreparedRequest,
    },
    publish::{Memory, Published, Reader, ReaderProtocol, ReaderSlots, Scheme, Standard},
    stop_world::StopWorld,
    sync::Spin,
    table::{Capacity, Slot, Slots},
    zone::{Order, Urgency, ZoneWatermarks},
    zonelist::{NodeSpan, ZonelistsRef},
};

use crate::{
    any, holds, length,
    with_scheme::{READERS, StaticMemory},
};

/// The spans of two zones that have a pageblock in common.
const SPANS: [Range<u64>; 2] = [3000..9000, 0..3500];
const WORDS: usize = 1000;

type Allocator<'m, S> = PageAllocator<'m, S>;

pub(crate) fn check<S: Scheme>(scheme: S, memory: StaticMemory) -> Option<()> {
    let node = NodeId::new(any(1))?;
    let ids = [ZoneKind::Movable, ZoneKind::Normal].map(|kind| ZoneId::new(node, any(kind)));
    let zonerefs = ids.map(Zoneref::new);
    let row = NodeSpan { start: 0, len: any(2), own: any(2) };
    let StaticMemory { slots: [slots, unused, refused, more, last], caches: added } = memory;
    let published = Published::<S>::with_slots(scheme, ReaderSlots::borrowed(slots));
    let rows = [row, row];
    let lists = ZonelistsRef::new(&zonerefs, &rows).ok()?;
    let version = published.publish(lists).ok()?;
    let again = published.try_publish(lists);
    holds(length(version) > 0 && again.is_ok_and(|next| next > version))?;

    let (mut some, mut others) = ([0; WORDS], [0; WORDS]);
    let [movable, normal] = SPANS;
    let zones = [
        Zone::new(ids[0], Pfn::range(any(movable)), any(Order::MAX), &mut some, Spin::new()).ok()?,
        Zone::new(ids[1], Pfn::range(any(normal)), any(Order::MAX), &mut others, Spin::new()).ok()?,
    ];
    let without_memory =
        PageAllocator::new(Published::with_slots(nothing()?, ReaderSlots::borrowed(unused)), &zones, &mut [], &mut []);
    holds(without_memory.is_err_and(|error| length(error) > 0))?;
    let (mut index, mut caches) = ([0; 64], [const { PerCpuPages::new() }; 2 * READERS]);
    let allocator: Allocator<'_, S> = PageAllocator::new(published, &zones, &mut index, &mut caches).ok()?;
    let allocator = allocator.on_low(|_, _| ());
    allocator.add(ids[1], Pfn::range(any(16..3333))).ok()?;
    allocator.add(ids[0], Pfn::range(any(3333..9000))).ok()?;
    holds(allocator.add(ids[1], Pfn::range(any(3300..3400))).is_err_and(|error| length(error) > 0))?;
    for zone in allocator.zones() {
        zone.set_watermarks(&ZoneWatermarks { min: any(16), low: any(32), high: any(48), ..ZoneWatermarks::default() });
    }
    allocations(&allocator, node)?;
    readers(&allocator, node)?;
    movables(&allocator, node)?;
    crate::handlers::check(&allocator, node)?;
    statistics(&allocator, ids[0])?;
    let refused = ReaderSlots::borrowed(refused);
    holds(!refused.is_empty() && refused.len() == READERS)?;
    holds(allocator.add_handles(refused, &mut []).is_err_and(|error| length(error) > 0))?;
    allocator.add_handles(ReaderSlots::borrowed(more), added).ok()?;
    allocator.published().add_slots(ReaderSlots::borrowed(last));
    let local = allocator.local().ok()?;
    holds(allocator.published().slots() == 3 * READERS && core::ptr::eq(local.allocator(), &allocator))
}

/// A reader and a handle at the same time.
fn readers<S: Scheme>(allocator: &Allocator<'_, S>, node: NodeId) -> Option<()> {
    let (first, second) = (allocator.published().reader().ok()?, allocator.local().ok()?);
    let third = allocator.local();
    // A scheme without reader slots registers any number of readers.
    holds(third.is_err_and(|error| length(error) > 0) || S::PROTOCOL == ReaderProtocol::None)?;
    drop(second);
    let mut reader = first;
    let filter = allocator.published().filter(&Request::up_to(any(ZoneKind::Movable)));
    let any_zone =
        |zone: Zoneref| if zone.node() == node { ControlFlow::Break(zone) } else { ControlFlow::Continue(()) };
    let found = reader.enter().find(any(node), &filter, NonZeroU32::MIN, any_zone).ok()?;
    reader.quiescent();
    let walked = reader.offline(|| allocator.local().is_ok());
    holds(found.is_some() && walked && reader.enter().walk(node, &filter).count() == 2)?;
    remembered(allocator.published(), &mut reader, &filter, node)
}

/// First zones that a reader remembers, of one node and of several.
fn remembered<S: Scheme>(
    published: &Published<S>,
    reader: &mut Reader<'_, S, Standard>,
    filter: &S::Filter,
    node: NodeId,
) -> Option<()> {
    let mut one = published.first_zone(any(node), filter);
    let mut many = published.first_zones(filter, [Memory::NOTHING; 2]);
    let first = reader.first(&mut one);
    holds(first.is_some() && one.recall() == first && one.node() == node)?;
    holds(reader.first_of(&mut many, any(node)) == first && reader.first_of(&mut many, any(node)) == first)?;
    many.forget();
    one.forget();
    holds(one.recall().is_none())
}

fn allocations<S: Scheme>(allocator: &Allocator<'_, S>, node: NodeId) -> Option<()> {
    let mut local = allocator.local().ok()?;
    let single = PageRequest::up_to(any(ZoneKind::Movable)).mobility(any(Mobility::Movable));
    for order in any(Order::ALL) {
        let request = allocator.prepare(&single.order(order).urgency(any(Urgency::HIGH)));
        let page = local.alloc(any(node), &request).ok()?;
        // SAFETY: the page is compared, and not used.
        let found = unsafe { allocator.page(page.pfn(), any(order), any(Mobility::Movable)) };
        holds(found.as_ref() == Some(&page) && allocator.zone_of(&page).is_some())?;
        holds(Pfn::iter(any(page.frames())).all(|pfn| allocator.zones().iter().any(|zone| zone.manages(pfn))))?;
        let word = any(page.as_raw());
        // SAFETY: the word is of the page that ends here.
        let page = unsafe { Page::from_raw(any(page.into_raw())) }?;
        holds(page.as_raw() == word)?;
        match allocator.split(page) {
            Ok(halves) => local.free_bulk(halves).ok()?,
            Err(NotSplit { page, error }) => {
                holds(order == Order::ZERO && length(error) > 0)?;
                local.free(page).ok()?;
            }
        }
    }
    exhaust(allocator, &mut local, node)?;
    // SAFETY: the page is of no allocator, and no code relies on its ownership.
    let foreign = unsafe { Page::from_raw(any(1 << 63)) }?;
    holds(local.free(foreign).is_err_and(|error| length(error) > 0))
}

/// Allocates all pages, and frees them.
fn exhaust<S: Scheme>(
    allocator: &Allocator<'_, S>,
    local: &mut LocalHandle<'_, '_, S, Standard>,
    node: NodeId,
) -> Option<()> {
    let request = allocator.prepare(&PageRequest::up_to(any(ZoneKind::Movable)).order(any(Order::of::<2>())));
    let mut pages = [const { None }; 3000];
    let taken = local.alloc_bulk(any(node), &request, &mut pages).ok()?;
    holds(taken > 2000 && local.alloc(node, &request).is_err_and(|error| length(error) > 0))?;
    holds(local.failure().zones() == 2 && local.failure().refused().count() == 2)?;
    holds(length(local.failure()) > 0 && !local.failure().was_torn())?;
    holds(local.failure().zones_passed_over() == local.failure().passed_over().count())?;
    local.free_bulk(pages.into_iter().flatten()).ok()?;
    holds(allocator.drain().ok()? > 0)?;
    local.drain();
    Some(())
}

/// Migration targets from a handle, one page after the other.
struct HandleTargets<'l, 'a, 'm, S: Scheme> {
    local: &'l mut LocalHandle<'a, 'm, S, Standard>,
    request: &'l PreparedRequest<S>,
    node: NodeId,
}

impl<S: Scheme> MigrationTargets for HandleTargets<'_, '_, '_, S> {
    fn alloc_target(&mut self, _: &Page) -> Option<Page> {
        self.local.alloc(self.node, self.request).ok()
    }

    fn free_source(&mut self, page: Page) {
        let _ = self.local.free(page);
    }
}

/// A scheme without room for a list.
fn nothing() -> Option<StopWorld<[Slot; 1]>> {
    Some(StopWorld::new(Slots::in_array(Capacity::new(any(0), any(0))?)?))
}

fn movables<S: Scheme>(allocator: &Allocator<'_, S>, node: NodeId) -> Option<()> {
    let mut local = allocator.local().ok()?;
    let request = PageRequest::up_to(any(ZoneKind::Movable)).mobility(any(Mobility::Movable));
    let request = allocator.prepare(&request);
    let moves = Cell::new(0);
    let migrate = |_: Handle, _: &Page, _: &Page| {
        moves.set(moves.get() + 1);
        any(Ok::<_, MoveError>(()))
    };
    let mut entries = [const { MovableEntry::new() }; 4];
    let movables = MovablePages::new(migrate, any(&mut entries), Spin::new());
    any(movables.migrate_callback());
    let prepared = movables.prepare_fork();
    prepared.parent();
    let prepared = movables.prepare_fork();
    // SAFETY: the process has one thread, as the child of a fork has.
    let moving = unsafe { prepared.child() };
    // SAFETY: the process has one thread, as the child of a fork has.
    holds(moving == 0 && unsafe { movables.after_fork() } == 0)?;
    let page = local.alloc(any(node), &request).ok()?;
    let pfn = page.pfn();
    let handle = movables.insert(page).ok()?;
    movables.pin(handle).ok()?;
    let frames = any(pfn..pfn + 1);
    let targets = &mut HandleTargets { local: &mut local, request: &request, node };
    // A pinned page does not move.
    holds(movables.move_away(&frames, targets).is_err_and(|error| length(error) > 0))?;
    movables.unpin(handle).ok()?;
    movables.move_away(&frames, targets).ok()?;
    holds(moves.get() == 1 && movables.hold(handle).ok()?.page().pfn() != pfn)?;
    holds(movables.try_hold(handle).ok()?.page() == movables.hold(handle).ok()?.page())?;
    let other = movables.insert(local.alloc(node, &request).ok()?).ok()?;
    local.free(movables.try_remove(other).ok()?).ok()?;
    local.free(movables.remove(handle).ok()?).ok()?;
    holds(movables.hold(handle).is_err_and(|error| length(error) > 0))
}

fn statistics<S: Scheme>(allocator: &Allocator<'_, S>, id: ZoneId) -> Option<()> {
    let stats = allocator.stats(any(id))?;
    holds(stats.managed == 9000 - 3333 && length(allocator.buddyinfo()) > 0 && length(allocator.zoneinfo()) > 0)?;
    allocator.without_caches(any(id), || allocator.zone(id)?.isolate(Pfn::range(any(8704..9000))).ok()).ok()?;
    allocator.drain_zone(any(id)).ok()?;
    holds(allocator.stats(any(id))?.cached == 0)
}
