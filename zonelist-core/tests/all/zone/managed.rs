//! Managed frames, to the frame: one that is managed is not added again, and one that is not managed is not freed.

use zonelist_core::{
    Mobility, Pfn, Zone, ZoneKind,
    sync::Spin,
    zone::{BootLayoutError, FreeError, Order, RangeError, WatermarkLevel},
};

use super::{oracle::empty, refusals::ID};

#[test]
fn a_managed_frame_is_not_added_again() {
    let zone = Zone::boxed(ID, Pfn::range(0..1024), Order::MAX, Spin::new()).unwrap();
    zone.add(Pfn::range(0..256)).unwrap();
    let taken = zone.alloc(Order::ZERO, Mobility::Movable).unwrap();
    // An allocated frame, a free one, and ranges that also contain new frames.
    for range in [taken..taken + 1, Pfn::range(255..256), Pfn::range(255..257), Pfn::range(0..1024)] {
        assert_eq!(zone.add(range.clone()), Err(RangeError::Managed { pfn: range.start }), "{range:?}");
    }
    zone.add(Pfn::range(256..300)).unwrap();
    let mut all = vec![taken];
    all.extend(std::iter::repeat_with(|| zone.alloc(Order::ZERO, Mobility::Movable)).map_while(|pfn| pfn));
    let allocated = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((allocated, all.len(), zone.managed()), (300, 300, 300));
}

#[test]
fn no_call_frees_a_frame_in_a_hole() {
    let zone = empty(Order::MAX);
    zone.add(Pfn::range(4096..5000)).unwrap();
    zone.remove(Pfn::range(4200..4210)).unwrap();
    let pages: Vec<Pfn> =
        std::iter::repeat_with(|| zone.alloc(Order::ZERO, Mobility::Movable)).map_while(|pfn| pfn).collect();
    for hole in [4200, 4209, 5000, 5100] {
        let expected = if cfg!(feature = "checked") { FreeError::NeverHandedOut } else { FreeError::NoSuchFrame };
        assert_eq!(zone.free(Pfn::new(hole), Order::ZERO), Err(expected), "frame {hole}");
        assert_eq!(zone.free_bulk(&[Pfn::new(hole)]), Err(expected), "frame {hole}");
        assert_eq!(zone.free_contig(Pfn::range(hole..hole + 1)), Err(expected), "frame {hole}");
        assert!(!zone.manages(Pfn::new(hole)));
    }
    assert!(
        zone.free(Pfn::new(4208), Order::of::<3>()).is_err() && zone.free_contig(Pfn::range(4190..4201)).is_err(),
        "both contain frames of a hole"
    );
    assert_eq!(zone.free_pages(), 0);
    zone.free_bulk(&pages).unwrap();
    assert_eq!((zone.free_pages(), zone.managed()), (894, 894));
}

/// The minimal memory has room for one scattered pageblock, and each eight words more for another.
#[test]
fn scattered_frames_beyond_the_given_memory_are_refused() {
    let least = Zone::<Spin>::words(Pfn::range(0..4096));
    for more in [0, 1, 3] {
        let mut words = vec![0; least + 8 * more];
        let zone = Zone::new(ID, Pfn::range(0..4096), Order::MAX, &mut words, Spin::new()).unwrap();
        zone.add(Pfn::range(0..4096)).unwrap();
        // All frames but one range: the state word of a pageblock can represent that.
        (0..8).for_each(|block| zone.remove(Pfn::range(block * 512 + 100..block * 512 + 110)).unwrap());
        let scattered: Vec<u64> =
            (0..8).filter(|block| zone.remove(Pfn::range(block * 512 + 200..block * 512 + 201)).is_ok()).collect();
        // Depending on the alignment of the memory, up to seven words are left over.
        assert!((1 + more..=2 + more).contains(&scattered.len()), "{scattered:?}");
        let full = scattered.len() as u64;
        let refused = RangeError::Scattered { pfn: Pfn::new(full * 512) };
        assert_eq!(zone.remove(Pfn::range(full * 512 + 200..full * 512 + 201)), Err(refused));
        assert_eq!(zone.managed(), 4096 - 80 - scattered.len(), "nothing has changed");
        assert_eq!(zone.free_pages(), zone.managed());
        assert_eq!(
            zone.add(Pfn::range(full * 512 + 104..full * 512 + 105)),
            Err(refused),
            "still scattered with this frame"
        );
        // Once a pageblock is not scattered any more, another can be.
        zone.add(Pfn::range(200..201)).unwrap();
        zone.remove(Pfn::range(full * 512 + 200..full * 512 + 201)).unwrap();
        (0..4096).for_each(|pfn| {
            let (block, at) = (pfn / 512, pfn % 512);
            let hole = (100..110).contains(&at) || at == 200 && (1..=full).contains(&block);
            assert_eq!(zone.manages(Pfn::new(pfn)), !hole, "frame {pfn}");
        });
    }
}

#[test]
fn a_boot_layout_that_scatters_managed_frames_needs_memory() {
    // Every other frame stays free, and half of the rest are removed.
    let counts = [2048, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut words = vec![0; Zone::<Spin>::words(Pfn::range(0..4096))];
    let given = Zone::new(ID, Pfn::range(0..4096), Order::MAX, &mut words, Spin::new()).unwrap();
    given.add(Pfn::range(0..4096)).unwrap();
    let refused = given.set_boot_layout(counts, 3072).unwrap_err();
    assert!(matches!(refused, BootLayoutError::Metadata(RangeError::Scattered { .. })), "{refused}");
    assert_eq!((given.free_pages(), given.managed()), (4096, 4096));

    let boxed = Zone::boxed(ID, Pfn::range(0..4096), Order::MAX, Spin::new()).unwrap();
    boxed.add(Pfn::range(0..4096)).unwrap();
    boxed.set_boot_layout(counts, 3072).unwrap();
    assert_eq!((boxed.free_pages(), boxed.managed()), (2048, 3072));
    assert_eq!((0..4096).filter(|&pfn| boxed.manages(Pfn::new(pfn))).count(), 3072);
}

#[test]
fn every_order_and_range_has_a_result() {
    let zone = empty(Order::MAX);
    zone.add(Pfn::range(4096..5000)).unwrap();
    let max_order = Order::of::<4>();
    let small = empty(max_order);
    small.add(Pfn::range(4096..5000)).unwrap();
    for order in Order::ALL {
        let allocated = small.alloc(order, Mobility::Movable);
        assert_eq!(allocated.is_some(), order <= max_order, "order {order}");
        let expected = if order <= max_order { Ok(()) } else { Err(FreeError::Order { order, max_order }) };
        assert_eq!(small.free(allocated.unwrap_or(Pfn::new(4096)), order), expected);
        assert_eq!(small.allows(order, ZoneKind::Normal, WatermarkLevel::Low), order.pages() <= 904, "order {order}");
    }
    for (start, end) in [(0, u64::MAX), (u64::MAX, 0), (u64::MAX - 1, u64::MAX), (5000, 4096)] {
        let range = Pfn::range(start..end);
        assert!(zone.add(range.clone()).is_err() && zone.remove(range.clone()).is_err());
        assert!(zone.isolate(range.clone()).is_err() && zone.unisolate(range.clone()).is_err());
        assert!(zone.free_contig(range.clone()).is_err() && zone.first_in_use(range.clone()).is_err());
        assert!(zone.set_mobility(range, Mobility::Movable).is_err());
    }
    assert_eq!((zone.pageblock(Pfn::new(u64::MAX)), zone.manages(Pfn::new(u64::MAX))), (None, false));
    for frames in [0, 1, 904, 905, usize::MAX] {
        for align in (0..64).map(|bit| 1 << bit).chain([0, 3, u64::MAX]) {
            let range = zone.alloc_contig(frames, align);
            let fits = [1, 904].contains(&frames) && align.is_power_of_two() && align <= 4096;
            assert_eq!(range.is_some(), fits, "{frames} frames at {align}");
            range.into_iter().for_each(|pfn| zone.free_contig(pfn..pfn + frames as u64).unwrap());
        }
    }
    let counts = [usize::MAX; 11];
    assert!(zone.set_boot_layout(counts, 904).is_err() && zone.set_boot_layout([0; 11], usize::MAX).is_err());
    assert_eq!(Zone::<Spin>::words(Pfn::range(0..u64::MAX)), 0, "no zone has such a span");
    assert_eq!(Zone::<Spin>::words(Pfn::range(u64::MAX - 1..u64::MAX)), 0);
}
