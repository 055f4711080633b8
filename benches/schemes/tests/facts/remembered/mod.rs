//! First zones that readers and handles remember, under each scheme: never one that has left the lists, and always a
//! nearer one that has come.

mod lists;
mod silent;
mod stress;

use zonelist_core::{
    LocalHandle, NodeId, PageRequest, Request,
    ZoneKind::Normal,
    Zoneref,
    page_alloc::PreparedRequest,
    publish::{Memory, Platform, Published, ReaderSlots, Scheme},
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

use self::lists::{FAR, ListedZones, NEAR, NODE, allocator};

/// The kinds of reads after a publish, under each scheme.
struct AfterPublishes;

impl Visitor for AfterPublishes {
    type Output = ();

    fn capacity(&self) -> Capacity {
        ListedZones::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) {
        let published = Published::<S, P>::with_platform(S::build(ListedZones::CAPACITY), ReaderSlots::boxed(2));
        published.publish(&ListedZones::FAR_ONLY.build()).unwrap();
        let allocator = allocator(published);
        let request = allocator.prepare(&PageRequest::up_to(Normal));
        let mut local = allocator.local().unwrap();
        let published = allocator.published();
        let filter = published.filter(&Request::up_to(Normal));
        let mut reader = published.reader().unwrap();
        let mut one = published.first_zone(NODE, &filter);
        let mut many = published.first_zones(&filter, [Memory::NOTHING; 1]);
        for turn in 0..100 {
            let (lists, expected) =
                if turn % 2 == 0 { (ListedZones::FAR_ONLY, FAR) } else { (ListedZones::BOTH, NEAR) };
            // A reader of `Qsbr` is waited for.
            reader.offline(|| published.publish(&lists.build())).unwrap();
            for _ in 0..3 {
                assert_eq!(zone_of_page(&allocator, &mut local, &request), expected, "a page");
                assert_eq!(reader.first(&mut one).map(Zoneref::zone), Some(expected), "a read");
                assert_eq!(one.recall().map(Zoneref::zone), Some(expected), "what is remembered");
                assert_eq!(reader.first_of(&mut many, NODE).map(Zoneref::zone), Some(expected), "a read by node");
            }
            // A node without a memory is walked for.
            assert_eq!(reader.first_of(&mut many, NodeId::new(1).unwrap()), None);
            one.forget();
            assert_eq!(one.recall(), None);
        }
        // What holds no zone is not remembered.
        reader.offline(|| published.publish(&ListedZones::NONE.build())).unwrap();
        assert_eq!((reader.first(&mut one), one.recall()), (None, None));
    }
}

/// The zone that a page is allocated from. The page is freed again.
fn zone_of_page<S: Scheme, P: Platform<Lock = Spin>>(
    allocator: &zonelist_core::PageAllocator<'_, S, P>,
    local: &mut LocalHandle<'_, '_, S, P>,
    request: &PreparedRequest<S>,
) -> zonelist_core::ZoneId {
    let page = local.alloc(NODE, request).unwrap();
    let zone = allocator.zone_of(&page).unwrap().id();
    local.free(page).unwrap();
    zone
}

#[test]
fn a_nearer_zone_is_taken_once_its_publish_has_returned() {
    for scheme in SchemeId::all() {
        scheme.visit(&mut AfterPublishes);
    }
}
